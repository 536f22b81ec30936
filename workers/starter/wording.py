"""Prompts the way people write them, for the painter: short, in their own words, with what is usual left unsaid.

`wording` names whatever a card has that is not usual (`usual.py`) and, now and then, what is: so a prompt has one
layout, however little it says. Words that the world has not stand for nothing: "a dragon in the snow" is an empty card
in the snow, "a lovely red house" a red house.
"""

import random
from collections.abc import Sequence
from itertools import groupby

from workers.starter.truth import GROUND_PHRASES, PLURALS, SKY_PHRASES, STYLE_NAMES, joined, with_article
from workers.starter.usual import (
    USUAL_COLOURS,
    USUAL_PLACES,
    USUAL_SKY,
    USUAL_STYLE,
    places_of,
    usual_ground,
    usual_size,
)
from workers.starter.world import Scene, Thing

#: Other words for a kind with their plurals, for a colour, for a size.
KIND_WORDS = {
    "house": (("home", "homes"), ("cottage", "cottages"), ("hut", "huts")),
    "tree": (("pine", "pines"), ("fir", "firs")),
    "boat": (("ship", "ships"), ("sailboat", "sailboats")),
    "car": (("automobile", "automobiles"), ("auto", "autos")),
    "cat": (("kitten", "kittens"), ("kitty", "kitties")),
    "flower": (("blossom", "blossoms"),),
    "box": (("crate", "crates"), ("cube", "cubes")),
}
COLOUR_WORDS = {"purple": ("violet",), "grey": ("gray", "gray"), "turquoise": ("teal",)}
SIZE_WORDS = {"small": ("small", "small", "little", "tiny"), "big": ("big", "big", "large", "huge")}
MORE_GROUNDS = {
    "meadow": ("in a meadow", "in a field", "on the meadow", "meadow", "grass"),
    "sand": ("in the sand", "at the beach", "on a beach", "sand", "beach"),
    "snow": ("in snow", "in a snowy field", "on a snowy day", "snow", "winter"),
    "sea": ("at sea", "in the ocean", "on the ocean", "in the water", "sea"),
}
MORE_SKIES = {
    "day": ("during the day", "in daylight", "in the sunshine", "day", "sunny"),
    "dusk": ("at sundown", "during sunset", "dusk", "sunset"),
    "night": ("by night", "in the moonlight", "on a starry night", "night"),
    "rain": ("in rainy weather", "when it rains", "while it is raining", "rain", "rainy"),
}
PLACE_WORDS = {
    "left": ("on the left", "on the left", "to the left", "on the left side", "at the left"),
    "middle": ("in the middle", "in the middle", "in the centre", "in the center"),
    "right": ("on the right", "on the right", "to the right", "on the right side", "at the right"),
}
COUNTED = {2: ("two", "two", "two", "2", "a pair of", "a couple of"), 3: ("three", "three", "three", "3")}
PAIRED = (" and ", " and ", " and ", " next to ", " next to ", " beside ", " with ", ", ", " near ", " & ")
FRAMES = (
    "a picture of {}",
    "a postcard of {}",
    "a postcard with {}",
    "a drawing of {}",
    "a photo of {}",
    "an image of {}",
    "draw {}",
    "paint {}",
    "please draw {}",
    "please paint me {}",
    "i want {}",
    "i would like {}",
    "show me {}",
    "there is {}",
    "a card that shows {}",
    "{} please",
)
EMPTY = ("nothing", "an empty card", "an empty postcard", "an empty landscape", "no things", "a landscape")
PRAISE = ("cute", "beautiful", "nice", "pretty", "lovely", "old", "bright", "funny", "simple", "happy")
#: Nouns that the world has not. The evaluation asks for others.
_NOUNS = (
    "dog horse cow bird mouse elephant lion tiger bear wolf rabbit snake frog duck chicken sheep monkey man woman child "
    "girl boy king queen robot train plane bicycle truck bus tower church castle school shop road river mountain comet "
    "planet cup plate spoon knife table chair lamp bed door window clock phone computer book pen shirt shoe hat coat "
    "apple banana pear pizza cake bread egg cheese guitar piano drum sword gun ghost angel devil witch zombie alien rocket"
)
STRANGERS = tuple(_NOUNS.split())


def wording(scene: Scene, draw: random.Random, strangers: bool = True) -> str:
    """A prompt for this card in lower case. `strangers`: words that the world has not may stand in it."""
    where = _scenery(scene, draw)
    if not scene.things:
        subject = _nothing(draw, strangers)
        text = _arranged(subject, where, draw) if subject else " ".join(where) or "nothing"
    else:
        subject = _subject(scene, draw)
        if strangers and draw.random() < 0.03:
            subject += f" and {with_article(_stranger(draw))}"
        text = _arranged(subject, where, draw)
    text = _framed(scene, text, draw)
    if strangers and draw.random() < 0.04:
        text = f"{text}, {_stranger(draw)}"
    text += draw.choice((".", "!", ".")) if draw.random() < 0.1 else ""
    return text if draw.random() < 0.5 else text.replace("grey", "gray").replace("colour", "color")


def word_kin() -> dict[str, str]:
    """Other words and what they stand for: a new word of a grown vocabulary starts where the old one is."""
    kin: dict[str, str] = {}
    for kind, pairs in KIND_WORDS.items():
        for one, many in pairs:
            kin |= {one: kind, many: PLURALS[kind]}
    for table in (COLOUR_WORDS, SIZE_WORDS):
        for word, others in table.items():
            kin |= dict.fromkeys(others, word)
    return kin | {"snowy": "snow", "ocean": "sea", "field": "meadow", "centre": "middle", "center": "middle"}


def _subject(scene: Scene, draw: random.Random) -> str:
    """All things of the card, in an order and with places that leave one layout only."""
    places = places_of(scene)
    is_usual = places == USUAL_PLACES[len(places)]
    things, named = list(scene.things), not is_usual or draw.random() < 0.25
    if not named:
        return _joined_loosely([_counted(group, places, draw) for group in _groups(things)], draw)
    if draw.random() < 0.3:
        draw.shuffle(things)
    elif is_usual and len(things) == 2 and draw.random() < 0.3:
        return _with_one_place(things, places, draw)
    return joined([f"{_one(thing, places, draw)} {draw.choice(PLACE_WORDS[thing.place])}" for thing in things])


def _with_one_place(things: list[Thing], places: tuple[str, ...], draw: random.Random) -> str:
    """Of two things one with its place: the other has what is left."""
    draw.shuffle(things)
    names = [_one(thing, places, draw) for thing in things]
    which = draw.randrange(2)
    names[which] += f" {draw.choice(PLACE_WORDS[things[which].place])}"
    return joined(names)


def _groups(things: Sequence[Thing]) -> list[list[Thing]]:
    """Neighbours of one sort together."""
    return [list(group) for _, group in groupby(things, key=lambda thing: (thing.colour, thing.kind, thing.size))]


def _counted(group: list[Thing], places: tuple[str, ...], draw: random.Random) -> str:
    if len(group) == 1:
        return _one(group[0], places, draw)
    words = _words(group[0], places, draw, plural=True)
    if len(group) == 2 and draw.random() < 0.1:
        return words
    return f"{draw.choice(COUNTED[len(group)])} {words}"


def _one(thing: Thing, places: tuple[str, ...], draw: random.Random) -> str:
    words = _words(thing, places, draw)
    start = draw.random()
    if start < 0.66:
        return with_article(words)
    if start < 0.86:
        return words
    return f"{draw.choice(('the', 'one', 'one', 'a single', 'just one'))} {words}"


def _words(thing: Thing, places: tuple[str, ...], draw: random.Random, plural: bool = False) -> str:
    """'small red house', with the size where it is not usual and the colour unless it is the kind's own."""
    name = PLURALS[thing.kind] if plural else thing.kind
    if thing.kind in KIND_WORDS and draw.random() < 0.15:
        name = draw.choice(KIND_WORDS[thing.kind])[plural]
    colour = thing.colour
    if colour in COLOUR_WORDS and draw.random() < 0.25:
        colour = draw.choice(COLOUR_WORDS[colour])
    if thing.colour == USUAL_COLOURS[thing.kind] and draw.random() < 0.5:
        colour = ""
    size = draw.choice(SIZE_WORDS[thing.size]) if thing.size != usual_size(places) or draw.random() < 0.25 else ""
    praise = draw.choice(PRAISE) if draw.random() < 0.05 else ""
    if colour and not size and draw.random() < 0.03:
        return f"{name} {'that are' if plural else 'that is'} {colour}"
    return " ".join(filter(None, (praise, size, colour, name)))


def _joined_loosely(parts: list[str], draw: random.Random) -> str:
    if len(parts) == 2:
        return draw.choice(PAIRED).join(parts)
    return ", ".join(parts) if draw.random() < 0.2 else joined(parts)


def _nothing(draw: random.Random, strangers: bool) -> str:
    """A thing that the world has not, or words for an empty card, or no word at all."""
    chance = draw.random()
    if strangers and chance < 0.6:
        colour = f"{draw.choice(tuple(USUAL_COLOURS.values()))} " if draw.random() < 0.3 else ""
        words = f"{colour}{_stranger(draw)}"
        return words if draw.random() < 0.3 else with_article(words)
    return draw.choice(EMPTY) if chance < 0.85 else ""


def _stranger(draw: random.Random) -> str:
    """A noun from the list, or letters that are no word."""
    if draw.random() < 0.5:
        return draw.choice(STRANGERS)
    return "".join(draw.choice("bcdfghjklmnprstvwz") + draw.choice("aeiou") for _ in range(draw.randint(2, 4)))


def _scenery(scene: Scene, draw: random.Random) -> list[str]:
    """Phrases for ground and sky where they are not usual, and sometimes where they are."""
    parts = []
    if scene.ground != usual_ground(tuple(thing.kind for thing in scene.things)) or draw.random() < 0.35:
        parts.append(draw.choice(GROUND_PHRASES[scene.ground] * 2 + MORE_GROUNDS[scene.ground]))
    if scene.sky != USUAL_SKY or draw.random() < 0.2:
        parts.append(draw.choice(SKY_PHRASES[scene.sky] * 2 + MORE_SKIES[scene.sky]))
    if draw.random() < 0.2:
        parts.reverse()
    return parts


def _arranged(subject: str, where: list[str], draw: random.Random) -> str:
    """Subject and scenery, with commas or none, the scenery first now and then."""
    if not where:
        return subject
    chance = draw.random()
    if chance < 0.1:
        return f"{' '.join(where)}, {subject}"
    if chance < 0.4 or not where[0].startswith(("in ", "on ", "at ", "by ", "under ", "during ", "when ", "while ")):
        return ", ".join([subject, *where])
    return " ".join([subject, *where])


def _framed(scene: Scene, text: str, draw: random.Random) -> str:
    """The style where it is not usual, or a few words around."""
    if scene.style != USUAL_STYLE or draw.random() < 0.1:
        style = draw.choice(STYLE_NAMES[scene.style])
        style = style.replace("colour", "color") if draw.random() < 0.4 else style
        return f"{text}, {style}" if draw.random() < 0.3 else f"{with_article(style)} of {text}"
    return draw.choice(FRAMES).format(text) if draw.random() < 0.15 else text
