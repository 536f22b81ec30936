"""Other ways to ask what `truth.questions` asks, and a few questions more; for the vision model alone.

They stand apart because `tokens.py` makes the text-to-image model's vocabulary from the words of `truth.py`: a question
added there would give every word of that model another number.
"""

import random
from collections import Counter

from workers.starter.truth import (
    PLACE_PHRASES,
    PLURALS,
    Question,
    capital,
    kinds_answer,
    number_answer,
    with_article,
    yes_answer,
)
from workers.starter.world import COLOURS, KINDS, PLACES, SKIES, Scene, Thing

SKY_QUESTIONS = {"day": "Is it day?", "dusk": "Is it dusk?", "night": "Is it night?", "rain": "Is it raining?"}


def rephrased_questions(scene: Scene, draw: random.Random) -> list[Question]:
    """Questions with their only right answers, of the same kinds as `truth.questions`."""
    counts = Counter(thing.kind for thing in scene.things)
    asked = [_what(scene, draw), _what_is_at(scene, draw), _count_all(scene, draw), *_scenery(scene, draw)]
    for thing in scene.things:
        asked.append(_count_kind(thing.kind, counts[thing.kind], draw))
        if counts[thing.kind] == 1:
            asked += [_colour(thing, draw), _where(thing, draw), _is_of_colour(thing, draw)]
    return asked


def _what(scene: Scene, draw: random.Random) -> Question:
    ask = draw.choice(("What is in this image?", "What can you see?", "What is in this picture?", "What is shown?"))
    return Question("what", ask, kinds_answer(scene.things))


def _what_is_at(scene: Scene, draw: random.Random) -> Question:
    place = draw.choice(PLACES)
    there = [thing for thing in scene.things if thing.place == place]
    return Question("what", f"What is {PLACE_PHRASES[place]}?", kinds_answer(there))


def _count_all(scene: Scene, draw: random.Random) -> Question:
    ask = draw.choice(("How many objects are there?", "How many things can you see?", "How many things do you see?"))
    return Question("count", ask, number_answer(len(scene.things)))


def _count_kind(kind: str, many: int, draw: random.Random) -> Question:
    rest = draw.choice(("do you see", "can you see", "are in the picture", "are in this image"))
    return Question("count", f"How many {PLURALS[kind]} {rest}?", number_answer(many))


def _colour(thing: Thing, draw: random.Random) -> Question:
    spelled = draw.choice(("colour", "color"))
    ask = draw.choice((f"What is the {spelled} of the {thing.kind}?", f"Which {spelled} is the {thing.kind}?"))
    return Question("colour", ask, f"{capital(thing.colour)}.")


def _where(thing: Thing, draw: random.Random) -> Question:
    options = f"Is the {thing.kind} on the left, in the middle or on the right?"
    ask = draw.choice((options, f"Where in the picture is the {thing.kind}?"))
    return Question("where", ask, f"{capital(PLACE_PHRASES[thing.place])}.")


def _is_of_colour(thing: Thing, draw: random.Random) -> Question:
    colour = thing.colour if draw.random() < 0.5 else draw.choice(tuple(COLOURS))
    return Question("yes-no", f"Is the {thing.kind} {colour}?", yes_answer(colour == thing.colour))


def _scenery(scene: Scene, draw: random.Random) -> list[Question]:
    kinds = [thing.kind for thing in scene.things]  # a list: the order of a set is another in every process
    kind = draw.choice(kinds if kinds and draw.random() < 0.5 else KINDS)
    sky = scene.sky if draw.random() < 0.4 else draw.choice(SKIES)
    return [
        Question("yes-no", f"{draw.choice(('Do', 'Can'))} you see {with_article(kind)}?", yes_answer(kind in kinds)),
        Question("yes-no", SKY_QUESTIONS[sky], yes_answer(sky == scene.sky)),
        Question("scenery", draw.choice(("How is the weather?", "What kind of sky is it?")), f"{capital(scene.sky)}."),
        Question(
            "scenery", draw.choice(("What kind of ground is it?", "Which ground is it?")), f"{capital(scene.ground)}."
        ),
    ]
