"""`/v1/models`: what can be asked for, what it takes and who serves it; and commands that load a model or unload it.

A command acts between jobs and is a job to poll. Its routes stand under `/v1/model/` too, for clients that were written
against other servers.
"""

import json
from collections.abc import Sequence
from typing import Any

from flask import Response, current_app, request
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, Field
from werkzeug.exceptions import MethodNotAllowed

from api import openapi
from api.requests.model_choice import Choice, choose_model, served_by
from api.requests.parsing import reads_request
from api.requests.scopes import check_record
from api.responses import jobs as job_answers
from api.responses.models import ModelDetail, ModelList, ModelView, OpenAIModel, model_view, owner_of
from api.services import Services, services
from api.services.auth import current_caller
from shared.contracts.audit import Deed
from shared.contracts.base import Priority
from shared.contracts.commands import SwitchRequest, UnloadRequest
from shared.contracts.jobs import JobRecord, JobView, State, new_job_id
from shared.contracts.kinds import Kind
from shared.errors import DoesNotFit, NotFound
from shared.jobs.routing import own_queue_of, queue_of
from shared.models.catalogue import ModelCard
from shared.models.measurements import Measurements
from shared.rack.current_weights import agreed
from shared.rack.worker_registry import WorkerReport

blueprint = APIBlueprint(
    "models", __name__, abp_tags=[Tag(name="models", description="What there is, and what is loaded")]
)
#: The model of a command that means all of them.
EVERY_MODEL = "*"


class CommandList(BaseModel):
    """One job per worker that was told something."""

    jobs: list[JobView]


class ModelPath(BaseModel):
    """A model's id or one of its other names."""

    model_id: str = Field(max_length=200)


class OwnedModelPath(BaseModel):
    """A model's other name that is a repository's."""

    owner: str = Field(max_length=100)
    name: str = Field(max_length=100)


#: How both paths of a command are described.
SWITCH: dict[str, Any] = {
    "summary": "Load a model ahead of its first job",
    "description": "Acts between jobs, never under one; poll the job to know when the model is there.",
    "responses": {
        "202": openapi.body("JobView", "Accepted", Location=openapi.LOCATION, ETag=openapi.ETAG),
        **openapi.failures(400, 404, 409, 413, 415, 429),
    },
}
UNLOAD: dict[str, Any] = {
    "summary": "Take models off the GPUs",
    "description": "One job per worker that holds the model; none where nobody does. Pinned models go only by name.",
    "responses": {"202": openapi.body("CommandList", "Accepted"), **openapi.failures(400, 404, 413, 415, 429)},
}


@blueprint.get(
    "/v1/models",
    summary="List models",
    responses={"200": openapi.body("ModelList", "All known models"), **openapi.failures()},
)
@reads_request
def index() -> Response:
    cards = list(services().catalogue.cards.values())
    shown = _views(cards)
    able = {view.id for view in shown if view.state == "available"}
    chatting = [
        OpenAIModel(id=card.id, owned_by=owner_of(card)) for card in cards if card.does("query") and card.id in able
    ]
    return Response(ModelList(models=shown, data=chatting).model_dump_json(), mimetype="application/json")


@blueprint.get(
    "/v1/models/<model_id>",
    summary="Look at one model",
    responses={"200": openapi.body("ModelDetail", "The model"), **openapi.failures(404)},
)
@reads_request
def show(path: ModelPath) -> Response:
    _refuse_commands()
    return _shown(path.model_id)


@blueprint.get(
    "/v1/models/<owner>/<name>",
    summary="Look at one model by its repository",
    responses={"200": openapi.body("ModelDetail", "The model"), **openapi.failures(404)},
)
@reads_request
def show_repository(path: OwnedModelPath) -> Response:
    return _shown(f"{path.owner}/{path.name}")


@blueprint.post("/v1/model/switch", **SWITCH)
@blueprint.post("/v1/models/switch", **SWITCH)
@reads_request
def switch(body: SwitchRequest) -> Response:
    ours = services()
    choice = Choice(ours)
    card = choice.named(body.model_id)
    queue = queue_of(card.id, Priority.HIGH)
    if body.worker is not None:
        queue = own_queue_of(_serving(_named(choice.workers, body.worker), card).name)
    stored = _command(ours, "switch", card.id, queue, body.model_dump(exclude_none=True))
    ours.audit.record(current_caller().as_actor, Deed.MODEL_SWITCHED, card.id, worker=body.worker, job=stored.id)
    return job_answers.answer(ours, job_answers.Wait(stored), 202, Location=f"/v1/jobs/{stored.id}")


@blueprint.post("/v1/model/unload", **UNLOAD)
@blueprint.post("/v1/models/unload", **UNLOAD)
@reads_request
def unload(body: UnloadRequest) -> Response:
    ours = services()
    model = ours.catalogue.get(body.model_id).id if body.model_id is not None else None
    workers = ours.registry.living()
    concerned = [_named(workers, body.worker)] if body.worker is not None else [w for w in workers if _holds(w, model)]
    params: dict[str, object] = {"model_id": model} if model else {}
    sent = [_command(ours, "unload", model or EVERY_MODEL, own_queue_of(worker.name), params) for worker in concerned]
    ours.audit.record(current_caller().as_actor, Deed.MODEL_UNLOADED, model or EVERY_MODEL, worker=body.worker)
    shown = [job.model_dump(mode="json") for job in job_answers.views(ours, sent)]
    return Response(json.dumps({"jobs": shown}), 202, mimetype="application/json")


def _shown(name: str) -> Response:
    card = services().catalogue.get(name)
    (view,) = _views([card])
    detail = ModelDetail(**dict(view), owned_by=owner_of(card))
    return Response(detail.model_dump_json(), mimetype="application/json")


def _refuse_commands() -> None:
    """A command (`/v1/models/switch`) is no model: only this rule would answer a GET of it."""
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
    measurements = Measurements(ours.store.redis)
    learned = measurements.peaks_of([card.id for card in cards])
    load_ms = measurements.loads_ms([card.id for card in cards])
    hashes = agreed(ours.registry.weights())
    return [
        model_view(
            card,
            workers,
            learned[card.id],
            hashes.get(card.id),
            load_ms[card.id],
            is_able=card.id in able,
            is_default=card in defaults,
        )
        for card in cards
    ]


def _command(ours: Services, kind: Kind, model: str, queue: str, params: dict[str, object]) -> JobRecord:
    record = JobRecord(
        id=new_job_id(),
        kind=kind,
        model=model,
        state=State.QUEUED,
        caller=current_caller().person,
        priority=Priority.HIGH,
        params=params,
        max_attempts=ours.settings.max_attempts,
        queue=queue,
    )
    check_record(record, has_chosen_priority=False)
    return ours.dispatcher.submit(record)[0]


def _named(workers: list[WorkerReport], name: str) -> WorkerReport:
    found = next((worker for worker in workers if worker.name == name), None)
    if found is None:
        living = ", ".join(worker.name for worker in workers) or "none"
        raise NotFound(f"no living worker is called {name!r}; living: {living}", field="worker")
    return found


def _serving(worker: WorkerReport, card: ModelCard) -> WorkerReport:
    if card.id in worker.models:
        return worker
    need_mib = worker.too_large.get(card.id)
    why = f"needs {need_mib:,} MiB, its budget is {worker.budget_mib:,}" if need_mib else "is not on its disk"
    raise DoesNotFit(f"{worker.name} does not serve {card.id}: it {why}", field="worker")


def _holds(worker: WorkerReport, model: str | None) -> bool:
    return any(model in (None, resident.model) for resident in worker.resident)
