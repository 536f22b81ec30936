"""Passes words on to those who read along, at most every 50 ms, and only while their job is ours.

They may be written by another thread than the one they come on (`beside`): what comes meanwhile waits, joined, and is said next.
So words keep their order, whoever says them.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any
from uuid import uuid4

from shared.contracts.jobs import JobRecord
from shared.errors import RedisUnavailable
from shared.jobs.token_stream import TokenStream, Words
from shared.log import logger

#: A reader's eye needs no more; each write costs 0.3 ms.
SAY_EVERY_S = 0.05
#: After words that Redis did not take, the model goes on in silence for so long.
PAUSE_AFTER_OUTAGE_S = 2.0


class Sayings:
    """The words of one GPU batch. Leaving the block says what is left."""

    def __init__(
        self,
        client: Any,
        records: Sequence[JobRecord],
        clock_s: Callable[[], float] = time.monotonic,
        beside: Callable[[Callable[[], None]], None] = lambda say: say(),
    ) -> None:
        """
        Args:
            beside: has words said by another thread, soon; else they are said by whoever flushes.
        """
        self._stream = TokenStream(client)
        self._records = {record.id: record for record in records}
        self._clock_s = clock_s
        self._beside = beside
        #: Job → what is to be said next.
        self._waiting: dict[str, list[Words]] = {}
        #: Held for as long as it takes to read or change that.
        self._door = threading.Lock()
        #: Held while words are written: those that came later must not be said sooner.
        self._pen = threading.Lock()
        #: Job → what was said and not answered, by its name: it may have been taken.
        self._doubtful: dict[str, tuple[str, list[Words]]] = {}
        self._quiet_until_s = 0.0

    def __enter__(self) -> "Sayings":
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        if exc is None:
            self.say_all()

    def teller(self, record: JobRecord, tasks: Sequence[int]) -> Callable[[int, str, bool], None]:
        """Takes words of one job; `tasks` are the places of an engine's tasks among all of the job."""

        def tell(index: int, text: str, is_reasoning: bool) -> None:
            words = Words(tasks[index], text, is_reasoning, record.attempt)
            with self._door:
                self._waiting[record.id] = _joined([*self._waiting.get(record.id, []), words])

        return tell

    def flush(self) -> None:
        """Have said what waits, unless something was said just now."""
        if self._waiting and self._clock_s() >= self._quiet_until_s:
            self._beside(self.say_all)

    def say_all(self) -> None:
        """Say what waits, at once, behind what is on its way."""
        with self._pen:
            self._quiet_until_s = self._clock_s() + SAY_EVERY_S
            with self._door:
                waiting, self._waiting = self._waiting, {}
            for job_id in {**self._doubtful, **waiting}:
                self._say_of(self._records[job_id], waiting.get(job_id, []))

    def _say_of(self, record: JobRecord, words: list[Words]) -> None:
        """Of one job: first what was not answered, as it was."""
        doubtful = self._doubtful.pop(record.id, None)
        if (doubtful is None or self._say(record, *doubtful)) and words:
            self._say(record, uuid4().hex, words)
        elif words:
            with self._door:
                self._waiting[record.id] = _joined([*words, *self._waiting.get(record.id, [])])

    def _say(self, record: JobRecord, name: str, words: list[Words]) -> bool:
        """Whether it was answered; else it is kept, so that nothing is missing when Redis answers again."""
        try:
            self._stream.say(record.id, record.token, record.attempt, words, name)
        except RedisUnavailable as exc:
            self._doubtful[record.id] = (name, words)
            self._quiet_until_s = self._clock_s() + PAUSE_AFTER_OUTAGE_S
            logger().warning("words.not_taken", reason=exc.message)
            return False
        return True


def _joined(words: list[Words]) -> list[Words]:
    """What follows one another in a task, of one kind, as one piece; how tasks follow one another is nothing to a reader."""
    joined: list[Words] = []
    #: Task → the place of its last piece.
    last_of: dict[int, int] = {}
    for each in words:
        last = joined[last_of[each.task]] if each.task in last_of else None
        if last is not None and last.is_reasoning == each.is_reasoning:
            joined[last_of[each.task]] = replace(last, text=last.text + each.text)
        else:
            last_of[each.task] = len(joined)
            joined.append(each)
    return joined
