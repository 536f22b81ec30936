"""What is true about a postcard, in words: captions, prompts, tags, questions with answers.

Every sentence is built from the scene and from the tables below, never from the pixels; the choice between ways to say
the same thing is the caller's `random.Random`. A *caption* describes for a reader, in three lengths; a *prompt* asks
for a picture the way people type, with any part left out.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workers.starter.world import COLOURS, KINDS, PLACES, Scene, Thing

Length = Literal["short", "normal", "long"]
QuestionKind = str
LENGTHS: tuple[Length, ...] = ("short", "normal", "long")

#: The first phrase of each row is the one captions use; prompts use any.
GROUND_PHRASES = {
    "meadow": ("in the meadow", "on the grass", "in a green meadow"),
    "sand": ("on the sand", "on the beach", "in the desert"),
    "snow": ("in the snow", "on the snow", "in winter"),
    "sea": ("on the sea", "on the water", "in the sea"),
}
SKY_PHRASES = {
    "day": ("by day", "in the sun", "on a sunny day", "under a blue sky"),
    "dusk": ("at dusk", "at sunset", "in the evening"),
    "night": ("at night", "under the moon", "under the stars"),
    "rain": ("in the rain", "on a rainy day", "under a grey sky"),
}
SKY_SENTENCES = {
    "day": "The sun is in the blue sky.",
    "dusk": "The sun is going down.",
    "night": "The moon and the stars are in the sky.",
    "rain": "Rain falls from a grey sky.",
}
PLACE_PHRASES = {"left": "on the left", "middle": "in the middle", "right": "on the right"}
STYLE_NAMES = {
    "flat": ("flat postcard", "flat drawing"),
    "outlined": ("outlined postcard", "outlined drawing"),
    "watercolour": ("watercolour postcard", "watercolour"),
}
PLURALS = {kind: {"fish": "fish", "box": "boxes"}.get(kind, f"{kind}s") for kind in KINDS}
NUMBERS = ("no", "one", "two", "three")


@dataclass(frozen=True)
class Question:
    """A question about a postcard and its only right answer."""

    kind: QuestionKind
    question: str
    answer: str


def with_article(words: str) -> str:
    """'an orange ball', 'a red one'."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def caption(scene: Scene, length: Length, draw: random.Random) -> str:
    """One caption: short names things and ground, normal adds sizes, places and sky, long the style and the weather."""
    ground = GROUND_PHRASES[scene.ground][0]
    if length == "short":
        return f"{capital(_short_things(scene))} {ground}."
    sky = SKY_PHRASES[scene.sky][0]
    things = joined([f"{_named(thing, True)} {PLACE_PHRASES[thing.place]}" for thing in scene.things])
    if length == "normal":
        return f"{capital(things)}, {ground} {sky}."
    style = capital(with_article(STYLE_NAMES[scene.style][0]))
    verb = draw.choice(("of", "with"))
    return f"{style} {verb} {things}, {ground} {sky}. {SKY_SENTENCES[scene.sky]}"


def prompt(scene: Scene, draw: random.Random) -> str:
    """A prompt for this scene in lower case; any of size, place, ground, sky and style may be left out."""
    names = _asked_for(scene, draw)
    ground = draw.choice(GROUND_PHRASES[scene.ground]) if draw.random() < 0.9 else ""
    sky = draw.choice(SKY_PHRASES[scene.sky]) if draw.random() < 0.65 else ""
    style = draw.choice(STYLE_NAMES[scene.style]) if draw.random() < 0.35 else ""
    if draw.random() < 0.12:
        return ", ".join(filter(None, [*tags(scene), style]))
    comma = "," if draw.random() < 0.3 else ""
    where = [part for part in (ground, sky) if part]
    if draw.random() < 0.2:
        where.reverse()
    text = " ".join([joined(names) + (comma if where else ""), *where])
    text = f"{with_article(style)} of {text}" if style else text
    text += "." if draw.random() < 0.05 else ""
    return text.replace("grey", "gray") if draw.random() < 0.2 else text


def _asked_for(scene: Scene, draw: random.Random) -> list[str]:
    """The things of a prompt, each with an article or none, or those of one sort together: 'two red hearts'."""
    with_size, with_place = draw.random() < 0.65, draw.random() < 0.65
    things = list(scene.things)
    sorts = {(thing.size if with_size else "", thing.colour, PLURALS[thing.kind]) for thing in things}
    if not with_place and len(things) > 1 and len(sorts) == 1 and draw.random() < 0.7:
        return [" ".join(filter(None, (NUMBERS[len(things)], *sorts.pop())))]
    if with_place and draw.random() < 0.3:
        draw.shuffle(things)
    names = [_named(thing, with_size) for thing in things]
    if draw.random() < 0.12:
        names = [name.split(" ", 1)[1] for name in names]
    return [f"{n} {PLACE_PHRASES[t.place]}" for n, t in zip(names, things, strict=True)] if with_place else names


def tags(scene: Scene) -> tuple[str, ...]:
    """Each thing with its colour, the ground and the sky."""
    things = dict.fromkeys(f"{thing.colour} {thing.kind}" for thing in scene.things)
    return (*things, scene.ground, scene.sky)


def questions(scene: Scene, draw: random.Random) -> list[Question]:
    """Questions of every kind the scene allows; colour and place are asked only of a kind that is there once."""
    counts = Counter(thing.kind for thing in scene.things)
    asked = [_what(scene, draw), _count_all(scene, draw), _sky(scene, draw), _ground(scene, draw)]
    for thing in scene.things:
        asked.append(_count_kind(thing.kind, counts[thing.kind]))
        if counts[thing.kind] == 1:
            asked += [_colour(thing, draw), _where(thing, draw)]
    asked.append(_count_kind(draw.choice([kind for kind in KINDS if kind not in counts]), 0))
    return asked + _yes_no(scene, draw)


def _what(scene: Scene, draw: random.Random) -> Question:
    ask = draw.choice(("What is in the picture?", "What is this?", "What do you see?"))
    return Question("what", ask, caption(scene, "normal", draw))


def _count_all(scene: Scene, draw: random.Random) -> Question:
    ask = draw.choice(("How many things are there?", "How many things are in the picture?"))
    return Question("count", ask, number_answer(len(scene.things)))


def _count_kind(kind: str, many: int) -> Question:
    return Question("count", f"How many {PLURALS[kind]} are there?", number_answer(many))


def _colour(thing: Thing, draw: random.Random) -> Question:
    spelled = draw.choice(("colour", "color"))
    ask = draw.choice((f"What {spelled} is the {thing.kind}?", f"Which {spelled} does the {thing.kind} have?"))
    return Question("colour", ask, f"{capital(thing.colour)}.")


def _where(thing: Thing, draw: random.Random) -> Question:
    ask = draw.choice((f"Where is the {thing.kind}?", f"On which side is the {thing.kind}?"))
    return Question("where", ask, f"{capital(PLACE_PHRASES[thing.place])}.")


def _sky(scene: Scene, draw: random.Random) -> Question:
    ask = draw.choice(("What is the weather like?", "What time of day is it?", "What is the sky like?"))
    return Question("scenery", ask, f"{capital(scene.sky)}.")


def _ground(scene: Scene, draw: random.Random) -> Question:
    ask = draw.choice(("What is the ground?", "What is on the ground?"))
    return Question("scenery", ask, f"{capital(scene.ground)}.")


def _yes_no(scene: Scene, draw: random.Random) -> list[Question]:
    """Two of equal weight: one true, one false."""
    kinds = {thing.kind for thing in scene.things}
    named = {(thing.colour, thing.kind) for thing in scene.things}
    absent = draw.choice([kind for kind in KINDS if kind not in kinds])
    asked = [Question("yes-no", f"Is there {with_article(absent)}?", "No.")]
    for thing in scene.things[:1]:
        wrong = draw.choice([colour for colour in COLOURS if (colour, thing.kind) not in named])
        side = draw.choice(PLACES)
        there = any(other.kind == thing.kind and other.place == side for other in scene.things)
        asked += [
            Question("yes-no", f"Is there {with_article(thing.kind)}?", "Yes."),
            Question("yes-no", f"Is there {with_article(f'{thing.colour} {thing.kind}')}?", "Yes."),
            Question("yes-no", f"Is there {with_article(f'{wrong} {thing.kind}')}?", "No."),
            Question("yes-no", f"Is there {with_article(thing.kind)} {PLACE_PHRASES[side]}?", yes_answer(there)),
        ]
    return asked


def kinds_answer(things: Sequence[Thing]) -> str:
    """'A house and a tree.', or 'Nothing.'"""
    return f"{capital(joined([with_article(thing.kind) for thing in things]))}."


def number_answer(many: int) -> str:
    """'Two.', or 'None.'"""
    return f"{capital(NUMBERS[many] if many else 'none')}."


def yes_answer(claim: bool) -> str:
    """'Yes.' or 'No.'"""
    return "Yes." if claim else "No."


def _named(thing: Thing, with_size: bool) -> str:
    return with_article(f"{thing.size} {thing.colour} {thing.kind}" if with_size else f"{thing.colour} {thing.kind}")


def _short_things(scene: Scene) -> str:
    kinds = {(thing.colour, thing.kind) for thing in scene.things}
    if len(scene.things) > 1 and len(kinds) == 1:
        thing = scene.things[0]
        return f"{NUMBERS[len(scene.things)]} {thing.colour} {PLURALS[thing.kind]}"
    return joined([_named(thing, False) for thing in scene.things])


def joined(parts: list[str]) -> str:
    """'a, b and c'; 'nothing' where there are none."""
    if not parts:
        return "nothing"
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def capital(text: str) -> str:
    """The first letter large, the rest as it is."""
    return text[0].upper() + text[1:]
