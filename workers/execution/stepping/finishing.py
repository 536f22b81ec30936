"""From the last step to the record's end: pictures are decoded between two passes, one at a time, and stored behind."""

from collections.abc import Callable
from functools import partial
from typing import Any

from shared.contracts.jobs import Timings
from shared.errors import DarkroomError
from shared.log import bound
from shared.models.catalogue import ModelCard
from shared.models.measurements import Measurements
from workers.devices.snapshot import joules_per_picture
from workers.engines.stepping import Stepping
from workers.execution.endings import engine_failed
from workers.execution.runtime import Runtime
from workers.execution.stepping.behind import Behind
from workers.execution.stepping.members import Member
from workers.execution.stepping.trades import trade_of
from workers.execution.timing import record_timing


class Finishing:
    """Ends the jobs of one model's run whose pictures are made."""

    def __init__(self, runtime: Runtime, behind: Behind, card: ModelCard, busy_s: Callable[[], float]) -> None:
        """
        Args:
            busy_s: seconds that the run has spent on the GPU so far.
        """
        self._runtime = runtime
        self._behind = behind
        self._card = card
        self._trade = trade_of(card)
        self._busy_s = busy_s
        self._learned = Measurements(runtime.store.redis)
        #: What the model's last loading took, until a job that needed it has ended.
        self.load_ms: int | None = None

    def decode(self, engine: Stepping, member: Member, place: int) -> None:
        """One picture of a member. Raises as `Stepping.finish`."""
        [member.pictures[place]] = engine.finish([member.samples[place]], member.watch)

    def hand_over(self, engine: Stepping, member: Member, threads: int) -> None:
        """All pictures of a member are decoded: they are stored, and it ends, behind."""
        weights_hash = self._runtime.residency.weights.get(self._card.id)
        about = self._trade.about(engine, weights_hash, threads, self._joules(member))
        pictures = [member.pictures[place] for place in range(len(member.samples))]
        self._behind.take(partial(self._store, member, pictures, about))

    def _joules(self, member: Member) -> float | None:
        """Its share of what the card used since it began, by the time that was its own."""
        if member.began_with is None:
            return None
        before, busy_s = member.began_with
        per_picture = joules_per_picture(before, self._runtime.gpu_now(), len(member.samples))
        spent_s, own_s = self._busy_s() - busy_s, member.spent_s - member.spent_before_s
        return None if per_picture is None or spent_s <= 0 else per_picture * min(1.0, own_s / spent_s)

    def _store(self, member: Member, pictures: list[Any], about: Any) -> None:
        with bound(job=member.record.id, model=self._card.id, worker=self._runtime.slot.name):
            member.stopwatch.start("storing")
            member.phase("storing", at_once=True)
            if not member.is_wanted:
                return
            degradations = member.watch.degradations_of(member.claim)
            try:
                outcome = self._trade.stored(member.record, member.work.result(), pictures, about, self._runtime)
            except Exception as exc:
                error = exc if isinstance(exc, DarkroomError) else engine_failed(exc)
                member.watch.fall_silent()
                member.endings.fail_one(member.claim, error, in_batch=1, degradations=degradations)
                return
            member.watch.fall_silent()
            member.endings.end_one(member.claim, outcome, degradations)
            self._learn(member)

    def _learn(self, member: Member) -> None:
        if member.resumed_at or member.is_restarted:
            return  # it took fewer or more steps than such a job does
        load_ms, self.load_ms = self.load_ms, None
        took = Timings(running_ms=round(member.spent_s * 1000), loading_ms=load_ms or 0)
        record_timing(self._learned, self._runtime.slot.name, [member.record], took, has_loaded=load_ms is not None)
