"""How a model looks in an answer: what it is, what it takes, who serves it; for OpenAI's clients in their shape too."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from api.responses.model_load import LoadCost, load_cost
from shared.contracts.samplers import FOLLOWS, SCHEDULERS, SCHEDULES
from shared.models.catalogue import Analysis, Defaults, Encoding, ModelCard, ModelLimits, Vram, missing_message
from shared.models.measurements import Measured
from shared.rack.worker_registry import WorkerReport


class MeasuredPeak(BaseModel):
    """What runs on a GPU took, weights included."""

    peak_mib: int
    samples: int = Field(description="Runs behind it; higher peaks count at once, lower ones slowly")


class SamplerRow(BaseModel):
    """One sampler, and what it can follow."""

    name: str = Field(description="For `scheduler`")
    label: str = Field(description="As menus have it")
    schedules: tuple[str, ...] = Field(description="For `schedule`")


class ModelView(BaseModel):
    """One model."""

    id: str
    kind: str
    engine: str
    title: str
    summary: str
    licence: str
    good_at: tuple[str, ...] = Field(description="What to choose it for, in a few words each")
    state: Literal["available", "missing"] = Field(
        description="available: with a living worker, or its weights are on the API's host"
    )
    fetch: str | None = Field(description="Where it is missing: how to get it")
    is_default: bool = Field(description="Whether a request that names no model gets this one now")
    defaults: Defaults | None
    limits: ModelLimits | None
    samplers: tuple[SamplerRow, ...] = Field(description="Of a generating model, in the order to show them; else none")
    analysis: Analysis | None = Field(description="What it can say about a picture")
    encoding: Encoding | None = Field(description="What it makes vectors of, for the library's search")
    vram: Vram
    load: LoadCost = Field(description="What loading it now would cost")
    measured: dict[str, MeasuredPeak] = Field(
        description="Peaks learned from runs, by width x height x batch, guided (g) or not (u), precision and offload; "
        "they replace computed needs. Empty until one ran on a GPU"
    )
    aliases: tuple[str, ...]
    weights_hash: str | None = Field(
        description="SHA-256 of the weights that workers answer with now; null: they do not know it yet, or disagree"
    )
    served_by: tuple[str, ...] = Field(description="Living workers that serve it")
    resident_on: tuple[str, ...] = Field(description="Living workers that hold it loaded")
    too_large_for: tuple[str, ...] = Field(description="Living workers whose budget cannot hold it")


#: Every engine of ours follows all of them.
SAMPLERS = tuple(
    SamplerRow(
        name=name,
        label=SCHEDULERS[name][0],
        schedules=tuple(each for each in SCHEDULES if each in FOLLOWS[name]),
    )
    for name in FOLLOWS
)


class OpenAIModel(BaseModel):
    """A model as OpenAI's clients list it."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = Field("darkroom", description="Whose weights they are: the repository's owner")


class ModelDetail(ModelView):
    """One model, in OpenAI's shape and ours."""

    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class ModelList(BaseModel):
    """All models; and those that answer in chats once more, as OpenAI's clients read them."""

    models: list[ModelView]
    object: Literal["list"] = "list"
    data: list[OpenAIModel]


def model_view(
    card: ModelCard,
    workers: Sequence[WorkerReport],
    learned: Mapping[str, Measured],
    weights_hash: str | None,
    load_ms: Mapping[str, float],
    *,
    is_able: bool,
    is_default: bool,
) -> ModelView:
    """One model as it stands with these workers.

    Args:
        learned: its measured peaks, by what ran.
        load_ms: worker → how long a load takes there.
        is_able: whether it can be had at all: served, or its weights are here.
    """
    return ModelView(
        id=card.id,
        kind=card.kind,
        engine=card.engine,
        title=card.title,
        summary=card.summary,
        licence=card.licence,
        good_at=card.good_at,
        state="available" if is_able else "missing",
        fetch=None if is_able else missing_message(card),
        is_default=is_default,
        defaults=card.defaults,
        limits=card.limits,
        samplers=SAMPLERS if card.kind == "generate" else (),
        analysis=card.analysis,
        encoding=card.encoding,
        vram=card.vram,
        load=load_cost(card, workers, load_ms),
        measured={
            key: MeasuredPeak(peak_mib=round(peak.value), samples=peak.samples) for key, peak in sorted(learned.items())
        },
        aliases=card.aliases,
        weights_hash=weights_hash,
        served_by=tuple(w.name for w in workers if card.id in w.models),
        resident_on=tuple(w.name for w in workers if any(r.model == card.id for r in w.resident)),
        too_large_for=tuple(w.name for w in workers if card.id in w.too_large),
    )


def owner_of(card: ModelCard) -> str:
    """Whose weights they are, as OpenAI's clients ask for it."""
    return (card.source.repo or "darkroom").partition("/")[0]
