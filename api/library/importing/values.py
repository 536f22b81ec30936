"""What may stand in a field of an imported picture. Pure.

A file says what it likes; what does not fit a field is left out of the fields and stays in the file's own text.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from shared.contracts.samplers import AUTOMATIC, sampling_of, schedule_name, scheduler_name

#: Longest text of one field; prompts of other programs are longer than ours may be, and are kept for search.
MAX_CHARS = 20_000
MAX_LORAS = 64
#: Largest whole number that SQL and JavaScript both keep; seeds of others go up to 2⁶⁴ and are kept as text.
MAX_WHOLE = 2**53 - 1
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def text(value: Any) -> str | None:
    """Text without what is no text (NUL, halves of surrogate pairs), cut at the limit; None: there is none."""
    if not isinstance(value, str):
        return None
    return _CONTROL.sub("", value).strip()[:MAX_CHARS] or None


def whole(value: Any) -> int | None:
    """A whole number from 0 to 2⁵³ − 1, also from its digits; None: it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    number = _number(value)
    if number is None or number != int(number) or not 0 <= number <= MAX_WHOLE:
        return None
    return int(value) if isinstance(value, int) or str(value).strip().isdigit() else int(number)


def number(value: Any) -> float | None:
    """A finite number, also from its digits."""
    return None if isinstance(value, bool) or not isinstance(value, int | float | str) else _number(value)


def sampling(scheduler: Any, schedule: Any = None) -> dict[str, str]:
    """Sampler and schedule by our names, where we have such; an unknown one keeps its own spelling."""
    said, followed = text(scheduler), text(schedule)
    try:
        ours = scheduler_name(said) if said else None
        asked = schedule_name(followed) if followed else None
        both = sampling_of(ours, None if asked == AUTOMATIC else asked) if ours else None
    except ValueError:
        return {name: value for name, value in (("scheduler", said), ("schedule", followed)) if value}
    return {"scheduler": both.sampler, "schedule": both.schedule} if both else {}


def lora(name: Any, weight: Any) -> dict[str, Any] | None:
    """One adapter as it is kept; None: it has no name."""
    named = text(name)
    if named is None:
        return None
    weighed = number(weight)
    return {"name": _stem(named), "weight": 1.0 if weighed is None else weighed}


def model(name: Any) -> str | None:
    """A checkpoint's name without its folder and its ending."""
    named = text(name)
    return _stem(named) if named else None


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those fields that say something."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _stem(name: str) -> str:
    return re.sub(r"\.(safetensors|ckpt|pt|pth|bin|gguf)$", "", re.split(r"[/\\]", name)[-1], flags=re.IGNORECASE)


def _number(value: float | str) -> float | None:
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
