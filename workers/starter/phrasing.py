"""Other ways to ask what `truth.questions` asks, and a few questions more; for the vision model alone.

They stand apart because `tokens.py` makes the text-to-image model's vocabulary from the words of `truth.py`: a question
added there would give every word of that model another number.
"""

import random
from collections import Counter

from workers.starter.truth import (
    NUMBERS,
    PLACE_PHRASES,
    PLURALS,
    Question,
    capital,
    caption,
    kinds_answer,
    number_answer,
    with_article,
    yes_answer,
)
from workers.starter.world import COLOURS, KINDS, PLACES, SIZES, SKIES, Scene, Thing

SKY_QUESTIONS = {"day": "Is it day?", "dusk": "Is it dusk?", "night": "Is it night?", "rain": "Is it raining?"}
#: Claims about sky and ground, each with the value that makes it true.
SKY_CLAIMS = {
    "day": ("Is it daytime?", "Is the sun shining?", "Is the sky blue?", "Is it sunny?", "Is it bright?"),
    "dusk": ("Is it evening?", "Is the sun setting?", "Is it sunset?", "Is it a sunset?"),
    "night": ("Is it nighttime?", "Is it dark?", "Is the moon there?", "Are there stars in the sky?", "Is it night?"),
    "rain": ("Does it rain?", "Is the sky grey?", "Is it rainy?", "Is the weather bad?", "Is it wet?"),
}
GROUND_CLAIMS = {
    "meadow": ("Is there grass?", "Is the ground green?", "Is it a meadow?", "Is it on grass?"),
    "sand": ("Is there sand?", "Is it a beach?", "Is it a desert?", "Is it on sand?"),
    "snow": ("Is there snow?", "Is it winter?", "Is it snowy?", "Is the ground white?"),
    "sea": ("Is there water?", "Is it the sea?", "Is it on the water?", "Is it an ocean?"),
}
ANIMALS = ("cat", "fish")


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
    return Question("what", ask, caption(scene, "normal", draw))


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


def further_questions(scene: Scene, draw: random.Random) -> list[Question]:
    """What else is asked of such a card: claims about sky and ground, neighbours, animals, what has a colour."""
    claims = [
        Question("yes-no", draw.choice(texts), yes_answer(value == actual))
        for actual, table in ((scene.sky, SKY_CLAIMS), (scene.ground, GROUND_CLAIMS))
        for value, texts in draw.sample(list(table.items()), 2)
    ]
    described = [
        Question(
            "scenery",
            draw.choice(("Describe the sky", "Describe the weather", "How is the sky?", "Which time of day?")),
            f"{capital(scene.sky)}.",
        ),
        Question(
            "scenery",
            draw.choice(("Describe the ground", "What is the ground made of?", "What does it stand on?")),
            f"{capital(scene.ground)}.",
        ),
    ]
    return claims + described + _about_colours(scene, draw) + _about_neighbours(scene, draw)


def _about_colours(scene: Scene, draw: random.Random) -> list[Question]:
    colours = list(dict.fromkeys(thing.colour for thing in scene.things))
    colour = draw.choice(colours if colours and draw.random() < 0.7 else list(COLOURS))
    of_it = [thing for thing in scene.things if thing.colour == colour]
    animals = [thing for thing in scene.things if thing.kind in ANIMALS]
    named = capital(", ".join(colours)) if colours else "None"
    return [
        Question(
            "what",
            draw.choice((f"What is {colour}?", f"Which thing is {colour}?", f"What {colour} things are there?")),
            kinds_answer(of_it),
        ),
        Question(
            "yes-no",
            draw.choice((f"Is anything {colour}?", f"Is there something {colour}?", f"Do you see {colour}?")),
            yes_answer(bool(of_it)),
        ),
        Question(
            "colours",
            draw.choice(
                (
                    "Which colours do the things have?",
                    "What colors are there?",
                    "List the colours",
                    "Name the colours of the things",
                )
            ),
            f"{named}.",
        ),
        Question(
            "what",
            draw.choice(("What animal is it?", "Which animals are there?", "What animal do you see?")),
            kinds_answer(animals),
        ),
        Question(
            "yes-no",
            draw.choice(("Is there an animal?", "Do you see an animal?", "Are there animals?")),
            yes_answer(bool(animals)),
        ),
    ]


def _about_neighbours(scene: Scene, draw: random.Random) -> list[Question]:
    place = draw.choice(PLACES)
    there = [thing for thing in scene.things if thing.place == place]
    asked = [
        Question(
            "yes-no",
            f"Is there {draw.choice(('anything', 'something'))} {PLACE_PHRASES[place]}?",
            yes_answer(bool(there)),
        )
    ]
    for thing in scene.things[:2]:
        alike = [other for other in scene.things if other.kind == thing.kind]
        many = draw.choice((2, 3))
        asked.append(
            Question("yes-no", f"Are there {NUMBERS[many]} {PLURALS[thing.kind]}?", yes_answer(len(alike) == many))
        )
        if len(alike) > 1:
            continue
        others = [other for other in scene.things if other is not thing]
        beside = draw.choice(("next to", "beside", "near"))
        size = draw.choice(SIZES)
        asked += [
            Question("what", f"What is {beside} the {thing.kind}?", kinds_answer(others)),
            Question("yes-no", f"Is the {thing.kind} {PLACE_PHRASES[place]}?", yes_answer(thing.place == place)),
            Question("yes-no", f"Is the {thing.kind} {size}?", yes_answer(thing.size == size)),
        ]
        for side, order in (("left", -1), ("right", 1)):
            beyond = [other for other in others if (PLACES.index(other.place) - PLACES.index(thing.place)) * order > 0]
            asked.append(Question("what", f"What is to the {side} of the {thing.kind}?", kinds_answer(beyond)))
    return asked
