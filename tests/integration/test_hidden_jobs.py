"""Jobs that are part of something else stand in no list, and pages are as full as without them."""

import re

from api.services import Services
from shared.accounts.limits import NO_LIMITS
from shared.contracts.access import Limits
from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.jobs.routing import queue_of
from tests.people_played import OLGA, web_of
from tests.workers_played import report, start, succeed


def add(services: Services, kind: str, caller: str = "darkroom", limits: Limits = NO_LIMITS) -> str:
    job = JobRecord(
        id=new_job_id(), kind=kind, model="m", state=State.QUEUED, queue=queue_of("m", Priority.LOW), caller=caller
    )
    services.store.create(job, limits=limits)
    return job.id


def test_a_page_passes_over_them_and_is_full(services: Services):
    kinds = ("switch", *("embed",) * 250, "switch", "switch")
    made = [(kind, add(services, kind)) for kind in kinds]
    visible = [job for kind, job in made if kind == "switch"]

    first, cursor = services.store.page(None, 2, None)
    second, last = services.store.page(State.QUEUED, 2, cursor)

    assert [job.id for job in [*first, *second]] == visible[::-1]
    assert last is None


def test_a_list_of_nothing_else_is_empty(services: Services, web):
    for _ in range(5):
        add(services, "embed")

    assert services.store.page(None, 2, None) == ([], None)
    assert web.get("/v1/jobs").json["jobs"] == []


def test_they_count_against_nobodys_limits(services: Services):
    limits = Limits(unfinished_jobs=1, gpu_s_per_day=10)
    job = add(services, "embed", "anna", limits)
    start(services, job)
    succeed(services, job)
    add(services, "embed", "anna", limits)

    left = services.quotas.what_is_left("anna", limits)
    assert (left.unfinished_jobs.used, left.gpu_s_per_day.used) == (0, 0)
    assert add(services, "analyze", "anna", limits)


def test_no_filter_chooses_them_and_no_queue_or_status_shows_them(services: Services):
    olga = web_of(services, OLGA)
    waiting, running = add(services, "embed"), add(services, "embed")
    start(services, running)
    services.registry.report(report("gpu0", models=("m",), jobs=(running,), state="busy"))

    cancelled = olga.post("/v1/jobs/cancel", json={"filter": {"mine": False}}).json

    assert cancelled["jobs"] == []
    assert services.store.get(waiting).state == State.QUEUED
    for path in ("/v1/queue", "/v1/jobs", "/v1/status"):
        assert not {waiting, running} & set(re.findall("job_[0-9a-f]{24}", olga.get(path).text)), path
    assert olga.get("/v1/queue").json["queued"] == []
