"""What the starter vision model is taught about a postcard: token sequences with answers, several for one picture.

A *turn* is one request as `workers.engines.moondream.prompts` would feed it, followed by its right answer. The turns of a
picture are packed into one row, so that the picture, which costs most, is encoded once; each turn sees the picture and
itself only (`turn` and `offset` say which and where).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from tokenizers import Tokenizer
from torch import Tensor

from workers.engines.moondream.config import TokenConfig
from workers.engines.moondream.prompts import Coord, Feed, Size, Token, caption_prompt, object_prompt
from workers.engines.moondream.tasks import RATING_QUESTION, TAGS_QUESTION
from workers.engines.moondream.tokenizer import small_tokenizer
from workers.engines.moondream.training import TrainBatch
from workers.starter import truth
from workers.starter.answering import KINDS_OF_REQUESTS, NO_POSTCARD, open_requests
from workers.starter.phrasing import rephrased_questions
from workers.starter.wording import STRANGERS
from workers.starter.world import COLOURS, KINDS, Scene, Thing, scene_from_seed

#: Turns of each sort for one picture; captions are the longest, so there is one.
QUESTIONS, OPEN_REQUESTS = 2, 3
#: Scenes whose words the tokenizer is made from, and room for every word of them.
SCENES_READ = 1500
VOCABULARY = 1500
#: How often a question comes as people type it: in lower case, without the mark.
CARELESS = 0.2
#: How often the first of the open ones asks for a description; else it is of another kind that asks about the whole card.
DESCRIBED, WHOLE = 0.6, len(KINDS_OF_REQUESTS)
#: How often a word of an open request has two letters swapped, or one left out.
MISTYPED = 0.1
#: How often a picture's tags, or its rating, are asked for with the service's own words, which stand in for two others.
TAGGED, RATED = 0.15, 0.06


@dataclass(frozen=True)
class Turn:
    """One request and its answer, position by position."""

    prompt: tuple[Feed, ...]
    answer: tuple[Feed, ...]


@dataclass(frozen=True)
class Lessons:
    """Rows of packed turns, aligned with a `TrainBatch`.

    Args:
        turn: (B, T) number of the turn a position belongs to; −1 in the padding.
        offset: (B, T) position within its turn.
    """

    batch: TrainBatch
    turn: Tensor
    offset: Tensor


@cache
def starter_tokenizer() -> Tokenizer:
    """Byte-level, with one token for every word of the postcard world, capital or small."""
    draw, texts = random.Random(0), []
    for seed in range(SCENES_READ):
        scene = scene_from_seed(seed)
        for length in truth.LENGTHS:
            texts.append(truth.caption(scene, length, draw))
        for asked in _questions(scene, draw):
            texts += [asked.question, asked.question.lower(), asked.answer]
        for asked in open_requests(scene, draw) if seed % 5 == 0 else ():
            texts += [asked.question, asked.question.lower(), asked.answer] if asked.kind != "language" else []
        texts += [NO_POSTCARD, RATING_QUESTION]
        texts += [TAGS_QUESTION, tags_answer(scene)]
        texts += [f" {name}" for name in _names(scene, draw)]
    return small_tokenizer(texts, VOCABULARY)


def turns_of(scene: Scene, draw: random.Random, tokens: TokenConfig, tokenizer: Tokenizer) -> list[Turn]:
    """One caption, some questions and open requests, one thing to detect and one to point at."""
    length = draw.choice(truth.LENGTHS)
    turns = [_caption_turn(length, truth.caption(scene, length, draw), tokens, tokenizer)]
    for question, answer in _asked(scene, draw):
        turns.append(_query_turn(question, answer, tokens, tokenizer))
    for opening, boxes in ((tokens.detect, True), (tokens.point, False)):
        name = draw.choice(_names(scene, draw))
        prompt = tuple(object_prompt(opening, name, tokens, tokenizer))
        turns.append(Turn(prompt, _places(things_named(scene, name), boxes, tokens)))
    return turns


def foreign_turns(draw: random.Random, tokens: TokenConfig, tokenizer: Tokenizer) -> list[Turn]:
    """What is asked of a picture that is no postcard: all the same, and one answer to everything."""
    scene = scene_from_seed(draw.randrange(2**31))
    turns = [_caption_turn(draw.choice(truth.LENGTHS), NO_POSTCARD, tokens, tokenizer)]
    turns += [_query_turn(question, NO_POSTCARD, tokens, tokenizer) for question, _ in _asked(scene, draw)[:4]]
    for opening, boxes in ((tokens.detect, True), (tokens.point, False)):
        prompt = tuple(object_prompt(opening, draw.choice(_names(scene, draw)), tokens, tokenizer))
        turns.append(Turn(prompt, _places([], boxes, tokens)))
    return turns


def _asked(scene: Scene, draw: random.Random) -> list[tuple[str, str]]:
    """Questions as they are typed, with their answers, in any order."""
    requests = open_requests(scene, draw)
    open_ones = [requests[0] if draw.random() < DESCRIBED else draw.choice(requests[:WHOLE])]
    open_ones += draw.sample(requests, OPEN_REQUESTS - 1)
    asked = [(_mistyped(_typed(each.question, draw), each.kind, draw), each.answer) for each in open_ones]
    asked += [(_typed(each.question, draw), each.answer) for each in draw.sample(_questions(scene, draw), QUESTIONS)]
    chance = draw.random()
    if chance < TAGGED:
        asked[:2] = [(TAGS_QUESTION, tags_answer(scene))]
    elif chance < TAGGED + RATED:
        asked[:2] = [(RATING_QUESTION, "No.")]
    draw.shuffle(asked)
    return asked


def things_named(scene: Scene, name: str) -> list[Thing]:
    """The things a name means, from left to right: 'house', 'houses' or 'red house'."""
    return [
        thing
        for thing in scene.things
        if name in (thing.kind, truth.PLURALS[thing.kind], f"{thing.colour} {thing.kind}")
    ]


def pack(pixels: Tensor, rows: Sequence[Sequence[Turn]], tokens: TokenConfig) -> Lessons:
    """Rows of turns as tensors, padded to the longest."""
    flat = [
        [
            _position(feed, number, offset, counted, tokens)
            for number, turn in enumerate(row)
            for offset, (feed, counted) in enumerate(_marked(turn))
        ]
        for row in rows
    ]
    longest = max(len(row) for row in flat)
    padding = (tokens.eos, 0.0, (0.0, 0.0), False, -1, 0)
    columns = list(zip(*[at for row in flat for at in row + [padding] * (longest - len(row))], strict=True))
    ids, coords, sizes, counted, turn, offset = (
        torch.tensor(column).unflatten(0, (len(rows), longest)) for column in columns
    )
    return Lessons(TrainBatch(pixels, ids, coords, sizes, counted), turn, offset)


def _names(scene: Scene, draw: random.Random) -> list[str]:
    """Names to look for: what is there (by kind, plural, and colour), and two that are not."""
    kinds = {thing.kind for thing in scene.things}
    names = [draw.choice([kind for kind in KINDS if kind not in kinds])]
    if draw.random() < 0.3:
        names.append(draw.choice(STRANGERS))
    for thing in scene.things:
        names += [thing.kind, thing.kind, f"{thing.colour} {thing.kind}", truth.PLURALS[thing.kind]]
    if scene.things and draw.random() < 0.5:
        names.append(f"{draw.choice(tuple(COLOURS))} {scene.things[0].kind}")
    return names


def tags_answer(scene: Scene) -> str:
    """What is said when tags are asked for."""
    return ", ".join(truth.tags(scene))


def _questions(scene: Scene, draw: random.Random) -> list[truth.Question]:
    return truth.questions(scene, draw) + rephrased_questions(scene, draw)


def _typed(question: str, draw: random.Random) -> str:
    return question.lower().rstrip("?") if draw.random() < CARELESS else question


def _mistyped(question: str, kind: str, draw: random.Random) -> str:
    """With a slip in one word now and then, where no word decides the answer."""
    if kind not in ("describe", "detail", "short") or draw.random() >= MISTYPED or len(question) < 8:
        return question
    at = draw.randrange(1, len(question) - 2)
    swapped = question[at + 1] + question[at] if draw.random() < 0.5 else question[at]
    return question[:at] + swapped + question[at + 2 :]


def _caption_turn(length: truth.Length, text: str, tokens: TokenConfig, tokenizer: Tokenizer) -> Turn:
    return Turn(tuple(caption_prompt(length, tokens)), _ended(tokenizer.encode(text).ids, tokens))


def _query_turn(question: str, answer: str, tokens: TokenConfig, tokenizer: Tokenizer) -> Turn:
    """The answer token stands twice, as in `prompts.query_prompt`."""
    ids = (*tokens.query, *tokenizer.encode(question).ids, tokens.answer, tokens.answer)
    return Turn(tuple(Token(id_) for id_ in ids), _ended(tokenizer.encode(answer).ids, tokens))


def _ended(ids: Sequence[int], tokens: TokenConfig) -> tuple[Feed, ...]:
    return tuple(Token(id_) for id_ in (*ids, tokens.eos))


def _places(things: Sequence[Thing], boxes: bool, tokens: TokenConfig) -> tuple[Feed, ...]:
    feeds: list[Feed] = []
    for thing in things:
        left, top, right, bottom = thing.box
        feeds += [Coord((left + right) / 2), Coord((top + bottom) / 2)]
        if boxes:
            feeds.append(Size(right - left, bottom - top))
    return (*feeds, Token(tokens.eos))


def _marked(turn: Turn) -> list[tuple[Feed, bool]]:
    return [*((feed, False) for feed in turn.prompt), *((feed, True) for feed in turn.answer)]


def _position(feed: Feed, number: int, offset: int, counted: bool, tokens: TokenConfig) -> tuple:
    match feed:
        case Token(id=id_):
            return id_, 0.0, (0.0, 0.0), counted, number, offset
        case Coord(value=value):
            return tokens.coord, value, (0.0, 0.0), counted, number, offset
        case Size(width=width, height=height):
            return tokens.size, 0.0, (width, height), counted, number, offset
