"""What a run keeps of its samples, so that a kill costs a few steps: checkpoints to Redis, beside the passes.

A job's is written every `checkpoint_steps` steps, at most every `LEAST_S`, and at once when the worker drains. A run that
gives way notes where its jobs stand, and writes that should they go back before its next ticket. Written by one thread; what
finds it busy, or Redis slow or full, is left out: the job goes on, and the next one is newer anyway. Only whoever holds the
job may write one, so those who leave a run wait for theirs first (`settle`).

Who takes a job over goes on from there. Not, though, where that is what may have broken it: a job that has broken a pass
since it was written, or an attempt of which was lost that had gone on from it, starts at its beginning.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from shared.contracts.jobs import JobRecord, Reason
from shared.errors import DarkroomError, EngineFailed, RedisUnavailable
from shared.jobs.checkpoints import MOST_BYTES, Checkpoints, Kept
from shared.log import logger
from shared.models.catalogue import ModelCard
from workers.engines.stepping import Stepping
from workers.execution.progress import Claim
from workers.execution.runtime import Runtime
from workers.execution.side_thread import SideThread
from workers.execution.stepping.members import Member
from workers.execution.stepping.trades import trade_of

#: Between two checkpoints of one job.
LEAST_S = 2.0
#: How long those who leave wait for what was kept last: 4 MiB/s for as much as a run may have.
SETTLE_S = 5.0


class Keeping:
    """The checkpoints of one run."""

    def __init__(self, runtime: Runtime, card: ModelCard, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = Checkpoints(runtime.store.redis)
        self._every = trade_of(card).checkpoint_every(runtime.settings)
        self._clock = clock
        self._thread = SideThread("checkpoints")
        #: Where those stand who gave way and whose last checkpoint is young.
        self._noted: list[tuple[Claim, Kept]] = []

    def look(self, engine: Stepping, members: Sequence[Member], *, at_once: bool = False) -> None:
        """Write the checkpoint that is due longest.

        Args:
            at_once: the worker drains: whatever has changed is due.
        """
        self.forget()  # they have gone on since
        if not self._every or not self._thread.is_free:
            return
        due = [member for member in members if self._is_due(member, at_once)]
        if due:
            self._write(engine, min(due, key=lambda member: member.saved_at_s))

    def keep_all(self, engine: Stepping, members: Sequence[Member]) -> None:
        """Nobody takes a step for a while, or ever again here: what is due is written, one after the other, and where the others
        stand is noted."""
        self.forget()
        for member in members if self._every else ():
            if self._is_due(member, at_once=False):
                self._write(engine, member)
            elif self._is_due(member, at_once=True):
                self._noted.append((member.claim, self._kept(engine, member)))

    def forget(self) -> None:
        """Nothing is noted any more."""
        self._noted = []

    def settle(self) -> None:
        """Until what was noted, and what is on its way, is written: a job that went back is no longer this worker's to write
        about."""
        for claim, kept in self._noted:
            self._thread.take(partial(self._put, claim, kept))
        self.forget()
        self._thread.wait(SETTLE_S)

    def resumed(self, engine: Stepping, member: Member) -> list[Any] | None:
        """The samples of a job where its checkpoint left them; None: it starts at its beginning.

        Raises whatever `engine.begin` raises.
        """
        record = member.record
        if member.kept is None or member.is_restarted:
            return None
        try:
            kept = member.kept.result()
            if not kept.states or not may_resume(record, kept):
                return None
            return self._restored(engine, member, kept)
        except (EngineFailed, RedisUnavailable, ValueError) as exc:  # the last: another version wrote it
            logger().warning("checkpoint.not_used", job=record.id, reason=str(exc))
            return None

    def _restored(self, engine: Stepping, member: Member, kept: Kept) -> list[Any]:
        work = member.work.result()
        resumed = {
            place: engine.resumed(work, place, data, member.watch)
            for place, data in kept.states.items()
            if place < work.params.n
        }
        missing = len(resumed) < work.params.n
        fresh = engine.begin(work, member.watch) if missing else []
        samples = [resumed.get(place) or fresh[place] for place in range(work.params.n)]
        member.resumed_at = sum(sample.step for sample in samples) // len(samples)
        member.spent_s, member.spent_before_s = member.spent_s + kept.spent_s, kept.spent_s
        member.watch.resumed(member.resumed_at)
        logger().info("job.resumed", job=member.record.id, step=member.resumed_at, steps=samples[0].steps)
        return samples

    def _is_due(self, member: Member, at_once: bool) -> bool:
        if not member.is_begun or member.is_made or member.steps_done <= member.saved_steps:
            return False
        has_gone_on = member.steps_done - member.saved_steps >= self._every
        return at_once or (has_gone_on and self._clock() - member.saved_at_s >= LEAST_S)

    def _write(self, engine: Stepping, member: Member) -> None:
        kept = self._kept(engine, member)
        member.saved_at_s, member.saved_steps = self._clock(), member.steps_done
        self._thread.take(partial(self._put, member.claim, kept))

    def _kept(self, engine: Stepping, member: Member) -> Kept:
        """Where its pictures stand; nothing where its engine cannot say."""
        states: dict[int, bytes] = {}
        try:
            states = {place: engine.saved(sample) for place, sample in enumerate(member.samples) if sample.step}
        except EngineFailed as exc:
            logger().warning("checkpoint.not_kept", job=member.record.id, reason=exc.message)
        return Kept(states, member.record.attempt, member.resumed_at > 0, member.spent_s)

    def _put(self, claim: Claim, kept: Kept) -> None:
        if not kept.states:
            return
        try:
            has_kept = self._store.put(claim.record.id, claim.token, kept)
        except DarkroomError as exc:
            logger().warning("checkpoint.not_kept", job=claim.record.id, reason=exc.message)
            return
        if not has_kept and kept.size > MOST_BYTES:
            logger().warning(
                "checkpoint.not_kept", job=claim.record.id, reason=f"{kept.size} bytes, limit {MOST_BYTES}"
            )


def may_resume(record: JobRecord, kept: Kept) -> bool:
    """Whether a job may go on from what is kept of it: nothing that has happened since may be its fault. Pure."""
    since = [past for past in record.history if past.attempt >= kept.attempt]
    if any(past.reason == Reason.RUNS_ALONE for past in since):
        return False
    had_resumed = [past.resumed_at_step > 0 or (kept.was_resumed and past.attempt == kept.attempt) for past in since]
    return not any(past.has_lost_worker and had for past, had in zip(since, had_resumed, strict=True))
