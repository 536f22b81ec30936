"""How answers and pictures are marked against the truth: pure functions, no model.

A *fact* is one thing a caption states that can be right or wrong: a thing's colour, kind or size at a place, the
ground, the sky.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from workers.starter.truth import GROUND_PHRASES, PLACE_PHRASES, SKY_PHRASES
from workers.starter.world import Box, Scene, Thing

_THING = re.compile(r"\ban? (?:(small|big) )?(\w+) (\w+)(?: (on the left|in the middle|on the right))?", re.IGNORECASE)
_PLACES = {phrase: place for place, phrase in PLACE_PHRASES.items()}

Fact = tuple[str, ...]


def facts_of(scene: Scene) -> set[Fact]:
    """Everything a normal caption of this scene has to say."""
    facts: set[Fact] = {("ground", scene.ground), ("sky", scene.sky)}
    for thing in scene.things:
        facts |= {(thing.place, "colour", thing.colour), (thing.place, "kind", thing.kind)}
        facts.add((thing.place, "size", thing.size))
    return facts


def facts_told(text: str) -> set[Fact]:
    """What a caption says, read by pattern."""
    facts: set[Fact] = set()
    for size, colour, kind, phrase in _THING.findall(text):
        place = _PLACES.get(phrase.lower(), "somewhere")
        facts |= {(place, "colour", colour), (place, "kind", kind), (place, "size", size)}
    for name, table in (("ground", GROUND_PHRASES), ("sky", SKY_PHRASES)):
        facts |= {(name, value) for value, phrases in table.items() if phrases[0] in text}
    return facts


def things_told(text: str) -> Counter[tuple[str, str]]:
    """(colour, kind) of each thing a caption names."""
    return Counter((colour, kind) for _, colour, kind, _ in _THING.findall(text))


def things_of(things: Iterable[Thing]) -> Counter[tuple[str, str]]:
    return Counter((thing.colour, thing.kind) for thing in things)


def overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes."""
    wide = max(0.0, min(first[2], second[2]) - max(first[0], second[0]))
    high = max(0.0, min(first[3], second[3]) - max(first[1], second[1]))
    both = wide * high
    union = _area(first) + _area(second) - both
    return both / union if union > 0 else 0.0


def mean_overlap(true: Sequence[Box], found: Sequence[Box]) -> float:
    """Mean IoU over the true boxes, each with its best partner; a box too many counts as one that was missed."""
    best = [max((overlap(box, other) for other in found), default=0.0) for box in true]
    many = max(len(true), len(found))
    return sum(best) / many if many else 1.0


def is_hit(box: Box, points: Iterable[tuple[float, float]]) -> bool:
    """Whether some point lies in the box."""
    return any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in points)


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
