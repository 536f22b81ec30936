"""What a job needs before it begins is fetched beside the passes: the picture that it names, and its checkpoint.

Each level has threads of its own, so nobody waits behind what is slow of somebody less urgent. Who needs neither waits behind
nobody's: its work is there at once. A job that was never begun has no checkpoint.

The limit we know of: who needs one waits where `FETCHED_AT_ONCE` of its own level are slow.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from shared.contracts.jobs import JobRecord
from shared.jobs.checkpoints import Checkpoints, Kept
from shared.jobs.pictures_named import PICTURE_PARAMS
from shared.jobs.routing import PRIORITIES

T = TypeVar("T")
#: Jobs of one level whose things are fetched at once.
FETCHED_AT_ONCE = 4


class Fetching:
    """The threads that fetch for one run; lives as long as the run."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._threads = {
            priority: ThreadPoolExecutor(FETCHED_AT_ONCE, thread_name_prefix=f"fetching-{priority.value}")
            for priority in PRIORITIES
        }

    def take(self, record: JobRecord, work_of: Callable[[], Any]) -> "tuple[Future[Any], Future[Kept] | None]":
        """Have a job's work made: by a thread, or before this returns where there is nothing to fetch.

        Returns it, and what is kept of the job, which is there no later; None: nothing is.
        """
        if not record.history and not names_picture(record):
            return _settled(Future(), work_of), None
        kept: Future[Kept] | None = Future() if record.history else None

        def fetch() -> Any:
            if kept is not None:
                _settled(kept, lambda: self._checkpoints.get(record.id))
            return work_of()

        return self._threads[record.priority].submit(fetch), kept


def names_picture(record: JobRecord) -> bool:
    """Whether a job starts from a picture. Pure."""
    return any(record.params.get(name) is not None for name in PICTURE_PARAMS)


def _settled(future: "Future[T]", ask: Callable[[], T]) -> "Future[T]":
    """The same, with what was asked for, or what that broke on."""
    try:
        future.set_result(ask())
    except Exception as exc:  # whoever asks for the result hears of it
        future.set_exception(exc)
    return future
