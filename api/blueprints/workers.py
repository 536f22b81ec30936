"""`/v1/workers`: let a worker finish and take no more, or take jobs again."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, Field

from api import openapi
from api.requests.parsing import reads_request
from api.services import Services, services
from api.services.auth import current_caller
from shared.contracts.audit import Deed
from shared.errors import NotFound

blueprint = APIBlueprint("workers", __name__, abp_tags=[Tag(name="workers", description="One per GPU")])


class WorkerPath(BaseModel):
    """A worker's name, as `GET /v1/status` lists it."""

    name: str = Field(pattern="^[a-z0-9][a-z0-9-]{0,99}$")


class WorkerCommand(BaseModel):
    """What a worker was told."""

    worker: str
    is_paused: bool = Field(description="Whether it takes no jobs; holds over restarts, until it is resumed")
    jobs: list[str] = Field(description="Jobs it still runs")


@blueprint.post(
    "/v1/workers/<name>/drain",
    summary="Take no more jobs",
    description="What it runs now it finishes; what waits is left to others. It follows within about two seconds.",
    responses={"202": openapi.body("WorkerCommand", "Told"), **openapi.failures(404)},
)
@reads_request
def drain(path: WorkerPath) -> Response:
    ours = services()
    told = _told(ours, path.name, is_paused=True)
    ours.registry.pause(path.name)
    ours.audit.record(current_caller().as_actor, Deed.WORKER_DRAINED, path.name)
    return Response(told.model_dump_json(), 202, mimetype="application/json")


@blueprint.post(
    "/v1/workers/<name>/resume",
    summary="Take jobs again",
    responses={"202": openapi.body("WorkerCommand", "Told"), **openapi.failures(404)},
)
@reads_request
def resume(path: WorkerPath) -> Response:
    ours = services()
    told = _told(ours, path.name, is_paused=False)
    ours.registry.resume(path.name)
    ours.audit.record(current_caller().as_actor, Deed.WORKER_RESUMED, path.name)
    return Response(told.model_dump_json(), 202, mimetype="application/json")


def _told(ours: Services, name: str, *, is_paused: bool) -> WorkerCommand:
    living = {worker.name: worker for worker in ours.registry.living()}
    if name not in living and not ours.registry.is_paused(name):
        raise NotFound(f"there is no worker {name}; living: {', '.join(living) or 'none'}", field="name")
    jobs = list(living[name].jobs) if name in living else []
    return WorkerCommand(worker=name, is_paused=is_paused, jobs=jobs)
