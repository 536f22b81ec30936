"""Why is this job not moving? Pure: a record, what the workers say of themselves and Redis' clock go in, a sentence comes out.

A running job is *silent* since its last own sign of life: a step, a phase, a beat while a model loads. How long it may
be depends on its phase; a job that is silent for longer hangs, and its worker's child is killed. So `silent_s` beside
`limit_s` tells whether to wait or to look.

The limit we know of: a queued job's lost message cannot be seen from here, only that a worker is free for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.jobs import INNOCENT, JobRecord, Progress, Reason, State
from shared.contracts.waits import WaitCode, Waits
from shared.jobs.routing import split
from shared.rack.worker_registry import TAKES_JOBS, WorkerReport, WorkerState
from shared.settings import Settings


@dataclass(frozen=True)
class Stillness:
    """What holds a job up, if anything does."""

    #: A sentence for people.
    why: str
    #: Seconds since a running job's last sign of life; None: it does not run.
    silent_s: float | None = None
    #: Seconds it may be silent in its phase before it counts as hung; None: it does not run.
    limit_s: float | None = None


def explain(record: JobRecord, workers: Sequence[WorkerReport], now_ms: int, settings: Settings) -> Stillness:
    """Why a job stands where it stands.

    Args:
        workers: everyone whose report still counts.
        now_ms: by Redis' clock (`JobStore.now_ms`), as the record's own times are.
    """
    match record.state:
        case State.RUNNING:
            return _running(record, workers, now_ms, settings)
        case State.QUEUED:
            return Stillness(waits(record, workers, now_ms, settings).message)
        case State.WAITING:
            return Stillness(f"it waits for the step before it, job {record.previous_id}")
    why = f": {record.error.code}, {record.error.message}" if record.error else ""
    return Stillness(f"it has ended as {record.state.value}{why}")


def silent_s(record: JobRecord, now_ms: int) -> float | None:
    """Seconds since a running job's last sign of life; None: it does not run."""
    if record.state != State.RUNNING:
        return None
    return max(0, now_ms - (record.beat_at_ms or record.started_at_ms)) / 1000


def silence_limit_s(phase: str, settings: Settings) -> float:
    """How long a job may be silent in a phase before it counts as hung."""
    # Whoever is paused may wait for a model to be loaded, and is told of by a thread that loading may hold up.
    limits = {
        "loading": settings.load_timeout_s,
        "paused": max(settings.load_timeout_s, settings.step_timeout_s),
        "storing": settings.store_timeout_s,
    }
    return limits.get(phase, settings.step_timeout_s)


def _running(record: JobRecord, workers: Sequence[WorkerReport], now_ms: int, settings: Settings) -> Stillness:
    progress = record.progress or Progress()
    silent, limit = silent_s(record, now_ms) or 0.0, silence_limit_s(progress.phase, settings)
    told = f"{_doing(progress)} on {record.worker}, last heard of {silent:.1f} s ago"
    if all(worker.name != record.worker for worker in workers):
        left_s = max(0, record.lease_until_ms - now_ms) / 1000
        why = f"{told}; that worker no longer reports, and its lease ends in {left_s:.1f} s: then another one takes it"
    elif silent > limit:
        why = f"{told}; it may be silent for {limit:g} s there, so it hangs, and its process is being killed"
    elif record.cancel_requested:
        why = f"{told}; it was cancelled and ends at its next step"
    else:
        why = f"{told}; it may be silent for {limit:g} s there"
    return Stillness(why, silent, limit)


def _doing(progress: Progress) -> str:
    if progress.phase == "running" and progress.steps:
        resumed = f" (resumed at step {progress.resumed_at})" if progress.resumed_at else ""
        return f"it is at step {progress.step} of {progress.steps}{resumed}"
    if progress.phase == "paused":
        return f"it has given its seat to something more urgent, at step {progress.step} of {progress.steps},"
    return f"it is {progress.phase}"


def waits(record: JobRecord, workers: Sequence[WorkerReport], now_ms: int, settings: Settings) -> Waits:
    """Why a queued job does not run, as far as its record and the workers' words tell.

    Args: as for `explain`.
    """
    if record.held:
        message = "held: everything of its owner is paused" if record.paused else "held: it starts when it is released"
        return Waits(code=WaitCode.HELD, message=message)
    if now_ms < record.not_before_ms:
        pause_s = (record.not_before_ms - now_ms) / 1000
        return Waits(code=WaitCode.RETRY, message=f"it is tried again in {pause_s:.1f} s: {_last_reason(record)}")
    name, _ = split(record.queue)
    able = [worker for worker in workers if name in (f"@{worker.name}", *worker.models)]
    taking = [worker for worker in able if worker.state in TAKES_JOBS]
    if not able:
        return Waits(code=WaitCode.NO_WORKER, message=_unserved(record, name, workers))
    if not taking:
        states = ", ".join(f"{worker.name} is {worker.state}{_noted(worker)}" for worker in able)
        message = f"no worker that could run it takes jobs now: {states}"
        return Waits(code=WaitCode.NOT_TAKING, message=message)
    if any(worker.state == WorkerState.READY and not worker.jobs for worker in taking):
        resent = f"should its message be lost, it is sent again after {settings.stale_queued_s:g} s"
        return Waits(code=WaitCode.STARTING, message=f"a worker is free for it; {resent}")
    busy = ", ".join(worker.name for worker in taking)
    return Waits(code=WaitCode.TURN, message=f"it waits its turn: {busy} run other jobs")


def _unserved(record: JobRecord, name: str, workers: Sequence[WorkerReport]) -> str:
    if name.startswith("@"):
        return f"it waits for worker {name[1:]}, which no longer reports"
    too_small = [
        f"{worker.name} has {worker.budget_mib} MiB, it needs {worker.too_large[record.model]} MiB"
        for worker in workers
        if record.model in worker.too_large
    ]
    if too_small:
        return f"{record.model} fits no living worker: {'; '.join(too_small)}"
    return f"no living worker serves {record.model}" if workers else "no worker lives"


def _noted(worker: WorkerReport) -> str:
    return f" ({worker.note})" if worker.note else ""


def _last_reason(record: JobRecord) -> str:
    if not record.history:
        return "it was put off"
    reason = record.history[-1].reason
    return Reason(reason).text if reason in INNOCENT else reason
