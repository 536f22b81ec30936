"""The second evaluation's prompts, as people write them: short, without place, size or, mostly, scenery.

Every thing that is asked for with a colour is a held-out combination on the ground that is named or usual. A prompt
stands with the things that have to be on its picture, each once and nothing else, and with a true card of it, on which
the judge is measured first. The forms are written apart from those the painter was trained on (`wording.py`).
"""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from workers.starter.judge import Sighting
from workers.starter.truth import GROUND_PHRASES, PLURALS, SKY_PHRASES, with_article
from workers.starter.usual import USUAL_COLOURS, plain_scene, repainted, usual_scene
from workers.starter.world import GROUNDS, KINDS, SKIES, Scene

#: Shares of the three groups: one thing, two different ones, two or three of a sort.
SHARES = {"one": 0.4, "two": 0.3, "counted": 0.3}
#: How often no colour is asked for (any is right), a ground is named, a sky is named.
COLOURLESS, GROUNDED, UNDER_A_SKY = 0.2, 0.5, 0.15
#: Seeds of the prompts, far from those of training and of the first evaluation.
FIRST_SEED = 900_000

ONE = ("{a}", "{a}", "{bare}", "{bare}", "the {bare}", "one {bare}", "{a}!", "a postcard of {a}", "{bare}, please")
TWO = (
    "{a} and {b}",
    "{a} and {b}",
    "{a} next to {b}",
    "{bare} and {other}",
    "{bare}, {other}",
    "{a} beside {b}",
    "{a} with {b}",
)
COUNTED = {
    2: ("two {many}", "two {many}", "2 {many}", "a pair of {many}", "{many}"),
    3: ("three {many}", "three {many}", "3 {many}"),
}

#: Colour, or "" for any, and kind.
Wanted = tuple[str, str]


@dataclass(frozen=True)
class Written:
    """A prompt, what has to be on the picture, and a card on which all of it is."""

    group: str
    text: str
    wanted: tuple[Wanted, ...]
    card: Scene


def written_prompts(many: int) -> list[Written]:
    """Groups one after the other; the same for ever."""
    written: list[Written] = []
    for group, share in SHARES.items():
        for _ in range(round(many * share)):
            written.append(_written(group, FIRST_SEED + len(written)))
    return written


def shows_exactly(wanted: Iterable[Wanted], seen: Iterable[Sighting]) -> bool:
    """Whether everything asked for is there, in its colour, as often as asked, and nothing else."""
    left = Counter((sighting.colour, sighting.kind) for sighting in seen)
    asked = sorted(wanted, reverse=True)  # those of any colour last
    for colour, kind in asked:
        found = next((sort for sort in left if sort[1] == kind and colour in ("", sort[0]) and left[sort]), None)
        if found is None:
            return False
        left[found] -= 1
    return not left.total()


def _written(group: str, seed: int) -> Written:
    draw = random.Random(f"written:{seed}")
    many = {"one": 1, "two": 2}.get(group) or draw.choice((2, 2, 3))
    ground = draw.choice(GROUNDS) if draw.random() < GROUNDED else None
    has_colours = draw.random() >= COLOURLESS
    card = _card(seed, draw, many, group == "counted", ground, has_colours)
    sky = draw.choice(SKIES) if draw.random() < UNDER_A_SKY else ""
    text = _subject(card, group, draw, has_colours)
    text += f" {draw.choice(GROUND_PHRASES[ground])}" if ground else ""
    text += f" {draw.choice(SKY_PHRASES[sky])}" if sky else ""
    text = text.replace("grey", "gray") if draw.random() < 0.5 else text
    wanted = tuple((thing.colour if has_colours else "", thing.kind) for thing in card.things)
    return Written(group, text, wanted, repainted(card, sky) if sky else card)


def _card(seed: int, draw: random.Random, many: int, alike: bool, ground: str | None, has_colours: bool) -> Scene:
    if has_colours:
        return plain_scene(seed, "held-out", many, alike, ground)
    kinds = [draw.choice(KINDS)] * many if alike else draw.sample(KINDS, many)
    return usual_scene(seed, [(kind, USUAL_COLOURS[kind]) for kind in kinds], ground)


def _subject(card: Scene, group: str, draw: random.Random, has_colours: bool) -> str:
    names = [f"{thing.colour} {thing.kind}" if has_colours else thing.kind for thing in card.things]
    if group == "one":
        return draw.choice(ONE).format(a=with_article(names[0]), bare=names[0])
    if group == "two":
        first, second = names
        return draw.choice(TWO).format(a=with_article(first), b=with_article(second), bare=first, other=second)
    kind = PLURALS[card.things[0].kind]
    many = f"{card.things[0].colour} {kind}" if has_colours else kind
    forms = COUNTED[len(names)]
    return draw.choice([form for form in forms if form != "{many}" or many.endswith("s")]).format(many=many)
