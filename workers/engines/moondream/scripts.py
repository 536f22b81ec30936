"""What one sequence does with each hidden state: say words, or name places. No tensors here.

A script says which head it needs next and is given what that head decoded; it answers with the feed for the next
position, or with nothing when it needs another head for the same hidden state or has ended.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol

from tokenizers import Tokenizer

from workers.engines.moondream.config import TokenConfig
from workers.engines.moondream.prompts import Coord, Feed, Size, Token
from workers.engines.moondream.requests import (
    Answer,
    Box,
    Ended,
    Grounding,
    ObjectsAnswer,
    Point,
    Sampling,
    TextAnswer,
)
from workers.engines.moondream.sampling import Choice
from workers.engines.moondream.tokenizer import WordStream


class Need(Enum):
    TOKEN = auto()
    COORD = auto()
    SIZE = auto()
    NOTHING = auto()  #: it has ended


class Script(Protocol):
    need: Need

    def choice(self) -> Choice:
        """How to take the next token."""

    def take_token(self, token: int) -> Feed | None: ...
    def take_coord(self, value: float) -> Feed | None: ...
    def take_size(self, width: float, height: float) -> Feed | None: ...

    def end(self, why: Ended) -> None:
        """No more feeds, whatever it was doing."""

    def deltas(self) -> list[tuple[str, bool]]:
        """New words since the last call, each with whether they are reasoning."""

    def answer(self, prompt_tokens: int) -> Answer:
        """What it came to; complete once it has ended."""


class TextScript:
    """A caption or an answer, with or without reasoning before it.

    While it reasons the model may point: a coordinate token is read from the coordinate head and fed back through the
    coordinate encoder.
    """

    def __init__(self, sampling: Sampling, tokens: TokenConfig, tokenizer: Tokenizer, *, reasons: bool) -> None:
        self.need = Need.TOKEN
        self._sampling = sampling
        self._tokens = tokens
        self._tokenizer = tokenizer
        self._reasoned = reasons
        self._is_reasoning = reasons
        self._stretches: list[tuple[list[int], list[float]]] = [([], [])]
        self._words = WordStream(tokenizer)
        self._outbox: list[tuple[str, bool]] = []
        self._text: list[str] = []
        self._thought = self._spoken = self._taken = 0
        self._ended: Ended = "stop"

    def choice(self) -> Choice:
        return Choice(self._sampling, self._taken, self._banned())

    def _banned(self) -> tuple[int, ...]:
        """As the published model is asked: an answer may open, but not go on, with the answer token; a reasoning may
        open, but not go on, with an end or a size."""
        if self._is_reasoning:
            return (self._tokens.eos, self._tokens.size) if self._thought else ()
        banned = (self._tokens.answer,) if self._spoken else ()
        owes_words = self._sampling.must_speak and not "".join(self._text).strip()
        return (*banned, self._tokens.eos) if owes_words else banned

    def take_token(self, token: int) -> Feed | None:
        self._taken += 1
        return self._think(token) if self._is_reasoning else self._speak(token)

    def take_coord(self, value: float) -> Feed | None:
        self._stretches[-1][1].append(value)
        self.need = Need.TOKEN
        return Coord(value)

    def take_size(self, width: float, height: float) -> Feed | None:
        raise NotImplementedError("a text has no sizes")

    def _think(self, token: int) -> Feed | None:
        if token == self._tokens.answer or self._thought >= self._sampling.max_tokens:
            self._say(self._words.flush())
            self._words, self._is_reasoning = WordStream(self._tokenizer), False
            return Token(self._tokens.answer)
        if token in (self._tokens.start_ground, self._tokens.end_ground):
            # A stretch is decoded on its own, so a character that is cut here stays cut.
            self._say(self._words.flush())
            self._words = WordStream(self._tokenizer)
            self._stretches.append(([], []))
        self._stretches[-1][0].append(token)
        self._thought += 1
        self._say(self._words.push(token))
        if token == self._tokens.coord:
            self.need = Need.COORD
            return None
        return Token(token)

    def _speak(self, token: int) -> Feed | None:
        if token == self._tokens.eos:
            self.end("stop")
            return None
        self._spoken += 1
        self._say(self._words.push(token))
        if self._spoken >= self._sampling.max_tokens:
            self.end("length")
            return None
        return Token(token)

    def _say(self, text: str) -> None:
        if not text:
            return
        self._outbox.append((text, self._is_reasoning))
        if not self._is_reasoning:
            self._text.append(text)

    def end(self, why: Ended) -> None:
        self._say(self._words.flush())
        self.need, self._ended = Need.NOTHING, why

    def deltas(self) -> list[tuple[str, bool]]:
        sent, self._outbox = self._outbox, []
        return sent

    def answer(self, prompt_tokens: int) -> TextAnswer:
        texts = [self._tokenizer.decode(ids) for ids, _ in self._stretches]
        return TextAnswer(
            text="".join(self._text),
            reasoning="".join(texts) if self._reasoned else None,
            grounding=grounding(texts, [coords for _, coords in self._stretches]),
            prompt_tokens=prompt_tokens,
            completion_tokens=self._thought + self._spoken,
            ended=self._ended,
        )


class ObjectScript:
    """One object after another: a token that says whether there is one more, then x, y and, for boxes, the size."""

    def __init__(self, tokens: TokenConfig, max_objects: int, *, boxes: bool) -> None:
        self.need = Need.TOKEN
        self._tokens = tokens
        self._max_objects = max_objects
        self._is_box = boxes
        self._centre: list[float] = []
        self._boxes: list[Box] = []
        self._points: list[Point] = []
        self._fed = 0
        self._ended: Ended = "stop"

    def choice(self) -> Choice:
        return Choice(Sampling(temperature=0.0))

    def take_token(self, token: int) -> Feed | None:
        if token == self._tokens.eos:
            self.end("stop")
        elif len(self._boxes) + len(self._points) >= self._max_objects:
            self.end("length")
        else:
            self.need = Need.COORD
        return None

    def take_coord(self, value: float) -> Feed | None:
        self._fed += 1
        self._centre.append(value)
        if len(self._centre) == 2:
            self._centre_known()
        return Coord(value)

    def _centre_known(self) -> None:
        if self._is_box:
            self.need = Need.SIZE
            return
        self._points.append(Point(*self._centre))
        self._centre, self.need = [], Need.TOKEN

    def take_size(self, width: float, height: float) -> Feed | None:
        self._fed += 1
        x, y = self._centre
        self._boxes.append(Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        self._centre, self.need = [], Need.TOKEN
        return Size(width, height)

    def end(self, why: Ended) -> None:
        self.need, self._ended = Need.NOTHING, why

    def deltas(self) -> list[tuple[str, bool]]:
        return []

    def answer(self, prompt_tokens: int) -> ObjectsAnswer:
        found = tuple(self._boxes) if self._is_box else tuple(self._points)
        return ObjectsAnswer(found, prompt_tokens, self._fed, self._ended)


def grounding(texts: Sequence[str], coords: Sequence[Sequence[float]]) -> tuple[Grounding, ...]:
    """The stretches of a reasoning that point somewhere; a lone last coordinate is dropped."""
    found, start = [], 0
    for text, values in zip(texts, coords, strict=True):
        points = tuple(Point(x, y) for x, y in zip(values[::2], values[1::2], strict=False))
        if points:
            found.append(Grounding(start, start + len(text), points))
        start += len(text)
    return tuple(found)
