"""The second table of the evaluation: short prompts, open requests, and pictures that are no postcards."""

import random
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from PIL import Image

from workers.engines.moondream.model import Moondream
from workers.engines.moondream.requests import CaptionRequest, QueryRequest, Sampling, TextAnswer
from workers.starter.elsewhere import elsewhere_pictures
from workers.starter.foreign import crop_of
from workers.starter.judge import sightings
from workers.starter.open_marks import OTHER_WORDS, mark_of, open_requests_of, says_no_postcard
from workers.starter.paint import paint
from workers.starter.world import KINDS, Scene
from workers.starter.written import Written, shows_exactly

#: Drawings that are no postcards, and crops of each photograph.
DRAWINGS, CROPS = 140, 4
GREEDY = Sampling(temperature=0.0, max_tokens=80)
#: Kinds whose facts say how well a card was understood, whatever was asked.
DESCRIBING = ("bare", "describe", "detail", "short", "title", "keywords", "subject")

Marks = dict[str, float]


def mark_rules(written: Sequence[Written]) -> Marks:
    """How often the rules find a true card of the prompt to be exactly what was asked for."""
    return {"rules right on true cards": fmean(shows_exactly(w.wanted, sightings(paint(w.card))) for w in written)}


def mark_written(written: Sequence[Written], pictures: Sequence[Image.Image]) -> Marks:
    """Everything asked for, in its colour, as often as asked, and nothing else; by group."""
    marks = defaultdict(list)
    for each, picture in zip(written, pictures, strict=True):
        marks[f"written: {each.group}"].append(shows_exactly(each.wanted, sightings(picture)))
    return {name: fmean(values) for name, values in marks.items()}


def mark_requests(scenes: Sequence[Scene], reader: Moondream) -> Marks:
    """Open requests about true cards, by kind; and that no answer is empty."""
    marks: dict[str, list[float]] = defaultdict(list)
    for scene in scenes:
        asked = open_requests_of(scene)
        told = ask(reader, paint(scene), [request.text for request in asked])
        for request, text in zip(asked, told, strict=True):
            mark = mark_of(request, text, scene)
            marks[f"asked: {request.kind}"].append(mark)
            marks["asked: everything that describes" if request.kind in DESCRIBING else "asked: all else"].append(mark)
        marks["asked: answers with words"] += [bool(text.strip()) for text in told]
    return {name: fmean(values) for name, values in sorted(marks.items())}


def mark_foreign(reader: Moondream, photos: Sequence[Image.Image]) -> Marks:
    """How often pictures that are no postcards are told to be none, and show no things."""
    crops = [crop_of(photo, random.Random(f"crop:{k}:{n}")) for n, photo in enumerate(photos) for k in range(CROPS)]
    return _mark_foreign("drawings", elsewhere_pictures(DRAWINGS), reader) | (
        _mark_foreign("photographs", crops, reader) if crops else {}
    )


def _mark_foreign(name: str, pictures: Sequence[Image.Image], reader: Moondream) -> Marks:
    draw = random.Random(name)
    told: list[str] = []
    things = []
    for picture in pictures:
        told += ask(reader, picture, [draw.choice(OTHER_WORDS[kind]) for kind in ("bare", "describe", "keywords")])
        (prefix,) = reader.encode([picture])
        (caption,) = reader.answer([CaptionRequest(prefix, "normal", GREEDY)])
        told.append(caption.text if isinstance(caption, TextAnswer) else "")
        things += [bool(reader.detect([prefix], [kind])[0].objects) for kind in draw.sample(KINDS, 3)]
    return {f"no postcard: {name}": says_no_postcard(told), f"nothing found: {name}": 1 - fmean(things)}


def mark_cards(scenes: Sequence[Scene], generated: Sequence[Image.Image], reader: Moondream) -> Marks:
    """How often true cards, and generated ones, are told to be none: wrongly."""
    told = [ask(reader, paint(scene), OTHER_WORDS["bare"][:1])[0] for scene in scenes]
    painted = [ask(reader, picture, OTHER_WORDS["bare"][:1])[0] for picture in generated]
    return {"no postcard: true cards": says_no_postcard(told), "no postcard: painted ones": says_no_postcard(painted)}


def ask(reader: Moondream, picture: Image.Image, texts: Sequence[str]) -> list[str]:
    """What the vision model answers to each text."""
    (prefix,) = reader.encode([picture])
    answers = reader.answer([QueryRequest(prefix, text, sampling=GREEDY) for text in texts])
    return [answer.text if isinstance(answer, TextAnswer) else "" for answer in answers]
