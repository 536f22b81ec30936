"""What is asked → what is fed to the text model after the picture.

A feed is one position of the sequence: a token, or a coordinate or size, which have encoders of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from shared.errors import InvalidRequest
from workers.engines.moondream.config import TokenConfig
from workers.engines.moondream.requests import (
    CaptionLength,
    CaptionRequest,
    DetectRequest,
    PointRequest,
    QueryRequest,
    Request,
    SpatialRef,
)


@dataclass(frozen=True)
class Token:
    id: int


@dataclass(frozen=True)
class Coord:
    value: float


@dataclass(frozen=True)
class Size:
    width: float
    height: float


Feed = Token | Coord | Size


def prompt(request: Request, tokens: TokenConfig, tokenizer: Tokenizer) -> list[Feed]:
    """Everything that follows the picture.

    Raises:
        InvalidRequest: places are named in a question that has no picture.
    """
    match request:
        case CaptionRequest(length=length):
            return caption_prompt(length, tokens)
        case QueryRequest():
            return query_prompt(request, tokens, tokenizer)
        case DetectRequest(object=name):
            return object_prompt(tokens.detect, name, tokens, tokenizer)
        case PointRequest(object=name):
            return object_prompt(tokens.point, name, tokens, tokenizer)


def caption_prompt(length: CaptionLength, tokens: TokenConfig) -> list[Feed]:
    ids = {"short": tokens.caption_short, "normal": tokens.caption_normal, "long": tokens.caption_long}
    return as_feeds(ids[length])


def query_prompt(request: QueryRequest, tokens: TokenConfig, tokenizer: Tokenizer) -> list[Feed]:
    """Opening, places, question, and what shall come next: the reasoning or the answer.

    Without reasoning the answer token stands twice. It looks like a slip, but the published model is asked so.
    """
    if request.prefix is None and request.spatial_refs:
        raise InvalidRequest("spatial references need a picture", field="spatial_refs")
    begin = () if request.prefix is not None else (tokens.bos,)
    question = tokenizer.encode(request.question).ids
    end = (tokens.answer, tokens.thinking if request.reasoning else tokens.answer)
    places = [feed for ref in request.spatial_refs for feed in place(ref)]
    return [*as_feeds((*begin, *tokens.query)), *places, *as_feeds((*question, *end))]


def object_prompt(opening: tuple[int, ...], name: str, tokens: TokenConfig, tokenizer: Tokenizer) -> list[Feed]:
    return as_feeds((*opening, *tokenizer.encode(" " + name).ids, tokens.answer))


def place(ref: SpatialRef) -> list[Feed]:
    """A point as two coordinates; a box as its centre and size."""
    if len(ref) == 2:
        return [Coord(ref[0]), Coord(ref[1])]
    x_min, y_min, x_max, y_max = ref
    return [Coord((x_min + x_max) / 2), Coord((y_min + y_max) / 2), Size(x_max - x_min, y_max - y_min)]


def as_feeds(ids: Sequence[int]) -> list[Feed]:
    return [Token(id_) for id_ in ids]
