"""What may be asked of the model, and what comes back. Coordinates are 0..1 of the picture's width and height."""

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

CaptionLength = Literal["short", "normal", "long"]
Ended = Literal["stop", "length", "cancelled", "not_finite"]

#: A point (x, y) or a box (x_min, y_min, x_max, y_max) that a question is about.
SpatialRef = tuple[float, float] | tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)  # compared by identity: tensors have no single truth value
class Prefix:
    """An encoded picture: the keys and values of BOS and its image tokens in every layer of the text model."""

    kv: Tensor  #: (layers, 2, kv_heads, positions, head_dim)

    @property
    def length(self) -> int:
        return self.kv.shape[3]

    @property
    def nbytes(self) -> int:
        return self.kv.nbytes


@dataclass(frozen=True)
class Sampling:
    """How words are chosen. Temperature 0 takes the likeliest; else the seed alone decides, not who shares the pass."""

    temperature: float = 0.5
    top_p: float = 0.3  #: draw from the likeliest tokens up to this share of the probability
    max_tokens: int = 768  #: of the answer, and again of the reasoning before it
    seed: int = 0
    must_speak: bool = False  #: the end may not come before a visible word


@dataclass(frozen=True)
class CaptionRequest:
    prefix: Prefix
    length: CaptionLength = "normal"
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True)
class QueryRequest:
    """A question about a picture, or about none."""

    prefix: Prefix | None
    question: str
    reasoning: bool = False
    spatial_refs: tuple[SpatialRef, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True)
class DetectRequest:
    prefix: Prefix
    object: str
    max_objects: int = 50


@dataclass(frozen=True)
class PointRequest:
    prefix: Prefix
    object: str
    max_objects: int = 50


Request = CaptionRequest | QueryRequest | DetectRequest | PointRequest


@dataclass(frozen=True)
class Point:
    x: float
    y: float


@dataclass(frozen=True)
class Box:
    """As the model said it: centre ± half the size, which may reach past the picture's edge."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    def clipped(self) -> "Box":
        """The part inside the picture."""
        return Box(max(0.0, self.x_min), max(0.0, self.y_min), min(1.0, self.x_max), min(1.0, self.y_max))


@dataclass(frozen=True)
class Grounding:
    """The points that a stretch of the reasoning speaks of."""

    start: int  #: first character of the stretch
    end: int  #: first character behind it
    points: tuple[Point, ...]


@dataclass(frozen=True)
class TextAnswer:
    text: str
    reasoning: str | None  #: None where none was asked for
    grounding: tuple[Grounding, ...]
    prompt_tokens: int  #: with BOS and image tokens
    completion_tokens: int  #: with the reasoning
    ended: Ended


@dataclass(frozen=True)
class ObjectsAnswer:
    objects: tuple[Box, ...] | tuple[Point, ...]
    prompt_tokens: int
    completion_tokens: int  #: coordinates and sizes count one each
    ended: Ended


Answer = TextAnswer | ObjectsAnswer


@dataclass(frozen=True)
class Delta:
    """New words of one answer; joined in order they are its text (or its reasoning)."""

    index: int  #: of the request
    text: str
    is_reasoning: bool


@dataclass(frozen=True)
class Finished:
    index: int  #: of the request
    answer: Answer


Event = Delta | Finished
