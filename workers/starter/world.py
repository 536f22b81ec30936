"""What is on a postcard: scenes of the postcard world, drawn by lot from a seed.

A scene is the whole truth about a picture: sky, ground, drawing style and nought to three things, each with kind,
colour, size and place. The same seed gives the same scene for ever; `paint.py` turns it into pixels and `truth.py`
into words. Pictures are square and `SIDE_PX` wide; all positions and sizes are shares of that width.

About one in twelve combinations of colour, kind and ground is *held out*: no training scene contains it, the tests and
the evaluation ask for nothing else.
"""

import hashlib
import random
from dataclasses import dataclass, replace
from typing import Literal

#: Width and height of a postcard, pixels.
SIDE_PX = 128

SKIES = ("day", "dusk", "night", "rain")
GROUNDS = ("meadow", "sand", "snow", "sea")
STYLES = ("flat", "outlined", "watercolour")
PLACES = ("left", "middle", "right")
SIZES = ("small", "big")
KINDS = ("house", "tree", "boat", "car", "fish", "cat", "flower", "balloon", "star", "heart", "ball", "box")
COLOURS = {
    "red": (214, 38, 38),
    "orange": (246, 128, 24),
    "yellow": (252, 214, 44),
    "green": (36, 146, 58),
    "blue": (36, 84, 212),
    "purple": (132, 56, 172),
    "pink": (250, 140, 186),
    "white": (250, 250, 246),
    "black": (40, 36, 44),
    "brown": (128, 76, 42),
    "grey": (142, 144, 150),
    "turquoise": (44, 196, 190),
}

#: Kinds that hang in the air; the others stand on the ground or swim in the sea.
FLOATING = frozenset({"balloon", "star", "heart"})

#: Half of a thing's width by size. No thing is under 20 % of the picture's width: smaller ones drown in the VAE.
HALF_WIDTH = {"small": 0.14, "big": 0.2}

#: How often a training scene has 0, 1, 2, 3 things: mostly one, since binding a colour to a kind is learnt there.
COUNT_WEIGHTS = (3, 61, 28, 8)

#: Outlines of each kind in units of its half width: left, top, right, bottom around its centre. `shapes.py` fills them.
EXTENT = {
    "house": (-0.95, -1.0, 0.95, 0.95),
    "tree": (-0.8, -1.0, 0.8, 1.0),
    "boat": (-1.0, -1.0, 1.0, 0.85),
    "car": (-1.0, -0.6, 1.0, 0.7),
    "fish": (-1.0, -0.6, 1.0, 0.6),
    "cat": (-0.8, -1.0, 0.8, 1.0),
    "flower": (-0.7, -1.0, 0.7, 1.0),
    "balloon": (-0.65, -1.0, 0.65, 1.0),
    "star": (-0.95, -1.0, 0.95, 0.82),
    "heart": (-0.95, -0.72, 0.95, 1.0),
    "ball": (-0.8, -0.8, 0.8, 0.8),
    "box": (-0.8, -0.8, 0.8, 0.8),
}

#: The outline of a thing that no card of the world shows: what a textual inversion teaches.
STRANGE_EXTENT = {"windmill": (-0.82, -1.0, 0.82, 1.0)}

Box = tuple[float, float, float, float]
Split = Literal["train", "held-out"]


@dataclass(frozen=True)
class Thing:
    """One thing on a postcard.

    Args:
        centre: x and y of the drawing's origin, shares of the picture's side.
        half_width: share of the picture's side; the unit of `EXTENT`.
    """

    kind: str
    colour: str
    size: str
    place: str
    centre: tuple[float, float]
    half_width: float

    @property
    def box(self) -> Box:
        """Left, top, right, bottom, shares of the picture's side."""
        (x, y), s = self.centre, self.half_width
        left, top, right, bottom = (EXTENT | STRANGE_EXTENT)[self.kind]
        return (x + left * s, y + top * s, x + right * s, y + bottom * s)

    @property
    def point(self) -> tuple[float, float]:
        """The middle of the box."""
        left, top, right, bottom = self.box
        return ((left + right) / 2, (top + bottom) / 2)


@dataclass(frozen=True)
class Scene:
    """Everything that decides a postcard's pixels; `seed` also decides small details such as the tint."""

    seed: int
    sky: str
    ground: str
    style: str
    things: tuple[Thing, ...]


def is_held_out(colour: str, kind: str, ground: str) -> bool:
    """Whether this combination is kept from training: one in twelve, by a hash that no seed can change."""
    digest = hashlib.sha256(f"{colour} {kind} {ground}".encode()).digest()
    return digest[0] % 12 == 0


def scene_from_seed(seed: int, split: Split = "train", count: int | None = None) -> Scene:
    """Draw a scene by lot.

    Args:
        split: "train" never holds a held-out combination; in "held-out" every thing is one.
        count: how many things; left out, drawn by `COUNT_WEIGHTS`.
    """
    draw = random.Random(f"{split}:{seed}")
    many = draw.choices(range(4), COUNT_WEIGHTS)[0] if count is None else count
    ground = draw.choice(GROUNDS)
    combos = [_combo(draw, ground, split) for _ in range(many)]
    if many > 1 and draw.random() < 0.12:
        combos = [combos[0]] * many
    things = _arrange(draw, combos)
    return Scene(seed, draw.choice(SKIES), ground, draw.choice(STYLES), things)


def one_thing_scene(seed: int, kind: str, colour: str, **fixed: str) -> Scene:
    """A scene with one thing that is asked for; `fixed` may name size, place, sky, ground and style."""
    base = scene_from_seed(seed, count=1)
    draw = random.Random(f"fixed:{seed}")
    thing = base.things[0]
    size, place = fixed.get("size", thing.size), fixed.get("place", thing.place)
    thing = put(draw, kind, colour, size, place)
    sky, ground, style = (fixed.get(name, getattr(base, name)) for name in ("sky", "ground", "style"))
    return replace(base, things=(thing,), sky=sky, ground=ground, style=style)


def _combo(draw: random.Random, ground: str, split: Split) -> tuple[str, str]:
    while True:
        colour, kind = draw.choice(tuple(COLOURS)), draw.choice(KINDS)
        if is_held_out(colour, kind, ground) == (split == "held-out"):
            return colour, kind


def _arrange(draw: random.Random, combos: list[tuple[str, str]]) -> tuple[Thing, ...]:
    places = sorted(draw.sample(PLACES, len(combos)), key=PLACES.index)
    crowded = len(places) == 3 or (len(places) == 2 and "middle" in places)
    things = []
    for (colour, kind), place in zip(combos, places, strict=True):
        size = "small" if crowded else draw.choice(SIZES)
        things.append(put(draw, kind, colour, size, place))
    return tuple(things)


def put(draw: random.Random, kind: str, colour: str, size: str, place: str) -> Thing:
    """Stand a thing on the ground, or hang it over it; the jitter is small enough that neighbours never touch."""
    half = HALF_WIDTH[size] * draw.uniform(0.96, 1.04)
    left, _, right, low = (EXTENT | STRANGE_EXTENT)[kind]
    x = {"left": 0.2, "middle": 0.5, "right": 0.8}[place] + draw.uniform(-0.01, 0.01)
    x = min(max(x, 0.015 - left * half), 0.985 - right * half)
    if kind in FLOATING:
        y = 0.45 + draw.uniform(-0.02, 0.02)
    else:
        y = 0.86 + draw.uniform(-0.015, 0.015) - low * half
    return Thing(kind, colour, size, place, (x, y), half)
