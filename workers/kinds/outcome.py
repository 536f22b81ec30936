"""What a kind gives back for one job of its batch."""

from dataclasses import dataclass, field
from typing import Any

from shared.contracts.jobs import Failure


@dataclass(frozen=True)
class Outcome:
    """A result, or why there is none."""

    result: dict[str, Any] | None = None
    error: Failure | None = None
    #: Artifacts stored for it; the runner forgets them once the record names them.
    artifacts: tuple[str, ...] = field(default=())
