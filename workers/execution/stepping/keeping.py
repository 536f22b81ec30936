"""What a run keeps of its samples, so that a kill costs a few steps: checkpoints to Redis, beside the passes.

A job's is written every `checkpoint_steps` steps, at most every `LEAST_S`, and at once when the worker drains. Written by
one thread; what finds it busy, or Redis slow or full, is left out: the job goes on, and the next one is newer anyway. Only
whoever holds the job may write one, so those who leave a run wait for theirs first (`settle`).

Who takes a job over goes on from there. Not, though, where that is what may have broken it: a job that broke a pass, or
whose resumed attempt was lost, starts at its beginning.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from shared.contracts.jobs import JobRecord, Reason
from shared.errors import DarkroomError, EngineFailed, RedisUnavailable
from shared.jobs.checkpoints import Checkpoints
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

    def look(self, engine: Stepping, members: Sequence[Member], *, at_once: bool = False) -> None:
        """Write the checkpoint that is due longest.

        Args:
            at_once: the worker drains: whatever has changed is due.
        """
        if not self._every or not self._thread.is_free:
            return
        due = [member for member in members if self._is_due(member, at_once)]
        if due:
            self._write(engine, min(due, key=lambda member: member.saved_at_s))

    def keep_all(self, engine: Stepping, members: Sequence[Member]) -> None:
        """Nobody takes a step for a while, or ever again here: whatever has changed is written, one after the other."""
        due = [member for member in members if self._every and self._is_due(member, at_once=True)]
        kept = [(member.claim, self._states(engine, member), member.resumed_at > 0) for member in due]

        def send() -> None:
            for claim, states, was_resumed in kept:
                self._put(claim, states, was_resumed=was_resumed)

        if kept:
            self._thread.take(send)

    def settle(self) -> None:
        """Until what is on its way is written: a job that went back is no longer this worker's to write about."""
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
            if not kept.states or not may_resume(record, was_resumed=kept.was_resumed):
                return None
            return self._restored(engine, member, kept.states)
        except (EngineFailed, RedisUnavailable) as exc:
            logger().warning("checkpoint.not_used", job=record.id, reason=exc.message)
            return None

    def _restored(self, engine: Stepping, member: Member, states: dict[int, bytes]) -> list[Any]:
        work = member.work.result()
        resumed = {
            place: engine.resumed(work, place, data, member.watch)
            for place, data in states.items()
            if place < work.params.n
        }
        missing = len(resumed) < work.params.n
        fresh = engine.begin(work, member.watch) if missing else []
        samples = [resumed.get(place) or fresh[place] for place in range(work.params.n)]
        member.resumed_at = sum(sample.step for sample in samples) // len(samples)
        member.watch.resumed(member.resumed_at)
        logger().info("job.resumed", job=member.record.id, step=member.resumed_at, steps=samples[0].steps)
        return samples

    def _is_due(self, member: Member, at_once: bool) -> bool:
        if not member.is_begun or member.is_made or member.steps_done <= member.saved_steps:
            return False
        has_gone_on = member.steps_done - member.saved_steps >= self._every
        return at_once or (has_gone_on and self._clock() - member.saved_at_s >= LEAST_S)

    def _write(self, engine: Stepping, member: Member) -> None:
        states = self._states(engine, member)
        claim, was_resumed = member.claim, member.resumed_at > 0
        self._thread.take(lambda: self._put(claim, states, was_resumed=was_resumed))

    def _states(self, engine: Stepping, member: Member) -> dict[int, bytes]:
        """Of its pictures, by place; none where its engine cannot say."""
        member.saved_at_s, member.saved_steps = self._clock(), member.steps_done
        try:
            return {place: engine.saved(sample) for place, sample in enumerate(member.samples) if sample.step}
        except EngineFailed as exc:
            logger().warning("checkpoint.not_kept", job=member.record.id, reason=exc.message)
            return {}

    def _put(self, claim: Claim, states: dict[int, bytes], *, was_resumed: bool) -> None:
        if not states:
            return
        try:
            self._store.put(claim.record.id, claim.token, states, was_resumed=was_resumed)
        except DarkroomError as exc:
            logger().warning("checkpoint.not_kept", job=claim.record.id, reason=exc.message)


def may_resume(record: JobRecord, *, was_resumed: bool) -> bool:
    """Whether a job may go on from its checkpoint. Pure.

    Args:
        was_resumed: whether the attempt that wrote it had been resumed itself. One that was lost before it wrote any says so
            in its history.
    """
    last = record.history[-1]
    had_resumed = was_resumed or last.resumed_at_step > 0
    return last.reason != Reason.RUNS_ALONE and not (had_resumed and last.has_lost_worker)
