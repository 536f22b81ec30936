"""What all contracts share: their base class, the priorities, a seed, and the limits that several of them have."""

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

#: Seeds stay exact in JavaScript (Number.MAX_SAFE_INTEGER); the last 16 are left for seed…seed+n−1.
MAX_SEED = 2**53 - 17
#: Longest picture in base64 a field may hold: 64 MiB of text; the byte limit of pictures acts after decoding.
MAX_INLINE_CHARS = 64 * 2**20


class Contract(BaseModel):
    """Base of all that callers send: unknown fields and look-alike types ("20" for 20) are refused, nothing is guessed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Frozen(BaseModel):
    """Base of our own records: a change is a new one."""

    model_config = ConfigDict(frozen=True)


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


#: What A1111, ComfyUI and their clients send for "draw one".
DRAW = -1


def _none_to_draw(seed: Any) -> Any:
    return None if type(seed) is int and seed == DRAW else seed


#: A seed, or None: draw one. −1 says the same.
Seed = Annotated[
    Annotated[int, Field(ge=0, le=MAX_SEED)] | None,
    BeforeValidator(_none_to_draw),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": DRAW, "maximum": MAX_SEED}, {"type": "null"}]}),
]


def non_finite_in(value: Any, path: str = "") -> Iterator[str]:
    """Where nested dicts and lists have numbers that are none (NaN, infinite), as in `answers[0].nsfw`.

    Records and JSON must not hold any.
    """
    if isinstance(value, float) and not math.isfinite(value):
        yield path or "it"
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from non_finite_in(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from non_finite_in(each, f"{path}[{index}]")
