"""Why a queued job does not run yet: a word for programs, a sentence for people. Of others' jobs only their number is told."""

from enum import StrEnum

from pydantic import Field

from shared.contracts.base import Frozen


class WaitCode(StrEnum):
    """What holds a queued job up."""

    #: Its owner holds it, or everything of theirs.
    HELD = "held"
    #: It is tried again after a pause.
    RETRY = "retry"
    #: Nobody who lives has its model, or could hold it.
    NO_WORKER = "no_worker"
    #: Those who have it take no jobs now.
    NOT_TAKING = "not_taking"
    #: Its model is being brought onto a GPU.
    LOADING = "loading"
    #: A worker is free for it.
    STARTING = "starting"
    #: Other jobs go first.
    BEHIND = "behind"
    #: Its owner had more of the GPUs than others who wait.
    YOUR_SHARE = "your_share"
    #: Its owner may not have more under way now.
    YOUR_LIMIT = "your_limit"
    #: The workers that could run it run other jobs.
    TURN = "turn"


class Waits(Frozen):
    """Why it waits."""

    code: WaitCode = Field(description="A word that stays the same, for programs")
    message: str = Field(description="The same in a sentence, with the numbers")
