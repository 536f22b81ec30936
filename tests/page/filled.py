"""Fills a library for the page to show: many small pictures that differ, over years of months, as a few families and tags.

Straight into the database, because making 10,000 pictures by jobs would take longer than looking at them. One in eight has
a tag, because tags would take half of the time.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import numpy as np
from PIL import Image

from api.library import brought
from api.library.newcomers import NewAsset, drawn_asset_id
from api.services import build_services
from shared.pictures.fingerprints import fingerprints
from shared.pictures.pixels import to_png
from shared.settings import Settings

#: The newest picture's moment, and how far back the oldest lies.
NEWEST = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOST_DAYS = 900
SHAPES = ((24, 24), (30, 20), (20, 30), (32, 18), (18, 32), (28, 22))
#: What tries to be more than text.
HOSTILE = (
    "<img src=x onerror=\"document.title='pwned'\">",
    "</title><script>document.title='pwned'</script>",
    "javascript:document.title='pwned'//\"'`${document.title='pwned'}",
    "{{constructor.constructor('document.title=1')()}} \u202e\u0007<svg/onload=document.title='pwned'>",
)


def fill(settings: Settings, n: int, *, owner: str = "anonymous", hostile: int = 0, scale: int = 1) -> list[str]:
    """Add n assets; returns their ids, the newest first. The newest `hostile` of them have hostile words.

    Args:
        scale: how many times larger than the smallest the pictures are.
    """
    with patch("os.fsync"):  # nothing of this need survive a power cut, and 10,000 waits for a disk are half a minute
        return _filled(settings, n, owner, hostile, scale)


def _filled(settings: Settings, n: int, owner: str, hostile: int, scale: int) -> list[str]:
    services = build_services(settings)
    ids: list[str] = []
    assets: list[NewAsset] = []
    for index, (picture, moment) in enumerate(_pictures(n, scale)):
        data = to_png(picture)
        prints = fingerprints(picture)
        word = HOSTILE[index % len(HOSTILE)] if index < hostile else ""
        made = NewAsset(
            id=drawn_asset_id(),
            owner=owner,
            picture=services.artifacts.put(data),
            origin="job",
            kind="generate",
            width=picture.width,
            height=picture.height,
            created_ms=round(moment.timestamp() * 1000),
            size_bytes=len(data),
            thumbhash=prints.thumbhash,
            dhash=prints.dhash,
            model=("sdxl-starter", "sdxl", "sd15")[index % 3],
            seed=index,
            steps=20 + index % 10,
            prompt=word or f"a field of colours number {index}",
            caption=word or f"soft colours flowing into each other, number {index}",
            file_name=word,
            tags=(word[:60],) if word else (("sky", "sea", "stone")[index % 3],) if index % 8 == 0 else (),
            stars=index % 7 if index % 7 < 6 else 0,
            favourite=index % 17 == 0,
            analysis="failed" if index % 61 == 5 else "done",
        )
        ids.append(made.id)
        assets.append(made)
    for start in range(0, n, 1000):
        with services.library.database.writing() as session:
            brought.take_in(session, services.artifacts, assets[start : start + 1000], services.store.now_ms())
    return ids


def _pictures(n: int, scale: int) -> Iterator[tuple[Image.Image, datetime]]:
    """Soft fields of colour, the newest first; each differs from all others."""
    chance, numbers = random.Random(7), np.random.default_rng(7)
    days = sorted(chance.random() ** 2 * MOST_DAYS for _ in range(n))
    for day in days:
        across, down = chance.choice(SHAPES)
        pixels = numbers.integers(0, 255, (3, 4, 3), dtype=np.uint8)
        size = (across * scale, down * scale)
        yield Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC), NEWEST - timedelta(days=day)
