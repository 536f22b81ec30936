"""What a job needs before it begins is fetched beside the passes: the picture that it names.

Each level has threads of its own, so nobody waits behind the slow picture of somebody less urgent. Who names none waits behind
nobody's: its work is there at once.

The limit we know of: who names a picture waits where `FETCHED_AT_ONCE` of its own level are slow.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from shared.contracts.jobs import JobRecord
from shared.jobs.pictures_named import PICTURE_PARAMS
from shared.jobs.routing import PRIORITIES

T = TypeVar("T")
#: Pictures of one level that are fetched at once.
FETCHED_AT_ONCE = 4


class Fetching:
    """The threads that fetch for one run; lives as long as the run."""

    def __init__(self) -> None:
        self._threads = {
            priority: ThreadPoolExecutor(FETCHED_AT_ONCE, thread_name_prefix=f"fetching-{priority.value}")
            for priority in PRIORITIES
        }

    def take(self, record: JobRecord, work_of: Callable[[], Any]) -> "Future[Any]":
        """Have a job's work made: by a thread, or before this returns where there is nothing to fetch."""
        if not names_picture(record):
            return _settled(Future(), work_of)
        return self._threads[record.priority].submit(work_of)


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
