"""How many threads a model gets on a CPU: measured once, then kept.

More threads are not quicker by nature: small models lose more at OpenMP's barriers than they gain (the toy takes 940 ms
a picture with two threads, 322 ms with one), large ones gain, and where somebody else takes one core all threads wait for
it. So a worker tries: after a model is loaded and before the job begins, a few of its smallest calls with 1, 2, 4 …
threads, in turn, and of each count the quickest, because noise only ever adds. It takes `MOST_S` at the most, counts as
loading, and beats in between. The count never changes inside a job, and the job's result names it: it changes rounding.

Other programs must not decide. One thread's time is its processor time where that is less than the clock's, so noise
speaks only against more threads, which fare worse beside others anyway. And what is not sure in the end (see `Compared`)
holds for the time being: it is not kept, and measured again `AGAIN_S` later.

Limits: the smallest call stands for all; beside other programs the last call may end late; a model whose one call takes
longer than `MOST_S` gets all threads unmeasured. A worker of a GPU, and one whose threads are set by
`DARKROOM_CPU_THREADS`, does not measure.
"""

import itertools
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.errors import Signal
from shared.log import logger
from workers.devices.thread_book import Circumstances, Pace, ThreadBook
from workers.engines.base import Engine, Paced, Threaded
from workers.engines.torch_tools.torch_threads import between_modules, set_threads

#: Longest that one model is measured; with the way out of an unfinished call it stays below five seconds.
MOST_S = 4.5
#: Shortest, unless there is nothing to compare: what disturbs a machine comes and goes.
LEAST_S = 0.5
#: Rounds that are made in any case.
LEAST_ROUNDS = 3
#: Of each count the two quickest calls must be so close: one alone may be luck, or all the others bad luck.
CLOSE = 1.05
#: A measurement that had so much processor time within its limit was not disturbed, whatever its calls look like.
UNDISTURBED = 0.8
#: When what is not sure is measured again, at the next job then.
AGAIN_S = 600.0
#: Threads are taken only where they make a call at least so much quicker: a core that another program wants stops all.
WORTH = 0.97

#: What is asked for a model's circumstances: its id.
Ask = Callable[[str], Circumstances]


class TimeIsUp(Signal):
    """The measurement has had its time; goes through an engine like any signal."""


@dataclass(frozen=True)
class Compared:
    """What calls took."""

    #: Threads → the quickest call, of the counts that could be tried in time.
    quickest_s: Mapping[int, float]
    #: The two quickest calls of every count agree, or nobody else was at work and the time was too short.
    is_sure: bool

    def best(self, most: int) -> int:
        """The fewest threads that are about as quick as the quickest; all where nothing could be compared."""
        if len(self.quickest_s) < 2:
            return most
        least_s = min(self.quickest_s.values())
        return min(count for count, took_s in self.quickest_s.items() if took_s * WORTH <= least_s)


class Stopclock:
    """Time on the wall and of the processor since its making."""

    def __init__(self, wall_s: Callable[[], float], cpu_s: Callable[[], float]) -> None:
        self._wall_s, self._cpu_s = wall_s, cpu_s
        self._wall_began_s, self._cpu_began_s = wall_s(), cpu_s()

    @property
    def wall_s(self) -> float:
        return self._wall_s() - self._wall_began_s

    @property
    def cpu_s(self) -> float:
        """Of all threads of this process."""
        return self._cpu_s() - self._cpu_began_s


def compare(counts: Sequence[int], call: Callable[[int], float], spent: Stopclock) -> Compared:
    """Try all counts in turn until it is sure how they compare, or the time is up.

    Args:
        call: makes one call with so many threads, returns its seconds; raises TimeIsUp.
        spent: runs from the start.
    """
    most = counts[-1]
    took_s: dict[int, list[float]] = {count: [] for count in counts}
    try:
        took_s[most].append(call(most))  # also warms up, and says whether the others can be tried at all
        work_s = spent.cpu_s
        for turn in itertools.count():
            if turn >= LEAST_ROUNDS and spent.wall_s >= LEAST_S and all(map(_agree, took_s.values())):
                break
            for count in counts if turn % 2 == 0 else reversed(counts):
                expected_s = min(took_s[count], default=work_s / count)
                if spent.wall_s + expected_s > MOST_S:
                    raise TimeIsUp("another call would take too long")
                took_s[count].append(call(count))
    except TimeIsUp:
        pass
    was_undisturbed = spent.cpu_s >= UNDISTURBED * spent.wall_s
    is_sure = was_undisturbed or all(map(_agree, took_s.values()))
    return Compared({count: min(calls) for count, calls in took_s.items() if calls}, is_sure)


def _agree(calls_s: list[float]) -> bool:
    quickest = sorted(calls_s)[:2]
    return len(quickest) == 2 and quickest[1] <= CLOSE * quickest[0]


class Threads:
    """The counts of one worker. Its child calls `settle` for each job; nobody else sets threads."""

    def __init__(
        self,
        counts: Sequence[int],
        book: ThreadBook,
        ask: Ask,
        wall_s: Callable[[], float] = time.perf_counter,
        cpu_s: Callable[[], float] = time.process_time,
    ) -> None:
        """
        Args:
            counts: what may be tried, ascending; one alone is taken as it is.
        """
        self._counts = counts
        self._book = book
        self._ask = ask
        self._wall_s = wall_s
        self._cpu_s = cpu_s
        #: By model.
        self._settled: dict[str, Settled] = {}

    def of(self, model: str) -> int | None:
        """The count of a model that was used; None: not yet."""
        settled = self._settled.get(model)
        return settled.count if settled else None

    def settle(self, engine: Engine, precision: str, still_wanted: Callable[[], None]) -> int:
        """Give a loaded model its threads, measured if they never were; how many.

        Args:
            still_wanted: called often while it measures, beats at its own pace; what it raises ends the measurement.
        """
        settled = self._settled.get(engine.card.id)
        if settled is None or settled.engine() is not engine or self._wall_s() >= settled.until_s:
            count, is_sure = self._find(engine, precision, still_wanted)
            until_s = float("inf") if is_sure else self._wall_s() + AGAIN_S
            settled = self._settled[engine.card.id] = Settled(weakref.ref(engine), count, until_s)
        _give(engine, settled.count)
        return settled.count

    def _find(self, engine: Engine, precision: str, still_wanted: Callable[[], None]) -> tuple[int, bool]:
        """The count, and whether it is sure."""
        most = self._counts[-1]
        if len(self._counts) == 1 or not isinstance(engine, Paced):
            return most, True
        try:
            circumstances = self._ask(engine.card.id)
            known = self._book.find(engine.card.id, precision, circumstances)
            if known is not None:
                return known.threads, True
            compared = self._compared(engine, still_wanted)
        except Signal:
            raise
        except Exception as exc:  # a measurement never costs a job; what is wrong with the model, the job will say
            reason = f"{type(exc).__name__}: {str(exc)[:300]}"
            logger().warning("threads.not_measured", model=engine.card.id, reason=reason)
            return most, False
        pace = Pace(
            model=engine.card.id,
            precision=precision,
            circumstances=circumstances,
            threads=compared.best(most),
            quickest_ms={count: round(1000 * took_s, 2) for count, took_s in sorted(compared.quickest_s.items())},
        )
        logger().info(
            "threads.measured",
            model=pace.model,
            threads=pace.threads,
            quickest_ms=pace.quickest_ms,
            is_sure=compared.is_sure,
        )
        return (self._book.keep(pace) if compared.is_sure else pace).threads, compared.is_sure

    def _compared(self, engine: Paced, still_wanted: Callable[[], None]) -> Compared:
        spent = Stopclock(self._wall_s, self._cpu_s)

        def look() -> None:
            still_wanted()
            if spent.wall_s > MOST_S:
                raise TimeIsUp("the threads were measured long enough")

        def call(count: int) -> float:
            look()
            _give(engine, count)
            took = Stopclock(self._wall_s, self._cpu_s)
            engine.smallest_call()
            return min(took.wall_s, took.cpu_s) if count == 1 else took.wall_s

        with between_modules(look):
            return compare(self._counts, call, spent)


@dataclass(frozen=True)
class Settled:
    """A loaded model's count. One that is loaded anew is looked up anew."""

    engine: weakref.ref[Engine]
    count: int
    #: When to measure again, by the clock on the wall.
    until_s: float


def _give(engine: object, count: int) -> None:
    set_threads(count)
    if isinstance(engine, Threaded):
        engine.set_threads(count)
