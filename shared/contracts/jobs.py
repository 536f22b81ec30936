"""What a job is: the record that Redis holds and one poll reads.

Times are milliseconds since 1970 by Redis' clock: hosts may disagree about the time, the store does not. Fields marked
*internal* never leave the system; `JobView` is what callers see.
"""

import re
import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from shared.contracts.base import Frozen, Priority
from shared.contracts.kinds import Kind
from shared.contracts.sizes import SizeRule
from shared.contracts.waits import Waits

#: What every job's id looks like; anything else is unknown without asking Redis.
JOB_ID_PATTERN = "^job_[0-9a-f]{24}$"
JOB_ID = re.compile(JOB_ID_PATTERN)


def new_job_id() -> str:
    """A fresh id: 96 random bits, so that nobody guesses another caller's."""
    return "job_" + secrets.token_hex(12)


class State(StrEnum):
    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL_STATES = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


class Reason(StrEnum):
    """Why a job left `running` without an end, where that says nothing against it. Any other reason is a sentence about a
    worker that was lost under the job."""

    DRAINED = "drained"
    RETRIED = "retried"
    RUNS_ALONE = "runs_alone"
    #: Also one of its `degradations` then.
    MOVED_TO_LARGER_GPU = "moved_to_larger_card"

    @property
    def text(self) -> str:
        """The same for people."""
        return _TEXTS[self]


#: None of them counts as a lost worker.
INNOCENT = frozenset(Reason)
_TEXTS = {
    Reason.DRAINED: "its worker was stopped",
    Reason.RETRIED: "a failure that may pass by itself",
    Reason.RUNS_ALONE: "the GPU batch it was in broke, so it runs by itself",
    Reason.MOVED_TO_LARGER_GPU: "it fits a larger card only",
}

#: paused: it gave its seat to a more urgent job, and goes on where it is.
Phase = Literal["loading", "running", "paused", "storing"]


class Progress(Frozen):
    """How far a running job is."""

    phase: Phase = "loading"
    step: int = 0
    steps: int = 0
    percent: int = Field(0, ge=0, le=100)
    has_preview: bool = False
    resumed_at: int = Field(
        0, ge=0, description="The step it went on from, of an attempt that was cut short; 0: its beginning"
    )


class Timings(Frozen):
    """Milliseconds spent so far; `queued_ms` counts all waits, the others the last attempt."""

    queued_ms: int = 0
    loading_ms: int = 0
    running_ms: int = 0
    storing_ms: int = 0


class Failure(Frozen):
    """Why a job did not succeed; the shape of the API's errors."""

    code: str
    message: str
    retryable: bool = False
    field: str | None = None


class Attempt(Frozen):
    """One claim of the job that did not end it."""

    attempt: int
    worker: str
    started_at_ms: int
    ended_at_ms: int
    reason: str
    #: The step at which this attempt had gone on from the one before; 0: it began at the beginning.
    resumed_at_step: int = 0

    @property
    def has_lost_worker(self) -> bool:
        """Whether it counts towards the job's `max_attempts`."""
        return self.reason not in INNOCENT


class JobRecord(Frozen):
    """Everything that is true of one job."""

    id: str
    kind: Kind
    model: str
    state: State
    caller: str = "anonymous"
    priority: Priority = Priority.NORMAL
    params: dict[str, Any] = Field(default_factory=dict)

    created_at_ms: int = 0
    queued_at_ms: int = 0
    started_at_ms: int = 0
    ended_at_ms: int = 0
    deadline_at_ms: int = 0
    not_before_ms: int = 0

    attempt: int = 0
    max_attempts: int = 3
    worker: str = ""
    gpu: str = ""
    progress: Progress | None = None
    timings: Timings = Timings()
    degradations: tuple[str, ...] = ()
    history: tuple[Attempt, ...] = ()
    result: dict[str, Any] | None = None
    error: Failure | None = None
    cancel_requested: bool = False
    retry_of: str = ""
    retried_as: str = ""
    batch: str = ""
    member: int = -1

    #: Internal. Compare-and-set counter of moves; `version` also counts progress and is the ETag.
    rev: int = 0
    version: int = 0
    #: Internal. Order of arrival: milliseconds × 1000 + a tie-breaker; a job put back keeps its place.
    order: int = 0
    #: Internal. The pen: only who knows it may write progress and results.
    token: str = ""
    #: Internal. Until when the running worker owns the job without another sign of life.
    lease_until_ms: int = 0
    #: Internal. The running job's last own sign of life; only scripts write it. 0: it never ran.
    beat_at_ms: int = 0
    #: Internal. The queue its message is in, and the key under which peers may share its GPU batch.
    queue: str = ""
    batch_key: str = ""
    #: Internal. The job of the same chain that waits for this one, and the one this waits for.
    next_id: str = ""
    previous_id: str = ""
    #: The job whose result this one took over, because the same had been asked of the same picture.
    reused_from: str = ""
    #: Internal. Hash of what an analysis was asked, seeds that were drawn aside; "": nothing done before counts.
    asked: str = ""
    #: Internal. The picture that it rates for the house (`shared.queue.rating_jobs`): such a job stands in no list.
    rates: str = ""
    #: Internal. How width and height follow from the current picture, while that is not known yet.
    sizing: SizeRule | None = None
    #: Whether its pictures stay in the library until they are deleted. None: as the rack's setting says.
    keep: bool | None = None
    #: Internal. GPU-seconds it is expected to take, and its person's weight beside the others', as they were when it was made.
    cost_s: float = 0.0
    weight: float = 1.0
    #: Internal. GPU-seconds the attempt that ended it took: its part of its GPU batch. 0: nobody measured it.
    spent_s: float = 0.0
    #: Whether it is held back: it stays queued (or waiting) and starts nowhere until it is released.
    held: bool = False
    #: Internal. Whether it is held only because its owner paused everything.
    paused: bool = False
    #: Internal. Its place among its person's jobs: 0: by its order of arrival; below: moved to the front, the least first.
    rank: int = 0
    #: Internal. Whether it goes before everybody's: a command, or what an operator moved to the front of all.
    ahead: bool = False

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES


def iso(ms: int) -> str | None:
    """Milliseconds since 1970 → ISO 8601 in UTC; 0, which means never, → None."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds") if ms else None


class QueuePlace(Frozen):
    """Where a queued job stands, and why it waits; None where nothing honest can be said."""

    position: int | None = Field(None, description="Jobs of its model that will be taken before it")
    eta_s: float | None = Field(
        None, description="Seconds until its result, from measured times; null while any of them was never measured"
    )
    waits: Waits | None = Field(None, description="Why it does not run yet")


class JobView(Frozen):
    """A job as callers see it."""

    id: str = Field(description="Also the id in logs and queues")
    owner: str = Field(description="The person it belongs to")
    kind: Kind
    model: str
    state: State
    priority: Priority
    params: dict[str, Any] = Field(description="Every effective value, defaults and the seed included")
    created_at: str
    queued_at: str | None
    started_at: str | None
    ended_at: str | None
    deadline_at: str | None
    attempt: int
    max_attempts: int
    worker: str | None
    gpu: str | None
    progress: Progress | None
    preview: str | None = Field(description="Where the newest preview is, while the job runs")
    timings: Timings
    queue: QueuePlace | None = Field(description="Only while the job is queued")
    degradations: tuple[str, ...] = Field(description="What was given up to fit, e.g. vae_tiling")
    history: tuple[Attempt, ...] = Field(description="Attempts that a lost worker cut short")
    result: dict[str, Any] | None = Field(
        description="By kind: `images` of a generation (with `noise_version`: seed and version together name the noise; "
        "`weights_hash`: SHA-256 of the model's weights; "
        "`cpu_threads` it was computed with, which change rounding; `fit`: what was seen of its starting picture; and "
        "`energy_per_picture_j`, of the whole card, where the card counts it), `answers` of an analysis, "
        "`resident` models of a command"
    )
    error: Failure | None
    cancel_requested: bool
    held: bool = Field(description="Whether it starts nowhere until it is released")
    retry_of: str | None
    retried_as: str | None
    batch: str | None
    reused_from: str | None = Field(description="The earlier job whose result this one took over")
    keep: bool | None = Field(
        None, description="Whether its pictures stay in the library until deleted; null: as the rack's setting says"
    )
    links: dict[str, str]


def view(record: JobRecord, place: QueuePlace | None = None) -> JobView:
    """The public face of a record; `place` only counts while it is queued."""
    has_preview = record.state == State.RUNNING and record.progress is not None and record.progress.has_preview
    return JobView(
        **{name: getattr(record, name) for name in _SHARED_FIELDS},
        owner=record.caller,
        created_at=iso(record.created_at_ms) or "",
        queued_at=iso(record.queued_at_ms),
        started_at=iso(record.started_at_ms),
        ended_at=iso(record.ended_at_ms),
        deadline_at=iso(record.deadline_at_ms),
        worker=record.worker or None,
        gpu=record.gpu or None,
        preview=f"/v1/jobs/{record.id}/preview" if has_preview else None,
        queue=(place or QueuePlace()) if record.state == State.QUEUED else None,
        retry_of=record.retry_of or None,
        retried_as=record.retried_as or None,
        batch=record.batch or None,
        reused_from=record.reused_from or None,
        links={"self": f"/v1/jobs/{record.id}"},
    )


#: What a view takes over as it is.
_SHARED_FIELDS = (
    "id",
    "kind",
    "model",
    "state",
    "priority",
    "params",
    "attempt",
    "max_attempts",
    "progress",
    "timings",
    "degradations",
    "history",
    "result",
    "error",
    "cancel_requested",
    "held",
    "keep",
)
