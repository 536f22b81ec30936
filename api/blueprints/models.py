"""`GET /v1/models`: what can be asked for, what it takes, and who serves it."""

from collections.abc import Mapping, Sequence
from typing import Literal

from flask import Response, current_app, request
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, Field
from werkzeug.exceptions import MethodNotAllowed

from api import openapi as documents
from api.requests.model_choice import choose_model, served_by
from api.requests.parsing import reads_request
from api.services import services
from shared.models.catalogue import Analysis, Defaults, Limits, ModelCard, Vram, missing_message
from shared.models.measurements import Learned, Measured
from shared.rack.current_weights import agreed
from shared.rack.worker_registry import WorkerReport

blueprint = APIBlueprint("models", __name__, abp_tags=[Tag(name="models", description="What can be asked for")])


class MeasuredPeak(BaseModel):
    """What runs on a card took, weights included."""

    peak_mib: int
    samples: int = Field(description="Runs behind it; higher peaks count at once, lower ones slowly")


class ModelView(BaseModel):
    """One model."""

    id: str
    kind: str
    engine: str
    title: str
    summary: str
    licence: str
    state: Literal["available", "missing"] = Field(
        description="available: with a living worker, or its weights are on the API's host"
    )
    fetch: str | None = Field(description="Where it is missing: how to get it")
    is_default: bool = Field(description="Whether a request that names no model gets this one now")
    defaults: Defaults | None
    limits: Limits | None
    analysis: Analysis | None = Field(description="What it can say about a picture")
    vram: Vram
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


class ModelPath(BaseModel):
    """A model's id or one of its other names."""

    model_id: str = Field(max_length=200)


class OwnedModelPath(BaseModel):
    """A model's other name that is a repository's."""

    owner: str = Field(max_length=100)
    name: str = Field(max_length=100)


class ModelList(BaseModel):
    """All models; and those that answer in chats once more, as OpenAI's clients read them."""

    models: list[ModelView]
    object: Literal["list"] = "list"
    data: list[OpenAIModel]


@blueprint.get(
    "/v1/models",
    summary="List models",
    responses={"200": documents.body("ModelList", "All known models"), **documents.failures()},
)
@reads_request
def index() -> Response:
    cards = list(services().catalogue.cards.values())
    shown = _views(cards)
    able = {view.id for view in shown if view.state == "available"}
    chatting = [
        OpenAIModel(id=card.id, owned_by=_owner(card)) for card in cards if card.does("query") and card.id in able
    ]
    return Response(ModelList(models=shown, data=chatting).model_dump_json(), mimetype="application/json")


@blueprint.get(
    "/v1/models/<model_id>",
    summary="Look at one model",
    responses={"200": documents.body("ModelDetail", "The model"), **documents.failures(404)},
)
@reads_request
def show(path: ModelPath) -> Response:
    _refuse_orders()
    return _shown(path.model_id)


@blueprint.get(
    "/v1/models/<owner>/<name>",
    summary="Look at one model by its repository",
    responses={"200": documents.body("ModelDetail", "The model"), **documents.failures(404)},
)
@reads_request
def show_repository(path: OwnedModelPath) -> Response:
    return _shown(f"{path.owner}/{path.name}")


def _shown(name: str) -> Response:
    card = services().catalogue.get(name)
    (view,) = _views([card])
    detail = ModelDetail(**dict(view), owned_by=_owner(card))
    return Response(detail.model_dump_json(), mimetype="application/json")


def _refuse_orders() -> None:
    """An order (`/v1/models/switch`) is no model: only this rule would answer a GET of it."""
    allowed = set(current_app.create_url_adapter(request).allowed_methods()) - {"GET", "HEAD"}  # type: ignore[union-attr]
    if "POST" in allowed:
        raise MethodNotAllowed(sorted(allowed))


def _views(cards: Sequence[ModelCard]) -> list[ModelView]:
    """These models as they stand with the workers of this moment."""
    ours = services()
    catalogue, workers = ours.catalogue, ours.registry.living()
    here = frozenset(card.id for card in catalogue.cards.values() if catalogue.locate(card) is not None)
    kinds = dict.fromkeys(card.kind for card in cards)
    defaults = [choose_model(catalogue.of_kind(kind), served_by(workers), here) for kind in kinds]
    able = here | served_by(workers)
    learned = Learned(ours.store.redis).peaks_of([card.id for card in cards])
    hashes = agreed(ours.registry.weights())
    return [
        _view(
            card,
            workers,
            learned[card.id],
            hashes.get(card.id),
            is_able=card.id in able,
            is_default=card in defaults,
        )
        for card in cards
    ]


def _owner(card: ModelCard) -> str:
    return (card.source.repo or "darkroom").partition("/")[0]


def _view(
    card: ModelCard,
    workers: Sequence[WorkerReport],
    learned: Mapping[str, Measured],
    weights_hash: str | None,
    *,
    is_able: bool,
    is_default: bool,
) -> ModelView:
    return ModelView(
        id=card.id,
        kind=card.kind,
        engine=card.engine,
        title=card.title,
        summary=card.summary,
        licence=card.licence,
        state="available" if is_able else "missing",
        fetch=None if is_able else missing_message(card),
        is_default=is_default,
        defaults=card.defaults,
        limits=card.limits,
        analysis=card.analysis,
        vram=card.vram,
        measured={
            key: MeasuredPeak(peak_mib=round(peak.value), samples=peak.samples) for key, peak in sorted(learned.items())
        },
        aliases=card.aliases,
        weights_hash=weights_hash,
        served_by=tuple(w.name for w in workers if card.id in w.models),
        resident_on=tuple(w.name for w in workers if any(r.model == card.id for r in w.resident)),
        too_large_for=tuple(w.name for w in workers if card.id in w.too_large),
    )
