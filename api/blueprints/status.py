"""How the system is: `/v1/status` for people, `/healthz` and `/readyz` for probes."""

import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, Field

from api import openapi
from api.requests.parsing import reads_request
from api.services import Services, services, start_rules
from api.services.auth import current_caller
from shared.contracts.jobs import JobRecord, Phase, Progress, State, iso
from shared.contracts.kinds import KIND_RULES
from shared.errors import NotReady
from shared.jobs.stillness import Stillness, explain
from shared.pictures.room import RoomReport, read_report
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


class RunningJob(BaseModel):
    """A job that a worker runs now, and whether it moves."""

    id: str
    phase: Phase
    silent_s: float = Field(description="Seconds since its last sign of life")
    limit_s: float = Field(description="Seconds it may be silent in this phase; beyond, it hangs and is ended")
    why: str = Field(description="The same in a sentence")


class WorkerStatus(WorkerReport):
    """A worker's word on itself, and how its jobs get on."""

    jobs: tuple[str, ...] = Field((), description="Jobs it runs now, as far as the caller may see them")
    others_jobs: int = Field(0, description="Jobs it runs now that the caller may not see")
    running: tuple[RunningJob, ...] = Field((), description="Those of these jobs that run now")


class LibraryStatus(BaseModel):
    """The library."""

    is_available: bool = Field(description="Whether its database answers; jobs go on while it does not")
    waiting: int = Field(description="Ended jobs that it has not taken in yet")
    room: RoomReport | None = Field(
        description="Room for pictures; null: no API process looks after the library now, or Redis holds the pictures "
        "and has no limit"
    )


class Health(BaseModel):
    """An answer to a probe."""

    state: str


class SystemStatus(BaseModel):
    """Everything at once."""

    api: ApiStatus
    redis: RedisStatus
    workers: list[WorkerStatus]
    queues: dict[str, int] = Field(description="Jobs waiting, by queue")
    jobs: dict[str, int] = Field(description="Jobs, by state")
    library: LibraryStatus
    insecure: bool = Field(description="Whether whoever reaches this address may do everything, without a key")
    warning: str | None = Field(description="What an operator should mend now, in words; null: nothing")


@blueprint.get(
    "/v1/status",
    summary="API, Redis, workers, queues",
    responses={"200": openapi.body("SystemStatus", "Now"), **openapi.failures()},
)
@reads_request
def status() -> Response:
    ours = services()
    is_insecure = ours.gate.is_insecure()
    now = SystemStatus(
        api=ApiStatus(
            version=our_version(), started_at=iso(STARTED_AT_MS) or "", waiting_requests=ours.job_events.waiting()
        ),
        redis=_redis(ours),
        workers=_workers(ours),
        queues=ours.store.queue_depths(),
        jobs=ours.store.counts(),
        library=_library(ours),
        insecure=is_insecure,
        warning=start_rules.WARNING if is_insecure else None,
    )
    return Response(now.model_dump_json(), mimetype="application/json")


@blueprint.get("/healthz", summary="Does the API answer", responses={"200": openapi.body("Health", "It does")})
def healthz() -> Response:
    return Response(Health(state="ok").model_dump_json(), mimetype="application/json")


@blueprint.get(
    "/readyz",
    summary="Can jobs run",
    description="Redis answers, and for each kind of model that is here a living worker serves one.",
    responses={"200": openapi.body("Health", "They can"), "503": openapi.failure(503)},
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


def _workers(ours: Services) -> list[WorkerStatus]:
    living = ours.registry.living()
    now_ms = ours.store.now_ms()
    held = ours.ownership.jobs(current_caller(), [job_id for worker in living for job_id in worker.jobs])
    found = [record for record in held if not KIND_RULES[record.kind].is_hidden]
    seen = {record.id for record in found}
    running: dict[str, list[RunningJob]] = {}
    for record in found:
        # Others have ended since their worker reported.
        if record.state == State.RUNNING:
            running.setdefault(record.worker, []).append(
                _running(record, explain(record, living, now_ms, ours.settings))
            )
    return [_as_seen(worker, seen, running.get(worker.name, ())) for worker in living]


def _as_seen(worker: WorkerReport, seen: set[str], running: Sequence[RunningJob]) -> WorkerStatus:
    jobs = tuple(job_id for job_id in worker.jobs if job_id in seen)
    told = dict(worker) | {"jobs": jobs, "others_jobs": len(worker.jobs) - len(jobs)}
    return WorkerStatus(**told, running=tuple(running))


def _running(record: JobRecord, told: Stillness) -> RunningJob:
    phase = (record.progress or Progress()).phase
    return RunningJob(
        id=record.id, phase=phase, silent_s=told.silent_s or 0.0, limit_s=told.limit_s or 0.0, why=told.why
    )


def _library(ours: Services) -> LibraryStatus:
    waiting = ours.library.ingest.waiting()
    return LibraryStatus(is_available=waiting is not None, waiting=waiting or 0, room=read_report(ours.store.redis))


def _redis(ours: Services) -> RedisStatus:
    with redis_errors():
        info = ours.store.redis.info()
    return RedisStatus(
        version=str(info.get("valkey_version") or info.get("redis_version", "")),
        used_memory_mib=round(info.get("used_memory", 0) / 2**20, 1),
        uptime_s=int(info.get("uptime_in_seconds", 0)),
        is_persistent=bool(info.get("aof_enabled", 0)),
    )
