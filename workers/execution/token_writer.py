"""Passes words on to those who read along, at most every 50 ms, and only while their job is ours."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from shared.contracts.jobs import JobRecord
from shared.errors import RedisUnavailable
from shared.jobs.token_stream import TokenStream, Words, new_name
from shared.log import logger

#: A reader's eye needs no more; each write costs 0.3 ms.
SAY_EVERY_S = 0.05
#: After words that Redis did not take, the model goes on in silence for so long.
PAUSE_AFTER_OUTAGE_S = 2.0


class Sayings:
    """The words of one GPU batch. Leaving the block says what is left."""

    def __init__(
        self, client: Any, records: Sequence[JobRecord], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = TokenStream(client)
        self._records = {record.id: record for record in records}
        self._clock_s = clock_s
        self._waiting: dict[str, list[Words]] = {}
        #: Job → what is to be said next, each piece under its name; kept as it is until Redis has taken it.
        self._saying: dict[str, dict[str, list[Words]]] = {}
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
            self._waiting.setdefault(record.id, []).append(words)

        return tell

    def flush(self) -> None:
        """Say what waits, unless something was said just now."""
        if (self._waiting or self._saying) and self._clock_s() >= self._quiet_until_s:
            self.say_all()

    def say_all(self) -> None:
        """Say what waits, at once."""
        self._quiet_until_s = self._clock_s() + SAY_EVERY_S
        waiting, self._waiting = self._waiting, {}
        for job_id, words in waiting.items():
            self._saying.setdefault(job_id, {})[new_name()] = _joined(words)
        for job_id in [*self._saying]:
            try:
                self._say(job_id)
            except RedisUnavailable as exc:
                self._quiet_until_s = self._clock_s() + PAUSE_AFTER_OUTAGE_S
                logger().warning("words.not_taken", reason=exc.message)

    def _say(self, job_id: str) -> None:
        """What Redis does not take stays, so that nothing is missing, nor there twice, when it answers again."""
        record, saying = self._records[job_id], self._saying[job_id]
        for name, words in [*saying.items()]:
            self._stream.say(job_id, record.token, record.attempt, words, name)
            del saying[name]
        del self._saying[job_id]


def _joined(words: list[Words]) -> list[Words]:
    """Neighbours of one task and kind as one piece."""
    joined: list[Words] = []
    for each in words:
        last = joined[-1] if joined else None
        if last is not None and (last.task, last.is_reasoning) == (each.task, each.is_reasoning):
            joined[-1] = Words(last.task, last.text + each.text, last.is_reasoning, last.attempt)
        else:
            joined.append(each)
    return joined
