"""Numbers that are none (NaN, infinite) in what is about to be kept: records and JSON must not hold any."""

import math
from collections.abc import Iterator
from typing import Any


def non_finite_in(value: Any, path: str = "") -> Iterator[str]:
    """Where in nested dicts and lists they are, as in `answers[0].nsfw`."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path or "it"
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from non_finite_in(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from non_finite_in(each, f"{path}[{index}]")
