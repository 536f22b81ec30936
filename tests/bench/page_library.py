"""A made library whose pictures can be looked at: a few dozen painted ones under as many names as there are assets.

Painting 75,000 pictures would take an hour, and their bytes a disk; what a page asks for and draws is the same, because each
has a name, a size and a thumbnail of its own. The names are not those of the bytes, so nothing here may be checked.
"""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from api.library.database import Database
from api.services import build_services
from shared.pictures.pixels import to_png
from shared.settings import Settings
from tests.bench.library_made import EVERY_OTHER, SIZES, grow

#: Painted for each size, and assets that have the same.
MOTIFS, SHARED_BY = 6, 200
#: Vectors and what searches mean with them are nothing a page draws.
NO_SPACES = ()


def fill(settings: Settings, database: Database, count: int) -> int:
    """So many assets, of which all but every fourth are the local person's, each with a picture; returns how many are."""
    grow(database, 0, count, NO_SPACES)
    store, folder = build_services(settings).artifacts, settings.artifacts_path
    motifs = range(min(MOTIFS, count // SHARED_BY + 1))
    painted = [[_path(folder, store.put(_painted(size, motif))) for motif in motifs] for size in SIZES]
    mine = [number for number in range(count) if number % EVERY_OTHER]
    for number in mine:
        name = _path(folder, f"img_{number:032x}")
        name.parent.mkdir(parents=True, exist_ok=True)
        os.link(painted[number % len(SIZES)][number // len(SIZES) % len(motifs)], name)
    return len(mine)


def _painted(size: tuple[int, int], motif: int) -> bytes:
    """Soft forms, as photographs have."""
    forms = np.random.default_rng((*size, motif)).integers(0, 255, (24, 24, 3), dtype=np.uint8)
    return to_png(Image.fromarray(forms).resize(size, Image.Resampling.BICUBIC))


def _path(folder: Path, picture: str) -> Path:
    """As `FolderStore` lays them."""
    return folder / picture[4:6] / picture
