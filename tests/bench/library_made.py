"""A library made of metadata alone: assets with words, tags, stacks and vectors, as many as a bench asks for, and more later.

Captions, prompts and tags are of a vocabulary whose words are as unequal as those of a language (Zipf); vectors lie around
those of real queries, so that a search finds them near. A quarter is another person's. Everything is written by the
library's own functions, but for vectors and tags that an analysis would bring one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from api.library import newcomers, tags
from api.library.database import Database
from api.library.newcomers import NewAsset
from api.library.tables import Asset, AssetTag, AssetVector, Position
from api.library.vectors import CHANGES
from shared.contracts.access import LOCAL

#: Words there are, and tags.
VOCABULARY, TAGS = 8000, 1000
#: Words of a caption and a prompt, and the tags of an asset.
CAPTION_WORDS, PROMPT_WORDS, TAGS_EACH = 15, 45, 5
#: Assets of one transaction.
AT_ONCE = 2000
OTHER = "bob"
#: Every so many assets are the other person's.
EVERY_OTHER = 4
#: Pictures of a stack; every so many runs of them are one.
STACK, EVERY_STACK = 4, 5
#: Their days: two years up to September 2026.
LAST_MS, SPAN_MS = 1_790_000_000_000, 2 * 365 * 86_400_000
SIZES = ((512, 512), (768, 768), (1024, 1024), (832, 1216), (1216, 832), (1344, 768))
MODELS = ("sdxl", "sdxl-turbo", "sd15", "flux", "sdxl-toy")
#: How far a vector lies from its middle, of length 1.
SPREAD = 0.6


@dataclass(frozen=True)
class Space:
    """What one encoder says of assets."""

    model: str
    #: words or looks.
    what: str
    name: str
    #: (n, dimensions) of length 1: what the vectors lie around.
    middles: np.ndarray


def made_up(model: str, what: str, dimensions: int, seed: int = 3) -> Space:
    """A space of no encoder that runs."""
    drawn = np.random.default_rng(seed).standard_normal((200, dimensions))
    return Space(model, what, f"{model}:1:bench", drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


#: What the tagger sees.
LOOKS = made_up("efficientnet-lite0", "looks", 256)
WORDS = made_up("minilm-l6", "words", 384)


def word(number: int) -> str:
    """The n-th most frequent word, from 0."""
    return f"w{number:x}"


def tag(number: int) -> str:
    """The n-th most frequent tag, from 0."""
    return f"tag {number:x}"


def grow(database: Database, before: int, after: int, spaces: Sequence[Space] = (WORDS, LOOKS), seed: int = 1) -> None:
    """Let a library of so many made assets have so many."""
    rng = np.random.default_rng((seed, before))
    for start in range(before, after, AT_ONCE):
        numbers = range(start, min(after, start + AT_ONCE))
        words = rng.choice(VOCABULARY, (len(numbers), CAPTION_WORDS + PROMPT_WORDS), p=_unequal(VOCABULARY)).tolist()
        tagged = rng.choice(TAGS, (len(numbers), TAGS_EACH), p=_unequal(TAGS)).tolist()
        assets = [_asset(number, said) for number, said in zip(numbers, words, strict=True)]
        with database.writing() as session:
            newcomers.add(session, assets, LAST_MS)
            nos = _nos(session, assets)
            _tag(session, dict(zip(nos, tagged, strict=True)))
            for space in spaces:
                _look(session, nos, space, rng)


def _unequal(count: int) -> np.ndarray:
    weights = 1 / np.arange(1, count + 1)
    return np.asarray(weights / weights.sum())


def _asset(number: int, said: Sequence[int]) -> NewAsset:
    run = number // STACK
    width, height = SIZES[number % len(SIZES)]
    # A prime that shares nothing with the length: days come in no order, as with an import.
    place = number * 7_919 % 100_003 / 100_003
    return NewAsset(
        id=f"ast_{number:024x}",
        owner=OTHER if number % EVERY_OTHER == 0 else LOCAL,
        picture=f"img_{number:032x}",
        origin="job",
        kind=("generate", "generate", "remix", "upscale")[number // 7 % 4],
        width=width,
        height=height,
        created_ms=LAST_MS - round(SPAN_MS * place),
        size_bytes=1_000_000 + number,
        thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI",
        dhash=f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}",
        job=f"job_{number:032x}",
        stack=f"bat_{run:032x}" if run % EVERY_STACK == 0 else "",
        model=MODELS[number // 11 % len(MODELS)],
        seed=number,
        steps=30,
        caption=" ".join(map(word, said[:CAPTION_WORDS])),
        prompt=" ".join(map(word, said[CAPTION_WORDS:])),
        params={"prompt": "", "steps": 30, "guidance_scale": 5.0},
        stars=number // 3 % 6,
        favourite=number % 17 == 0,
        visibility="rack" if number % 40 == 0 else "private",
        analysis="done",
    )


def _nos(session: Session, assets: Sequence[NewAsset]) -> list[int]:
    rows = session.execute(select(Asset.id, Asset.no).where(Asset.id.in_([each.id for each in assets])))
    known = {row.id: row.no for row in rows}
    return [known[each.id] for each in assets]


def _tag(session: Session, tagged: Mapping[int, Sequence[int]]) -> None:
    known = tags.numbers_of(session, sorted({tag(number) for each in tagged.values() for number in each}))
    rows = [
        {"tag_no": known[tag(number)], "asset_no": no, "source": "auto", "is_off": False, "score": 0.9}
        for no, each in tagged.items()
        for number in set(each)
    ]
    session.execute(insert(AssetTag), rows)
    tags.write_words(session, list(tagged))


def _look(session: Session, nos: Sequence[int], space: Space, rng: np.random.Generator) -> None:
    position = session.get(Position, CHANGES) or Position(name=CHANGES, value="0")
    first = int(position.value) + 1
    position.value = str(first + len(nos) - 1)
    session.add(position)
    chosen = space.middles[rng.integers(0, len(space.middles), len(nos))]
    vectors = chosen + SPREAD / np.sqrt(chosen.shape[1]) * rng.standard_normal(chosen.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [
        {
            "asset_no": no,
            "model": space.model,
            "what": space.what,
            "state": "made",
            "space": space.name,
            "change": first + place,
            "halves": vector.astype("<f2").tobytes(),
        }
        for place, (no, vector) in enumerate(zip(nos, vectors, strict=True))
    ]
    session.execute(insert(AssetVector), rows)
