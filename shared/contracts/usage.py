"""What a person has used of each of their limits, and what is left."""

from pydantic import Field

from shared.contracts.base import Frozen


class Allowance(Frozen):
    """One limit. Its unit stands in its name."""

    limit: float | None = Field(None, description="Null: there is no limit")
    used: float = Field(0, description="Reserved for what waits or runs included")
    left: float | None = Field(None, description="Null: there is no limit")
    resets_at: str | None = Field(None, description="When `used` begins at 0 again; null: it never does by the clock")


class Usage(Frozen):
    """A person's limits as they stand."""

    requests_per_s: Allowance = Field(description="`used` of `limit` is how much of the burst of ten seconds is used")
    unfinished_jobs: Allowance = Field(description="Jobs waiting, queued and running")
    gpu_s_per_day: Allowance = Field(
        description="GPU-seconds of the jobs sent today (UTC): estimates of those that have not ended, measured time of those "
        "that have"
    )
    stored_mib: Allowance = Field(description="MiB of pictures uploaded or made; each counts once, until it is deleted")
    batch_members: Allowance = Field(description="Members of one batch")
