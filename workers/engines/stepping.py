"""The protocol of engines that make pictures a step at a time, each in whatever company it has just then.

An engine that has it is run by `workers.execution.stepping`; one that has only `generate` gets its jobs from end to end.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol, runtime_checkable

from PIL.Image import Image

from workers.engines.base import GenerateWork, Watch


class Sample(Protocol):
    """One picture on its way from noise. It is its engine's; this is what whoever seats it must know."""

    @property
    def key(self) -> Hashable:
        """Samples with one key may share a pass."""
        ...

    @property
    def rows(self) -> int:
        """Rows it takes of a pass: what memory and time go by. Guidance takes two."""
        ...

    @property
    def step(self) -> int:
        """Steps that are done."""
        ...

    @property
    def steps(self) -> int:
        """Steps in all."""
        ...

    @property
    def is_done(self) -> bool: ...


@runtime_checkable
class Stepping(Protocol):
    """An engine that makes pictures a step at a time, each in whatever company it has just then.

    A sample may begin and end at any step of the others; alone or in company it becomes the same picture.
    """

    def begin(self, work: GenerateWork, watch: Watch) -> list[Any]:
        """A job's pictures before their first step: `Sample`s, in the order of their seeds.

        Raises:
            OutOfVram: the prompt or the starting picture does not fit.
            NotFinite: the starting picture cannot be read, in no precision.
        """
        ...

    def step(self, samples: Sequence[Any]) -> None:
        """One pass over samples of one key, none done. It may return before it is computed, but not before the one before is:
        so whoever comes between two steps waits for one and a half at most.

        Raises:
            OutOfVram: it did not fit; those whose `step` has not grown are as they were, and may go on in fewer.
        """
        ...

    def finish(self, samples: Sequence[Any], watch: Watch) -> list[Image]:
        """The pictures of samples of one job, all done.

        Raises:
            NotFinite: one is no picture. OutOfVram: not even in tiles.
        """
        ...

    def preview(self, sample: Any) -> Callable[[], Image]:
        """Begins a small picture of where a sample is; what is returned finishes it, on any thread."""
        ...

    def saved(self, sample: Any) -> bytes:
        """The state of a sample between two steps, to go on from elsewhere.

        Raises:
            EngineFailed: it cannot be kept.
        """
        ...

    def resumed(self, work: GenerateWork, place: int, data: bytes, watch: Watch) -> Any:
        """The job's picture at `place` (from 0), where it was saved.

        Raises:
            EngineFailed: these bytes are no state of it.
        """
        ...

    def settle(self) -> None:
        """Waits until all passes are computed: on a GPU, `step` returns while the one it began is under way."""
        ...

    def rest(self) -> None:
        """Nothing is going to happen for a while: what only visits the GPU leaves it."""
        ...
