"""What a kind gives back for one job of its batch."""

from dataclasses import dataclass, field
from typing import Any

from shared.contracts.base import non_finite_in
from shared.contracts.jobs import Failure
from shared.errors import NotFinite
from shared.jobs.lifecycle import failure_of


@dataclass(frozen=True)
class Outcome:
    """A result, or why there is none."""

    result: dict[str, Any] | None = None
    error: Failure | None = None
    #: Artifacts stored for it; the runner forgets them once the record names them.
    artifacts: tuple[str, ...] = field(default=())

    @property
    def honest(self) -> "Outcome":
        """Itself; but a result with numbers that are none is a failure: JSON has no word for them, a record no use."""
        where = next(non_finite_in(self.result), None)
        return self if where is None else Outcome(error=failure_of(NotFinite(f"{where} of the result is not finite")))
