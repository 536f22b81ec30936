"""The right answers to open requests about a postcard (`asking.py`), from the scene alone."""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence

from workers.starter import asking
from workers.starter.phrasing import further_questions
from workers.starter.truth import (
    GROUND_PHRASES,
    PLACE_PHRASES,
    PLURALS,
    SKY_PHRASES,
    STYLE_NAMES,
    Question,
    capital,
    caption,
    joined,
    kinds_answer,
    number_answer,
    tags,
    with_article,
    yes_answer,
)
from workers.starter.wording import STRANGERS
from workers.starter.world import COLOURS, KINDS, PLACES, Scene, Thing

#: What is said of any picture that is not of this world.
NO_POSTCARD = "This is no postcard; I only know postcards."
NO_TEXT, NO_ANSWER, NO_LANGUAGE, NOBODY = (
    "There is no text.",
    "I do not know.",
    "I only know English.",
    "There is none.",
)
MOODS = {
    "day": "bright, sunny, cheerful, warm, fresh",
    "dusk": "calm, warm, romantic, quiet, soft",
    "night": "dark, quiet, mysterious, peaceful, cool",
    "rain": "gloomy, wet, grey, cool, melancholy",
}
LIGHTS = {
    "day": "Bright sunlight from a blue sky.",
    "dusk": "Soft light of the setting sun.",
    "night": "Moonlight and stars in a dark sky.",
    "rain": "Grey light from a rainy sky.",
}
PEOPLE = ("person", "man", "woman", "child", "face", "human")


def open_requests(scene: Scene, draw: random.Random) -> list[Question]:
    """One request of every kind, with its answer."""
    asked = [Question(kind, table.say(draw), answer(scene, draw)) for kind, table, answer in KINDS_OF_REQUESTS]
    return asked + _about_things(scene, draw) + _about_strangers(draw) + further_questions(scene, draw)


def keywords(scene: Scene) -> str:
    """At least five of what is visible, never more than ten."""
    things = [thing.kind for thing in scene.things] + [thing.colour for thing in scene.things]
    card = (scene.ground, scene.sky, STYLE_NAMES[scene.style][1], "postcard", "drawing")
    return ", ".join(list(dict.fromkeys([*things, *card]))[:10])


def subject(scene: Scene) -> str:
    """Every thing with size, colour and place."""
    named = [f"{with_article(f'{t.size} {t.colour} {t.kind}')} {PLACE_PHRASES[t.place]}" for t in scene.things]
    return f"{capital(joined(named))}."


def surroundings(scene: Scene) -> str:
    return f"{capital(GROUND_PHRASES[scene.ground][0])} {SKY_PHRASES[scene.sky][0]}."


def box_as_json(scene: Scene) -> str:
    """The largest thing's box, an empty object where there is none."""
    if not scene.things:
        return "{}"
    left, top, right, bottom = max(scene.things, key=lambda thing: thing.half_width).box
    sides = {"ymin": top, "xmin": left, "ymax": bottom, "xmax": right}
    return json.dumps({name: round(value, 2) for name, value in sides.items()})


def found_answer(things: Sequence[Thing]) -> str:
    """'A red house on the left.', or that there is none."""
    if not things:
        return NOBODY
    named = [f"{with_article(f'{thing.colour} {thing.kind}')} {PLACE_PHRASES[thing.place]}" for thing in things]
    return f"{capital(joined(named))}."


def _title(scene: Scene, draw: random.Random) -> str:
    return caption(scene, "short", draw).rstrip(".")


def _few_words(scene: Scene, draw: random.Random) -> str:
    return ", ".join(tags(scene)[:-1])


def _prompt(scene: Scene, draw: random.Random) -> str:
    return ", ".join([*tags(scene), STYLE_NAMES[scene.style][1]])


def _close_up(scene: Scene, draw: random.Random) -> str:
    return f"{caption(scene, 'short', draw)} It is no close-up of an eye or a person."


def _always(text: str) -> Callable[[Scene, random.Random], str]:
    return lambda _scene, _draw: text


Answer = Callable[[Scene, random.Random], str]
KINDS_OF_REQUESTS: tuple[tuple[str, asking.Wordings, Answer], ...] = (
    ("describe", asking.DESCRIBE, lambda scene, draw: caption(scene, "normal", draw)),
    ("detail", asking.IN_DETAIL, lambda scene, draw: caption(scene, "long", draw)),
    ("short", asking.IN_SHORT, lambda scene, draw: caption(scene, "short", draw)),
    ("title", asking.TITLE, _title),
    ("capitals", asking.CAPITALS, lambda scene, draw: caption(scene, "short", draw).upper()),
    ("few words", asking.FEW_WORDS, _few_words),
    ("keywords", asking.KEYWORDS, lambda scene, draw: keywords(scene)),
    ("mood", asking.MOOD, lambda scene, draw: MOODS[scene.sky]),
    ("subject", asking.SUBJECT, lambda scene, draw: subject(scene)),
    ("surroundings", asking.SURROUNDINGS, lambda scene, draw: surroundings(scene)),
    ("lighting", asking.LIGHTING, lambda scene, draw: LIGHTS[scene.sky]),
    ("style", asking.STYLE, lambda scene, draw: f"{capital(with_article(STYLE_NAMES[scene.style][1]))}."),
    ("prompt", asking.DIFFUSION, _prompt),
    ("rating", asking.RATING, _always("PG")),
    ("decency", asking.INDECENT, _always("No.")),
    ("decency", asking.DECENT, _always("Yes.")),
    ("box", asking.BOX, lambda scene, draw: box_as_json(scene)),
    ("close-up", asking.CLOSE_UP, _close_up),
    ("text", asking.WRITING, _always(NO_TEXT)),
    ("unknowable", asking.UNKNOWABLE, _always(NO_ANSWER)),
    ("language", asking.FOREIGN_LANGUAGE, _always(NO_LANGUAGE)),
)


def _about_things(scene: Scene, draw: random.Random) -> list[Question]:
    """Detect, which colour, how many, is there: of a kind that is there or is not."""
    there = [thing.kind for thing in scene.things]
    kind = draw.choice(there) if there and draw.random() < 0.65 else draw.choice(KINDS)
    things = [thing for thing in scene.things if thing.kind == kind]
    place, many = draw.choice(PLACES), PLURALS[kind]
    colour = things[0].colour if things and draw.random() < 0.5 else draw.choice(tuple(COLOURS))
    coloured = [thing for thing in things if thing.colour == colour]
    verb = draw.choice(
        ("Detect", "Find", "Locate", "Show me", "Point at", "Look for", "Please find", "Where can I find")
    )
    asked = [
        Question("detect", f"{verb} the {draw.choice((kind, kind, many))}", found_answer(things)),
        Question("detect", f"{verb} the {colour} {kind}", found_answer(coloured)),
        Question("count", _how_many(many, draw), number_answer(len(things))),
        Question("count", _how_many(f"{colour} {many}", draw), number_answer(len(coloured))),
        Question("yes-no", _is_there(with_article(f"{colour} {kind}"), draw), yes_answer(bool(coloured))),
        Question("yes-no", _is_there(draw.choice((with_article(kind), f"any {many}")), draw), yes_answer(bool(things))),
        Question("what", f"What do you see {PLACE_PHRASES[place]}?", kinds_answer([t for t in scene.things if t.place == place])),
        Question("count", draw.choice(("How many?", "Count the things", "Count the objects")), number_answer(len(scene.things))),
        Question("yes-no", draw.choice(("Is there one thing?", "Is there only one thing?")), yes_answer(len(there) == 1)),
        Question("yes-no", draw.choice(("Is the card empty?", "Is it empty?", "Is nothing there?")), yes_answer(not there)),
    ]  # fmt: skip
    if Counter(there)[kind] <= 1:
        name = things[0].colour if things else ""
        other = draw.choice([each for each in COLOURS if each != name])
        options = [name or draw.choice(tuple(COLOURS)), other]
        draw.shuffle(options)
        told = f"{capital(name)}." if name else NOBODY
        asked += [
            Question("colour", _which_colour(kind, draw), told),
            Question("colour", f"Is the {kind} {options[0]} or {options[1]}?", told),
            Question("where", _where(kind, draw), f"{capital(PLACE_PHRASES[things[0].place])}." if things else NOBODY),
            Question("size", _how_big(kind, draw), f"{capital(things[0].size)}." if things else NOBODY),
        ]
    return asked


def _about_strangers(draw: random.Random) -> list[Question]:
    """Things that no postcard has."""
    name = draw.choice(STRANGERS if draw.random() < 0.7 else PEOPLE)
    return [
        Question("stranger", _is_there(with_article(name), draw), "No."),
        Question("stranger", _how_many(draw.choice((f"{name}s", "people", "persons", "dogs")), draw), "None."),
        Question("stranger", _where(name, draw), NOBODY),
        Question(
            "stranger", draw.choice((f"Find the {name}", f"Detect the {name}", _which_colour(name, draw))), NOBODY
        ),
    ]


def _how_many(things: str, draw: random.Random) -> str:
    return draw.choice(
        (f"How many {things} are there?", f"How many {things} do you see?", f"Count the {things}", f"How many {things}?",
         f"What is the number of {things}?", f"Tell me how many {things} there are", f"number of {things}")
    )  # fmt: skip


def _is_there(thing: str, draw: random.Random) -> str:
    return draw.choice(
        (f"Is there {thing}?", f"Do you see {thing}?", f"Can you see {thing}?", f"Is {thing} in the picture?",
         f"Does the picture show {thing}?", f"Is there {thing} in this image? Answer yes or no.", f"Are there {thing}?",
         f"Does it contain {thing}?", f"Is {thing} shown here?", f"Is there {thing} on it?", f"Can {thing} be seen?",
         f"Is {thing} visible?", f"{thing}?")
    )  # fmt: skip


def _which_colour(kind: str, draw: random.Random) -> str:
    text = draw.choice(
        (f"What colour is the {kind}?", f"Which colour has the {kind}?", f"Tell me the colour of the {kind}",
         f"What is the colour of the {kind}?", f"colour of the {kind}", f"The {kind} is of what colour?")
    )  # fmt: skip
    return text if draw.random() < 0.5 else text.replace("colour", "color")


def _where(kind: str, draw: random.Random) -> str:
    return draw.choice(
        (f"Where is the {kind}?", f"Where do you see the {kind}?", f"On which side is the {kind}?", f"Where's the {kind}?",
         f"In which part of the picture is the {kind}?", f"position of the {kind}", f"Tell me where the {kind} is",
         f"Where can the {kind} be found?", f"Where on the card is the {kind}?", f"Where is {with_article(kind)}?")
    )  # fmt: skip


def _how_big(kind: str, draw: random.Random) -> str:
    return draw.choice((f"How big is the {kind}?", f"What size is the {kind}?", f"Is the {kind} big or small?"))
