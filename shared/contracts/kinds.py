"""What everybody may know of a kind of job without being able to run it: a row a kind.

A new kind is a row here and a file with a row in `workers.execution.kinds`. Nobody else asks for a kind by its name,
except where a body of its own is read: its view, and its step of a batch (`contracts.batches`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, WithJsonSchema

from shared.contracts.commands import SwitchParams, UnloadParams
from shared.contracts.embedding import EmbedParams
from shared.contracts.generation import GenerationParams, steps_run
from shared.contracts.vision import AnalysisParams


@dataclass(frozen=True)
class Cost:
    """What a job's time is measured by."""

    #: Jobs of one model and one size are alike: a unit of them takes as long.
    size: str
    #: How many units it has.
    units: int


@dataclass(frozen=True)
class KindRules:
    """What follows from a job's kind."""

    #: Its parameters, with every value explicit.
    contract: type[BaseModel]
    #: Whether any worker that serves its model may do it. Work moves on from a worker that is gone; a command is meant for
    #: that very worker and waits for it.
    is_work: bool = False
    #: Whether it leaves a picture for the step of a chain behind it.
    makes_pictures: bool = False
    #: Whether it takes prompt and seed of a batch's member.
    takes_words: bool = False
    #: Whether it runs best on the worker that made or saw its picture last, which has it encoded.
    follows_picture: bool = False
    #: Whether its result is answers to its tasks; people are shown them instead of its parameters.
    has_answers: bool = False
    #: Whether the library takes in what an ended one leaves: pictures, or what is said of them.
    leaves_assets: bool = False
    #: Whether it is part of something else that was asked for (a search): no list of jobs shows it.
    is_hidden: bool = False
    #: Whether it counts against nobody's limits.
    is_free: bool = False
    #: Reads its parameters; None: its time depends on more than can be counted beforehand.
    cost: Callable[[Mapping[str, Any]], Cost | None] = lambda params: None


def _steps_at_a_size(params: Mapping[str, Any]) -> Cost:
    """Steps times pictures: a picture costs its share of a pass. From a picture only a part of the steps runs."""
    steps = steps_run(int(params.get("steps", 0)), params.get("strength"))
    return Cost(f"{params.get('width')}x{params.get('height')}", steps * int(params.get("n", 1)))


KIND_RULES: dict[str, KindRules] = {
    "generate": KindRules(
        GenerationParams,
        is_work=True,
        makes_pictures=True,
        takes_words=True,
        leaves_assets=True,
        cost=_steps_at_a_size,
    ),
    "analyze": KindRules(AnalysisParams, is_work=True, follows_picture=True, has_answers=True, leaves_assets=True),
    "embed": KindRules(EmbedParams, is_work=True, is_hidden=True, is_free=True),
    "switch": KindRules(SwitchParams),
    "unload": KindRules(UnloadParams),
}


def _known(kind: str) -> str:
    if kind not in KIND_RULES:
        raise ValueError(f"{kind!r} is no kind of job; there are {', '.join(KIND_RULES)}")
    return kind


#: The name of a row.
Kind = Annotated[str, AfterValidator(_known), WithJsonSchema({"enum": list(KIND_RULES), "type": "string"})]
