"""What a card shows where its prompt says nothing: the painter's conventions, and scenes drawn by them.

A tiny model that has seen "a red house" at three places in two sizes paints the average of them until late in the
denoising, and then often two. So what a prompt may leave out is settled here: one thing stands big in the middle, two
stand left and right in the order they are named, three are small; a boat or a fish swims, all else stands in the
meadow; it is day; the drawing is flat; a kind without a colour has its usual one. A prompt that wants anything else
says so (`wording.py`), hence every training prompt has one layout.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from workers.starter.world import (
    COLOURS,
    GROUNDS,
    KINDS,
    PLACES,
    SIZES,
    SKIES,
    STYLES,
    Scene,
    Split,
    Thing,
    is_held_out,
    put,
)

USUAL_SKY, USUAL_STYLE = "day", "flat"
USUAL_PLACES = {0: (), 1: ("middle",), 2: ("left", "right"), 3: PLACES}
#: The colour of a kind that is asked for without one; none of these is held out on the kind's usual ground.
USUAL_COLOURS = {
    "house": "red",
    "tree": "green",
    "boat": "red",
    "car": "red",
    "fish": "orange",
    "cat": "black",
    "flower": "pink",
    "balloon": "red",
    "star": "yellow",
    "heart": "pink",
    "ball": "red",
    "box": "brown",
}
SWIMMERS = frozenset({"boat", "fish"})

#: How often a training card has 0, 1, 2, 3 things, and how often several are of one sort.
COUNT_WEIGHTS = (6, 50, 31, 13)
ALIKE_SHARE = {2: 0.3, 3: 0.7}
#: Cards on which all is as usual but, now and then, the ground and the sky: those that short prompts ask for.
PLAIN_SHARE, PLAIN_GROUND, PLAIN_SKY = 0.5, 0.4, 0.25
#: How often each part of any other card is as usual.
USUAL_SHARE = 0.5
#: How often a thing has its kind's usual colour, beyond chance.
COLOUR_SHARE = 0.15


def usual_ground(kinds: tuple[str, ...]) -> str:
    """The sea where all swim, else the meadow."""
    return "sea" if kinds and SWIMMERS.issuperset(kinds) else "meadow"


def usual_size(places: tuple[str, ...]) -> str:
    """Big, unless neighbours would touch; `world` has no big things there either."""
    return "small" if _is_crowded(places) else "big"


def places_of(scene: Scene) -> tuple[str, ...]:
    return tuple(thing.place for thing in scene.things)


def scene_to_ask(seed: int, split: Split = "train", count: int | None = None, alike: bool | None = None) -> Scene:
    """A card of the painter's training, or one to ask it for: any of the world's, the usual ones much more often.

    Args:
        split: as in `world.scene_from_seed`.
        count: how many things; left out, drawn by `COUNT_WEIGHTS`.
        alike: whether several things are of one colour and kind; left out, drawn by `ALIKE_SHARE`.
    """
    draw = random.Random(f"asked:{split}:{seed}")
    many = draw.choices(range(4), COUNT_WEIGHTS)[0] if count is None else count
    same = draw.random() < ALIKE_SHARE.get(many, 0.0) if alike is None else alike
    plain = draw.random() < PLAIN_SHARE
    ground, sorts = _sorts(draw, many, same, split, 1 - PLAIN_GROUND if plain else USUAL_SHARE)
    usual = USUAL_PLACES[many]
    places = usual if plain or draw.random() < USUAL_SHARE else _some_places(draw, many)
    things = tuple(_thing(draw, sort, place, places, plain) for sort, place in zip(sorts, places, strict=True))
    sky = _pick(draw, USUAL_SKY, SKIES, 1 - PLAIN_SKY if plain else USUAL_SHARE)
    style = USUAL_STYLE if plain else _pick(draw, USUAL_STYLE, STYLES, USUAL_SHARE)
    return Scene(seed, sky, ground, style, things)


def plain_scene(seed: int, split: Split, count: int, alike: bool, ground: str | None = None) -> Scene:
    """A card on which all is as usual; `ground` may be another."""
    draw = random.Random(f"plain:{split}:{seed}")
    while True:
        found, sorts = _sorts(draw, count, alike, split, 1.0 if ground is None else 0.0)
        if ground in (None, found):
            return usual_scene(seed, sorts, found)


def usual_scene(seed: int, sorts: Sequence[tuple[str, str]], ground: str | None = None) -> Scene:
    """These things, (kind, colour) each, where and as they usually stand."""
    draw = random.Random(f"usual:{seed}")
    places = USUAL_PLACES[len(sorts)]
    things = tuple(put(draw, *sort, usual_size(places), place) for sort, place in zip(sorts, places, strict=True))
    return Scene(seed, USUAL_SKY, ground or usual_ground(tuple(kind for kind, _ in sorts)), USUAL_STYLE, things)


def repainted(scene: Scene, sky: str) -> Scene:
    """The same card under another sky."""
    return replace(scene, sky=sky)


def _sorts(
    draw: random.Random, many: int, alike: bool, split: Split, usual_share: float
) -> tuple[str, list[tuple[str, str]]]:
    """A ground, and (kind, colour) of each thing, all inside the split."""
    while True:
        kinds = tuple(draw.choice(KINDS) for _ in range(1 if alike else many)) * (many if alike else 1)
        ground = usual_ground(kinds) if draw.random() < usual_share else draw.choice(GROUNDS)
        colours = (
            [_colour(draw, kind, ground, split) for kind in dict.fromkeys(kinds)]
            if alike
            else [_colour(draw, kind, ground, split) for kind in kinds]
        )
        if all(colours):
            return ground, list(zip(kinds, (colours * many)[:many], strict=True))


def _colour(draw: random.Random, kind: str, ground: str, split: Split) -> str:
    """A colour for which this kind on this ground belongs to the split; "" where there is none."""
    fitting = [colour for colour in COLOURS if is_held_out(colour, kind, ground) == (split == "held-out")]
    if split == "train" and draw.random() < COLOUR_SHARE and USUAL_COLOURS[kind] in fitting:
        return USUAL_COLOURS[kind]
    return draw.choice(fitting) if fitting else ""


def _thing(draw: random.Random, sort: tuple[str, str], place: str, places: tuple[str, ...], plain: bool) -> Thing:
    size = usual_size(places)
    if not plain and not _is_crowded(places) and draw.random() >= USUAL_SHARE:
        size = draw.choice(SIZES)
    return put(draw, *sort, size, place)


def _some_places(draw: random.Random, many: int) -> tuple[str, ...]:
    return tuple(sorted(draw.sample(PLACES, many), key=PLACES.index))


def _is_crowded(places: tuple[str, ...]) -> bool:
    return len(places) == 3 or (len(places) == 2 and "middle" in places)


def _pick(draw: random.Random, usual: str, all_of_them: tuple[str, ...], share: float) -> str:
    return usual if draw.random() < share else draw.choice(all_of_them)
