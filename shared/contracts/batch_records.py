"""What a batch is: its record, its members, and how callers see both.

A member is `waiting` until the feeder makes its jobs, `active` while they are under way, and ends as its chain ends:
`succeeded` when the last step did, else as the step that stopped it.
"""

import secrets
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, Field

from shared.contracts.base import Frozen, Priority
from shared.contracts.jobs import Failure
from shared.contracts.kinds import Kind
from shared.contracts.sizes import Size, SizeRule
from shared.contracts.waits import Waits


class BatchState(StrEnum):
    RUNNING = "running"
    CANCELLING = "cancelling"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class MemberState(StrEnum):
    WAITING = "waiting"
    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED_MEMBERS = (MemberState.SUCCEEDED, MemberState.FAILED, MemberState.CANCELLED)


def new_batch_id() -> str:
    """96 random bits, so that nobody guesses another caller's."""
    return "bat_" + secrets.token_hex(12)


class Variant(Frozen):
    """A step on one model: its parameters, but for what each member brings itself."""

    model: str
    params: dict[str, Any]
    batch_key: str = ""
    #: How each member's width and height follow from its current picture; None: they are those of the parameters.
    sizing: SizeRule | None = None


class StepPlan(Frozen):
    """One step of every chain. A grid over models has one variant a model, everything else exactly one."""

    kind: Kind
    variants: tuple[Variant, ...]
    #: Whether the caller named the seed; else each member gets its own.
    has_seed: bool = False
    #: Whether the caller named the prompt; else the member's counts.
    has_prompt: bool = False
    #: Hash of what was asked of an analysis, to find the same done before; "": never the same.
    asked: str = ""

    def variant_for(self, model: str) -> Variant:
        return next((variant for variant in self.variants if variant.model == model), self.variants[0])


class Member(Frozen):
    """What one member brings."""

    name: str = ""
    image: str = ""
    #: Width and height of that picture, upright, where a step needs them.
    size: Size | None = None
    prompt: str = ""
    #: None: as the step says.
    negative_prompt: str | None = None
    seed: int | None = None
    #: Of a grid over models, or of an action: what made its picture.
    model: str = ""
    #: Why it cannot run at all, e.g. a broken file.
    error: Failure | None = None


class BatchRecord(Frozen):
    """Everything that is true of a batch but its members."""

    id: str
    name: str = ""
    caller: str = "anonymous"
    #: Its person's share of the GPUs beside the others' weights, as it was when the batch came.
    weight: float = 1.0
    priority: Priority = Priority.LOW
    state: BatchState = BatchState.RUNNING
    total: int
    steps: tuple[StepPlan, ...]
    fresh: bool = False
    #: See `JobRecord.keep`.
    keep: bool | None = None
    max_attempts: int = 3
    created_at_ms: int = 0
    started_at_ms: int = 0
    ended_at_ms: int = 0
    #: How often it was resumed.
    round: int = 0
    #: Counts every change; the ETag.
    version: int = 0
    webhook: str = ""
    webhook_state: str = ""
    webhook_attempts: int = 0
    webhook_error: str = ""
    #: The code of its person's limit for which its members wait; "": for none.
    waits: str = ""
    #: Whether its owner holds it: no more jobs are made of it until it is released.
    held: bool = False

    @property
    def is_over(self) -> bool:
        return self.state in (BatchState.FINISHED, BatchState.CANCELLED)


class Numbers(Frozen):
    """A batch in numbers, read together with its record."""

    members: dict[str, int]
    jobs: dict[str, int]
    reused: int = 0
    #: Code → how many members failed so, and the newest message.
    reasons: dict[str, int] = Field(default_factory=dict)
    messages: dict[str, str] = Field(default_factory=dict)
    #: When the last members ended (ms), newest first.
    ends_ms: tuple[int, ...] = ()
    now_ms: int = 0


class FailureCount(BaseModel):
    code: str
    count: int
    message: str = Field(description="The newest of them")


class PlannedStep(BaseModel):
    kind: Kind
    models: list[str]


class WebhookView(BaseModel):
    url: str
    state: str = Field(description="pending, delivered or failed; empty before the batch has ended")
    attempts: int
    error: str | None


class BatchView(BaseModel):
    """A batch as callers see it."""

    id: str
    owner: str = Field("", description="The person it belongs to; empty: an older server told it")
    name: str
    state: Literal["running", "cancelling", "finished", "cancelled"] = Field(
        description="finished: every member has ended, see the counts"
    )
    priority: Priority
    created_at: str
    started_at: str | None
    ended_at: str | None
    total: int = Field(description="Members")
    counts: dict[str, int] = Field(description="Members by state: waiting, active, succeeded, failed, cancelled")
    jobs: dict[str, int] = Field(description="Jobs made so far, by state; a member has one for each step")
    percent: int = Field(description="Members that have ended, of all; 100 only when all have")
    reused: int = Field(description="Jobs answered with what was done before")
    members_per_second: float | None = Field(description="Over the last members that ended; null: fewer than two have")
    eta_s: float | None = Field(description="Null: nothing honest can be said")
    waits: Waits | None = Field(
        description="Why its members wait, where its owner holds them, or a limit of its owner does"
    )
    failures: list[FailureCount] = Field(description="Most frequent first")
    steps: list[PlannedStep]
    round: int = Field(description="How often it was resumed")
    webhook: WebhookView | None
    links: dict[str, str]


class PictureBounds(BaseModel):
    """What a picture may be here."""

    max_bytes: int
    max_pixels: int


class BatchCheck(BaseModel):
    """What a batch would be: the answer to `dry_run`."""

    total: int = Field(description="Members")
    steps: list[PlannedStep]
    pictures: PictureBounds


class MemberJob(BaseModel):
    id: str
    kind: Kind
    state: str
    reused: bool = Field(description="Answered with the result of an earlier job")


class MemberView(BaseModel):
    """A member as callers see it."""

    index: int
    state: MemberState
    name: str
    image: str | None
    prompt: str | None
    seed: int | None
    model: str | None
    jobs: list[MemberJob] = Field(description="One for each step that was made, in order")
    images: list[str] = Field(description="Ids of the pictures it made")
    error: Failure | None


class MemberList(BaseModel):
    members: list[MemberView]
    next_cursor: str | None = Field(None, description="Ask with this cursor for later members; null: there are none")


class BatchList(BaseModel):
    batches: list[BatchView]
    next_cursor: str | None = Field(None, description="Ask with this cursor for older batches; null: there are none")
