"""What may be done to jobs that have not started: more or less urgent, held, released, first; and to many at once.

A bulk request is many small ones: each job has an outcome of its own, and what is wrong with one changes nothing for the
others.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from shared.contracts.base import Contract, Priority
from shared.contracts.batches import BATCH_ID_PATTERN
from shared.contracts.jobs import Failure, State

#: Jobs of one bulk request.
MOST_JOBS = 1000
#: An id as somebody may send it; what is none is refused by itself.
AnyId = Annotated[str, StringConstraints(max_length=100)]


class JobChange(Contract):
    """What becomes different; what is not named stays as it is."""

    priority: Priority | None = Field(None, description="It waits among those of this priority from now on")
    held: bool | None = Field(
        None, description="True: it starts nowhere until it is released, and its deadline goes on; false: release it"
    )
    front: bool | Literal["all"] = Field(
        False, description="True: before all other jobs of its owner; `all`: before everybody's, for operators"
    )

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.priority is None and self.held is None and not self.front:
            raise ValueError("nothing is to change: give priority, held or front")
        return self


class Chosen(Contract):
    """Which jobs a bulk request is about: these, or those that fit a filter."""

    ids: list[AnyId] | None = Field(
        None, min_length=1, max_length=MOST_JOBS, description="These jobs; one that stands twice counts once"
    )
    cursor: str = Field("", pattern="^[0-9]{0,16}$", description="With a filter: `next_cursor` of the answer before")

    @model_validator(mode="after")
    def _names_jobs_in_one_way(self) -> Self:
        if (self.ids is None) == (getattr(self, "filter", None) is None):
            raise ValueError("give either ids or filter")
        return self


class QueuedFilter(Contract):
    """Jobs that have not started."""

    state: Literal["waiting", "queued"] | None = Field(None, description="Only those in this state")
    batch: str | None = Field(
        None, pattern=BATCH_ID_PATTERN, description="Only those of this batch, and what it makes from now on"
    )
    mine: bool = Field(True, description="False: everybody's, for operators")


class LiveFilter(Contract):
    """Jobs that have not ended."""

    state: Literal["waiting", "queued", "running"] | None = Field(None, description="Only those in this state")
    batch: str | None = Field(None, pattern=BATCH_ID_PATTERN, description="Only those of this batch")
    mine: bool = Field(True, description="False: everybody's, for operators")


class JobsChange(Chosen, JobChange):
    """The same change of many jobs."""

    filter: QueuedFilter | None = Field(None, description="Those that fit all of it")


class JobsCancel(Chosen):
    """Many jobs that nobody wants any more."""

    filter: LiveFilter | None = Field(None, description="Those that fit all of it")


class MyChange(Contract):
    """What becomes different for everything of one's own."""

    paused: bool = Field(description="True: nothing of one's own starts; false: it goes on")


class JobOutcome(BaseModel):
    """What became of one job of a bulk request."""

    id: str
    outcome: Literal["changed", "unchanged", "refused"] = Field(
        description="unchanged: it was so already; refused: see its error"
    )
    state: State | None = Field(description="As it is then; null: there is no such job")
    error: Failure | None = Field(None, description="Why it was refused, in the shape of all errors")


class JobOutcomes(BaseModel):
    """What became of each, in the order asked for; a filter's by age."""

    jobs: list[JobOutcome]
    changed: int
    unchanged: int
    refused: int
    next_cursor: str | None = Field(
        None,
        description=f"A filter does {MOST_JOBS:,} jobs at a time: send it again with this cursor; null: that was all",
    )
