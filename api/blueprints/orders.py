"""`POST /v1/models/switch` and `/v1/models/unload`: orders that act between jobs, each a job to poll.

The same routes under `/v1/model/` are for clients that were written against other servers.
"""

import json
from typing import Any

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel

from api import openapi as documents
from api.requests.model_choice import ensure_servable
from api.requests.parsing import reads_request
from api.responses import jobs as job_answers
from api.services import Services, services
from api.services.auth import current_caller
from shared.contracts.base import Priority
from shared.contracts.commands import SwitchRequest, UnloadRequest
from shared.contracts.jobs import JobRecord, JobView, Kind, State, new_job_id
from shared.errors import DoesNotFit, NotFound
from shared.jobs.routing import own_queue_of, queue_of
from shared.models.catalogue import ModelCard
from shared.rack.worker_registry import WorkerReport

blueprint = APIBlueprint(
    "orders", __name__, abp_tags=[Tag(name="models", description="What there is, and what is loaded")]
)
#: The model of an order that means all of them.
EVERY_MODEL = "*"


class OrderList(BaseModel):
    """One job per worker that was ordered something."""

    jobs: list[JobView]


#: How both paths of an order are described.
SWITCH: dict[str, Any] = {
    "summary": "Load a model ahead of its first job",
    "description": "Acts between jobs, never under one; poll the job to know when the model is there.",
    "responses": {
        "202": documents.body("JobView", "Ordered", Location=documents.LOCATION, ETag=documents.ETAG),
        **documents.failures(400, 404, 409, 413, 415, 429),
    },
}
UNLOAD: dict[str, Any] = {
    "summary": "Take models off the cards",
    "description": "One job per worker that holds the model; none where nobody does. Pinned models go only by name.",
    "responses": {"202": documents.body("OrderList", "Ordered"), **documents.failures(400, 404, 413, 415, 429)},
}


@blueprint.post("/v1/model/switch", **SWITCH)
@blueprint.post("/v1/models/switch", **SWITCH)
@reads_request
def switch(body: SwitchRequest) -> Response:
    ours = services()
    card = ours.catalogue.get(body.model_id)
    workers = ours.registry.living()
    ensure_servable(card, workers, is_here=ours.catalogue.locate(card) is not None)
    queue = queue_of(card.id, Priority.HIGH)
    if body.worker is not None:
        queue = own_queue_of(_serving(_named(workers, body.worker), card).name)
    stored = _order(ours, "switch", card.id, queue, body.model_dump(exclude_none=True))
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
    orders = [_order(ours, "unload", model or EVERY_MODEL, own_queue_of(worker.name), params) for worker in concerned]
    shown = [job.model_dump(mode="json") for job in job_answers.views(ours, orders)]
    return Response(json.dumps({"jobs": shown}), 202, mimetype="application/json")


def _order(ours: Services, kind: Kind, model: str, queue: str, params: dict[str, object]) -> JobRecord:
    record = JobRecord(
        id=new_job_id(),
        kind=kind,
        model=model,
        state=State.QUEUED,
        caller=current_caller(),
        priority=Priority.HIGH,
        params=params,
        max_attempts=ours.settings.max_attempts,
        queue=queue,
    )
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
