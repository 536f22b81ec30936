"""Jobs that are part of something else stand in no list, and pages are as full as without them."""

from api.services import Services
from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.jobs.routing import queue_of


def add(services: Services, kind: str) -> str:
    job = JobRecord(
        id=new_job_id(), kind=kind, model="m", state=State.QUEUED, queue=queue_of("m", Priority.LOW), caller="darkroom"
    )
    services.store.create(job)
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
