"""An eye without a network: which things a postcard shows, told from its pixels by rules.

What differs from the nearest empty postcard is foreground. At each of the three places the foreground is laid against
the silhouette of every kind in both sizes, moved about a little; the silhouette that covers it best is the kind, and
the middle colour inside it the colour. It knows the world's drawings but no trained weights, so it can judge both
models; on true pictures it is right in more than 98 of 100 things (the evaluation measures that first).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from workers.starter.paint import paint, thing_mask
from workers.starter.shapes import INK, PAPER, SHAPES, Colour, Pen, mix
from workers.starter.world import (
    COLOURS,
    EXTENT,
    FLOATING,
    GROUNDS,
    HALF_WIDTH,
    KINDS,
    PLACES,
    SIDE_PX,
    SIZES,
    SKIES,
    STRANGE_EXTENT,
    STYLES,
    Scene,
    Thing,
)

#: Difference from the background, in levels of the strongest channel, above which a pixel is foreground.
FOREGROUND_LEVELS = 22
#: How much ink a thing's shadow mixes into the ground, and how near to that a pixel must be.
SHADOW, SHADOW_LEVELS = 0.25, 22
#: Foreground pixels under a silhouette's window, as a share of the silhouette, below which a place is empty.
EMPTY_BELOW = 0.35
#: How far a silhouette is moved about its usual spot, pixels.
REACH_PX = 8
#: How far beyond a silhouette foreground counts against it.
MARGIN_PX = 6
#: Empty frame about the foreground, so that a moved window stays inside.
FRAME_PX = REACH_PX + 2
#: Rows above this hold sun and moon, never things.
TOP_PX = 24
#: Silhouettes that fit worse are no thing at all.
LEAST_FIT = 0.45


@dataclass(frozen=True)
class Sighting:
    """A thing that was seen; `fit` is the overlap of foreground and silhouette over their union."""

    kind: str
    colour: str
    place: str
    size: str
    fit: float


@dataclass(frozen=True)
class _Silhouette:
    """`mask` is cut to `window` (top, bottom, left, right); `body` is as large as the picture."""

    kind: str
    size: str
    place: str
    mask: np.ndarray
    body: np.ndarray
    window: tuple[int, int, int, int]


def sightings(picture: Image.Image) -> list[Sighting]:
    """The things on a postcard from left to right, at most one for each place."""
    pixels = np.asarray(picture.convert("RGB"), np.int16)
    framed = np.pad(_foreground(pixels), FRAME_PX)
    seen = [_best_of(_silhouettes(place), framed, pixels) for place in PLACES]
    return _without_shared([sighting for sighting in seen if sighting])


def sighting_at(picture: Image.Image, thing: Thing, kinds: Sequence[str] = KINDS) -> Sighting | None:
    """What stands where a thing should, which may be anywhere: the kind whose silhouette, in that thing's spot and
    size, covers the foreground best; None where none does."""
    pixels = np.asarray(picture.convert("RGB"), np.int16)
    silhouettes = [_silhouette(_in_the_spot_of(thing, kind)) for kind in kinds]
    return _best_of(silhouettes, np.pad(_foreground(pixels), FRAME_PX), pixels)


def _in_the_spot_of(thing: Thing, kind: str) -> Thing:
    """Another kind, its box around the same middle and just large enough to hold the thing's."""
    left, top, right, bottom = (EXTENT | STRANGE_EXTENT)[kind]
    wide, high = thing.box[2] - thing.box[0], thing.box[3] - thing.box[1]
    half = max(wide / (right - left), high / (bottom - top)) if kind != thing.kind else thing.half_width
    x, y = thing.point
    return replace(
        thing, kind=kind, half_width=half, centre=(x - half * (left + right) / 2, y - half * (top + bottom) / 2)
    )


def _best_of(silhouettes: Sequence[_Silhouette], framed: np.ndarray, pixels: np.ndarray) -> Sighting | None:
    best: tuple[float, _Silhouette, tuple[int, int]] | None = None
    for silhouette in silhouettes:
        fit, shift = _fit(silhouette, framed)
        if best is None or fit > best[0]:
            best = fit, silhouette, shift
    if best is None or best[0] < LEAST_FIT:
        return None
    fit, silhouette, shift = best
    inside = pixels[np.roll(silhouette.body, shift, (0, 1))]
    return Sighting(silhouette.kind, _colour_of(np.median(inside, 0)), silhouette.place, silhouette.size, fit)


def _fit(silhouette: _Silhouette, framed: np.ndarray) -> tuple[float, tuple[int, int]]:
    """The best overlap over union within reach, and the shift (rows, columns) that gives it."""
    best, best_shift = 0.0, (0, 0)
    spots = [(y, x) for y in range(-REACH_PX, REACH_PX + 1, 2) for x in range(-6, 7, 2)]
    for coarse in (True, False):
        if not coarse:
            y0, x0 = best_shift
            spots = [(y0 + y, x0 + x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        for shift in spots:
            fit = _overlap(silhouette, framed, shift)
            if fit > best:
                best, best_shift = fit, shift
        if best < EMPTY_BELOW:
            break
    return best, best_shift


def _overlap(silhouette: _Silhouette, framed: np.ndarray, shift: tuple[int, int]) -> float:
    """Overlap over union, both within the silhouette's window: what lies beyond belongs to neighbours."""
    top, bottom, left, right = silhouette.window
    down, along = shift[0] + FRAME_PX, shift[1] + FRAME_PX
    there = framed[top + down : bottom + down, left + along : right + along]
    both, either = int((there & silhouette.mask).sum()), int((there | silhouette.mask).sum())
    return both / max(1, either)


def _without_shared(seen: list[Sighting]) -> list[Sighting]:
    """A big thing must not be seen again as a small neighbour: of two that are too close the better fit stays."""
    kept: list[Sighting] = []
    for sighting in seen:
        if kept and "big" in (kept[-1].size, sighting.size) and _adjacent(kept[-1].place, sighting.place):
            if sighting.fit > kept[-1].fit:
                kept[-1] = sighting
            continue
        kept.append(sighting)
    return kept


def _adjacent(first: str, second: str) -> bool:
    return abs(PLACES.index(first) - PLACES.index(second)) == 1


def _foreground(pixels: np.ndarray) -> np.ndarray:
    """(128, 128) bool: what no empty postcard explains, holes filled, cleaned of specks."""
    backgrounds = _backgrounds()
    coarse = np.minimum(np.abs(backgrounds[:, ::4, ::4] - pixels[::4, ::4]), 40).mean((1, 2, 3))
    empty = backgrounds[coarse.argmin()]
    differs = np.abs(empty - pixels).max(-1) > FOREGROUND_LEVELS
    shadow = np.abs(empty + (np.array(INK) - empty) * SHADOW - pixels).max(-1) < SHADOW_LEVELS
    differs &= ~shadow
    differs[:TOP_PX] = False
    mask = _filled(Image.fromarray(differs.astype(np.uint8) * 255))
    return np.asarray(mask.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.MaxFilter(3))) > 0


def _filled(mask: Image.Image) -> Image.Image:
    """Holes closed: a white thing in the snow is only its outline until then."""
    framed = Image.new("L", (SIDE_PX + 2, SIDE_PX + 2))
    framed.paste(mask, (1, 1))
    outside = framed.copy()
    ImageDraw.floodfill(outside, (0, 0), 255)
    return ImageChops.lighter(framed, ImageChops.invert(outside)).crop((1, 1, SIDE_PX + 1, SIDE_PX + 1))


def _colour_of(levels: np.ndarray) -> str:
    names, palette = _palette()
    return names[int(((palette - levels) ** 2).sum(-1).argmin())]


@cache
def _palette() -> tuple[list[str], np.ndarray]:
    """Every colour as it is and as watercolour pales it."""
    names = [*COLOURS, *COLOURS]
    pale = [mix(colour, PAPER, 0.16) for colour in COLOURS.values()]
    return names, np.array([*COLOURS.values(), *pale], float)


@cache
def _backgrounds() -> np.ndarray:
    """(N, 128, 128, 3): every empty postcard, sun and hill on either side."""
    found: dict[bytes, np.ndarray] = {}
    for sky, ground, style in itertools.product(SKIES, GROUNDS, STYLES[1:]):
        for seed in range(16):
            picture = paint(Scene(seed, sky, ground, style, ()))
            found[picture.tobytes()] = np.asarray(picture, np.int16)
    return np.stack(list(found.values()))


@cache
def _silhouettes(place: str) -> tuple[_Silhouette, ...]:
    return tuple(_silhouette(_usual(kind, size, place)) for kind in KINDS for size in SIZES)


def _silhouette(thing: Thing) -> _Silhouette:
    mask = np.asarray(thing_mask(thing)) > 127
    left, top, right, bottom = (round(share * SIDE_PX) for share in thing.box)
    high, low = max(0, top - MARGIN_PX), min(SIDE_PX, bottom + MARGIN_PX)
    first, last = max(0, left - MARGIN_PX), min(SIDE_PX, right + MARGIN_PX)
    window = high, low, first, last
    return _Silhouette(thing.kind, thing.size, thing.place, mask[high:low, first:last], _body(thing), window)


def _usual(kind: str, size: str, place: str) -> Thing:
    """The thing where `world` puts it, without the jitter."""
    half = HALF_WIDTH[size]
    left, _, right, low = EXTENT[kind]
    x = min(max({"left": 0.2, "middle": 0.5, "right": 0.8}[place], 0.015 - left * half), 0.985 - right * half)
    return Thing(kind, "red", size, place, (x, 0.45 if kind in FLOATING else 0.86 - low * half), half)


def _body(thing: Thing) -> np.ndarray:
    """Where the thing shows its own colour and nothing else, one pixel in from every edge."""
    picture = Image.new("RGB", (SIDE_PX, SIDE_PX), INK)
    body: Colour = (255, 0, 0)
    centre = thing.centre[0] * SIDE_PX, thing.centre[1] * SIDE_PX
    SHAPES[thing.kind](Pen(ImageDraw.Draw(picture), centre, thing.half_width * SIDE_PX, body, INK, 3))
    pure = np.all(np.asarray(picture) == body, axis=-1)
    return np.asarray(Image.fromarray(pure.astype(np.uint8) * 255).filter(ImageFilter.MinFilter(3))) > 0
