"""How the system is: `/v1/status` for people, `/healthz` and `/readyz` for probes."""

import time
from importlib.metadata import PackageNotFoundError, version

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, Field

from api import openapi as documents
from api.requests.parsing import reads_request
from api.services import Services, services
from shared.contracts.jobs import iso
from shared.errors import NotReady
from shared.rack.worker_registry import CANNOT_WORK, WorkerReport
from shared.redis.client import redis_errors

blueprint = APIBlueprint("status", __name__, abp_tags=[Tag(name="status", description="How the system is")])

STARTED_AT_MS = round(time.time() * 1000)


class ApiStatus(BaseModel):
    """This process."""

    version: str
    started_at: str
    waiting_requests: int = Field(description="Requests that wait for a job in this process")


class RedisStatus(BaseModel):
    """The store."""

    version: str
    used_memory_mib: float
    uptime_s: int
    is_persistent: bool = Field(description="Whether it writes an append-only file")


class Health(BaseModel):
    """An answer to a probe."""

    state: str


class SystemStatus(BaseModel):
    """Everything at once."""

    api: ApiStatus
    redis: RedisStatus
    workers: list[WorkerReport]
    queues: dict[str, int] = Field(description="Jobs waiting, by queue")
    jobs: dict[str, int] = Field(description="Jobs, by state")


@blueprint.get(
    "/v1/status",
    summary="API, Redis, workers, queues",
    responses={"200": documents.body("SystemStatus", "Now"), **documents.failures()},
)
@reads_request
def status() -> Response:
    ours = services()
    now = SystemStatus(
        api=ApiStatus(
            version=our_version(), started_at=iso(STARTED_AT_MS) or "", waiting_requests=ours.changes.waiting()
        ),
        redis=_redis(ours),
        workers=ours.registry.living(),
        queues=ours.store.queue_depths(),
        jobs=ours.store.counts(),
    )
    return Response(now.model_dump_json(), mimetype="application/json")


@blueprint.get("/healthz", summary="Does the API answer", responses={"200": documents.body("Health", "It does")})
def healthz() -> Response:
    return Response(Health(state="ok").model_dump_json(), mimetype="application/json")


@blueprint.get(
    "/readyz",
    summary="Can jobs run",
    description="Redis answers, and for each kind of model that is here a living worker serves one.",
    responses={"200": documents.body("Health", "They can"), "503": documents.failure(503)},
)
def readyz() -> Response:
    ours = services()
    unserved = unserved_kinds(ours, ours.registry.living())
    if unserved:
        raise NotReady(f"no living worker serves: {', '.join(unserved)}", retry_after_s=2)
    return Response(Health(state="ready").model_dump_json(), mimetype="application/json")


def unserved_kinds(ours: Services, workers: list[WorkerReport]) -> list[str]:
    """Kinds of models that this rack has and nobody serves now."""
    served = {model for worker in workers if worker.state not in CANNOT_WORK for model in worker.models}
    cards = ours.catalogue.cards.values()
    enabled = {card.kind for card in cards if card.id in served or ours.catalogue.locate(card) is not None}
    return sorted(enabled - {card.kind for card in cards if card.id in served})


def our_version() -> str:
    """What is installed."""
    try:
        return version("darkroom")
    except PackageNotFoundError:  # run from a checkout
        return "0"


def _redis(ours: Services) -> RedisStatus:
    with redis_errors():
        info = ours.store.redis.info()
    return RedisStatus(
        version=str(info.get("valkey_version") or info.get("redis_version", "")),
        used_memory_mib=round(info.get("used_memory", 0) / 2**20, 1),
        uptime_s=int(info.get("uptime_in_seconds", 0)),
        is_persistent=bool(info.get("aof_enabled", 0)),
    )
