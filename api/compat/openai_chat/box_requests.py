"""Whether a chat asks for a box in JSON, what is to be boxed, and the answer as such clients read it. Pure.

They ask in words ("Detect the face. Return the bounding box as a JSON object: {"ymin": …}") and parse the answer. A
language model guesses such numbers; the detector of the same model measures them.
"""

import re
from typing import Any

from shared.contracts.vision import MAX_OBJECT_CHARS, Box

#: What is boxed where the text does not say.
WHOLE_SUBJECT = "main subject"
_KEYS = tuple(re.compile(rf"\b{side}\b", re.IGNORECASE) for side in ("y_?min", "x_?min", "y_?max", "x_?max"))
_BOX = re.compile(r"\bbound(?:ing|ary)?[ -]?(?:box|rect)|\bb-?box|\bbox(?:es)?\b|\bcoordinates\b", re.IGNORECASE)
_ARTICLE = r"(?:(?:the|a|an|all|every|each|any|its|their|this|that|my|me|where|is|are|of|single|most|exact) )*"
_OBJECT = rf"{_ARTICLE}(?P<object>[^.,;:!?()\[\]{{}}\n\"]+?)"
_END = (
    r"(?=\s*(?:[.,;:!?()\[\]{}\n\"]|$|"
    r"\b(?:and|then|return|give|with|as|in (?:the|this|that|json)|within|on the|by|using|from|located|should|please|or)\b))"
)
#: Ways to name the object, the surest first.
_NAMED = tuple(
    re.compile(opening + r"\s+" + _OBJECT + _END, re.IGNORECASE)
    for opening in (
        r"\b(?:box(?:es)?|bbox(?:es)?|rectangle|coordinates|position|location)\s+(?:coordinates\s+)?(?:of|for|around)",
        r"\b(?:detect|find|locate|identify|outline|mark|spot|box(?= (?:the|all|every|each)\b)|crop to|focus on|look for|show me)",
        r"\bwhere(?:'s| is| are)",
    )
)
#: What a match must not be: the box itself, or nothing in particular.
_NO_OBJECT = re.compile(
    r"(?:(?:bounding|boundary|tight) ?)?(?:box|boxes|bbox|coordinates|rectangle|it|them|this|that|object|objects|"
    r"image|picture|photo|json|position|location)(?: coordinates)?",
    re.IGNORECASE,
)


def wants_box(text: str, *, as_json: bool) -> bool:
    """Whether it asks for a box: by the names of its sides, or, where the answer shall be JSON, by the word."""
    return all(side.search(text) for side in _KEYS) or (as_json and _BOX.search(text) is not None)


def object_in(text: str) -> str:
    """What shall be boxed."""
    for pattern in _NAMED:
        for found in pattern.finditer(text):
            name = " ".join(found["object"].split())
            if name and not _NO_OBJECT.fullmatch(name):
                return name[:MAX_OBJECT_CHARS]
    return WHOLE_SUBJECT


def as_reply(boxes: tuple[Box, ...]) -> dict[str, Any]:
    """The largest box by the names of its sides, 0..1; all of them beside it where there are several, or none."""
    sides = [_sides(box) for box in sorted(boxes, key=_area, reverse=True)]
    if len(sides) == 1:
        return dict(sides[0])
    return {**(sides[0] if sides else {}), "boxes": sides}


def _sides(box: Box) -> dict[str, float]:
    return {"ymin": box.y_min, "xmin": box.x_min, "ymax": box.y_max, "xmax": box.x_max}


def _area(box: Box) -> float:
    return (box.x_max - box.x_min) * (box.y_max - box.y_min)
