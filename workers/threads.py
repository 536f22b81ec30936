"""How many threads a model gets on a CPU: measured once, then kept.

More threads are not quicker by nature: small models lose more at OpenMP's barriers than they gain (the toy takes 940 ms
a picture with two threads, 322 ms with one), large ones gain, and where somebody else takes one core all threads wait for
it. So a worker tries: after a model is loaded and before the job begins, a few of its smallest calls with 1, 2, 4 …
threads, in turn, and of each count the quickest, because noise only ever adds. It takes `MOST_S` at the most, counts as
loading, and beats in between. The count never changes inside a job, and the job's result names it: it changes rounding.

Limits: the smallest call stands for all; a model whose one call takes longer than `MOST_S` gets all threads unmeasured.
A worker of a GPU, and one whose threads are set by `DARKROOM_CPU_THREADS`, does not measure.
"""

import itertools
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from shared.errors import Signal
from shared.log import logger
from workers.engines.base import Engine, Paced, Threaded
from workers.thread_book import Circumstances, Pace, ThreadBook
from workers.torch_threads import between_modules, set_threads

#: Longest that one model is measured.
MOST_S = 5.0
#: Shortest, unless there is nothing to compare: what disturbs a machine comes and goes.
LEAST_S = 0.5
#: Rounds that are made in any case.
LEAST_ROUNDS = 3
#: Of each count the two quickest calls must be so close: one alone may be luck, or all the others bad luck.
CLOSE = 1.05
#: Threads are taken only where they make a call at least so much quicker: a core that another program wants stops all.
WORTH = 0.97

#: What is asked for a model's circumstances: its id.
Ask = Callable[[str], Circumstances]


class TimeIsUp(Signal):
    """The measurement has had its time; goes through an engine like any signal."""


def choose(quickest_s: Mapping[int, float], most: int) -> int:
    """The fewest threads that are about as quick as the quickest; all where nothing could be compared."""
    if len(quickest_s) < 2:
        return most
    least_s = min(quickest_s.values())
    return min(count for count, took_s in quickest_s.items() if took_s * WORTH <= least_s)


def compare(counts: Sequence[int], call: Callable[[int], float], spent_s: Callable[[], float]) -> dict[int, float]:
    """Threads → seconds of the quickest call, of those that could be tried in time.

    Args:
        call: makes one call with so many threads, returns its seconds; raises TimeIsUp.
        spent_s: since the start.
    """
    most = counts[-1]
    took_s: dict[int, list[float]] = {count: [] for count in counts}
    try:
        took_s[most] = [call(most)]  # also warms up, and says whether the others can be tried at all
        for turn in itertools.count():
            if turn >= LEAST_ROUNDS and spent_s() >= LEAST_S and all(map(_is_sure, took_s.values())):
                break
            for count in counts if turn % 2 == 0 else reversed(counts):
                expected_s = min(took_s[count], default=min(took_s[most]) * most / count)
                if spent_s() + expected_s > MOST_S:
                    raise TimeIsUp("another call would take too long")
                took_s[count].append(call(count))
    except TimeIsUp:
        pass
    return {count: min(calls) for count, calls in took_s.items() if calls}


def _is_sure(calls_s: list[float]) -> bool:
    first, second = sorted(calls_s)[:2]
    return second <= CLOSE * first


class Threads:
    """The counts of one worker. Its child calls `settle` for each job; nobody else sets threads."""

    def __init__(
        self,
        counts: Sequence[int],
        book: ThreadBook,
        ask: Ask,
        clock_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        Args:
            counts: what may be tried, ascending; one alone is taken as it is.
        """
        self._counts = counts
        self._book = book
        self._ask = ask
        self._clock_s = clock_s
        #: Model → the engine that was asked last and its count; a model that is loaded anew is looked up anew.
        self._settled: dict[str, tuple[weakref.ref[Engine], int]] = {}

    def of(self, model: str) -> int | None:
        """The count of a model that was used; None: not yet."""
        _, count = self._settled.get(model, (None, None))
        return count

    def settle(self, engine: Engine, precision: str, still_wanted: Callable[[], None]) -> int:
        """Give a loaded model its threads, measured if they never were; how many.

        Args:
            still_wanted: called often while it measures, beats at its own pace; what it raises ends the measurement.
        """
        reference, count = self._settled.get(engine.card.id, (None, 0))
        if reference is None or reference() is not engine:
            count = self._find(engine, precision, still_wanted)
            self._settled[engine.card.id] = (weakref.ref(engine), count)
        _give(engine, count)
        return count

    def _find(self, engine: Engine, precision: str, still_wanted: Callable[[], None]) -> int:
        most = self._counts[-1]
        if len(self._counts) == 1 or not isinstance(engine, Paced):
            return most
        model = engine.card.id
        try:
            circumstances = self._ask(model)
            known = self._book.find(model, precision, circumstances)
            return known.threads if known else self._measured(engine, precision, circumstances, still_wanted)
        except Signal:
            raise
        except Exception as exc:  # a measurement never costs a job; what is wrong with the model, the job will say
            logger().warning("threads.not_measured", model=model, reason=f"{type(exc).__name__}: {str(exc)[:300]}")
            return most

    def _measured(
        self, engine: Paced, precision: str, circumstances: Circumstances, still_wanted: Callable[[], None]
    ) -> int:
        started_s = self._clock_s()

        def spent_s() -> float:
            return self._clock_s() - started_s

        def look() -> None:
            still_wanted()
            if spent_s() > MOST_S:
                raise TimeIsUp("the threads were measured long enough")

        with between_modules(look):
            quickest_s = compare(self._counts, partial(self._timed, engine, look), spent_s)
        quickest_ms = {count: round(1000 * took_s, 2) for count, took_s in sorted(quickest_s.items())}
        pace = Pace(
            model=engine.card.id,
            precision=precision,
            circumstances=circumstances,
            threads=choose(quickest_s, self._counts[-1]),
            quickest_ms=quickest_ms,
        )
        logger().info("threads.measured", model=pace.model, threads=pace.threads, ms=quickest_ms, s=round(spent_s(), 2))
        return self._book.keep(pace).threads

    def _timed(self, engine: Paced, look: Callable[[], None], count: int) -> float:
        look()
        _give(engine, count)
        started_s = self._clock_s()
        engine.smallest_call()
        return self._clock_s() - started_s


def _give(engine: object, count: int) -> None:
    set_threads(count)
    if isinstance(engine, Threaded):
        engine.set_threads(count)
