"""`POST /v1/jobs/{job_id}/retry`: the same work as a new job, with its lineage."""

import hashlib

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api import openapi as documents
from api.blueprints.jobs import JobPath
from api.requests.parsing import reads_request
from api.responses import jobs as job_answers
from api.services import Services, services
from api.services.auth import current_caller
from shared.contracts.batches import PREVIOUS
from shared.contracts.jobs import JobRecord, State
from shared.errors import IllegalMove
from shared.jobs import lifecycle

blueprint = APIBlueprint("retry", __name__, abp_tags=[Tag(name="jobs", description="What became of what you sent")])


@blueprint.post(
    "/v1/jobs/<job_id>/retry",
    summary="Run a failed or cancelled job again",
    description="Makes a new job with the same parameters and seed; `retry_of` and `retried_as` name each other. Asking "
    "twice gives the same new job: should that one fail too, retry that one.",
    responses={
        "202": documents.body("JobView", "The new job", Location=documents.LOCATION, ETag=documents.ETAG),
        **documents.failures(404, 409, 410, 429),
    },
)
@reads_request
def retry(path: JobPath) -> Response:
    ours = services()
    again = run_again(ours, job_answers.fetch(ours, path.job_id), current_caller())
    return job_answers.answer(ours, job_answers.Wait(again), 202, Location=f"/v1/jobs/{again.id}")


def run_again(ours: Services, record: JobRecord, caller: str) -> JobRecord:
    """The job that runs in the place of an ended one.

    Its id follows from the old one's, so that a request that is sent twice, or cut off between the steps, makes one job.

    Raises:
        IllegalMove: the old one has not ended, or it succeeded. And whatever `Dispatcher.submit` raises.
    """
    new_id = "job_" + hashlib.sha256(f"retry of {record.id}".encode()).hexdigest()[:24]
    lifecycle.retried(record, record.ended_at_ms, new_id=new_id)
    if record.params.get("image") == PREVIOUS:
        raise IllegalMove(f"job {record.id} never got the picture of the step before it: resume batch {record.batch}")
    again = JobRecord(
        id=new_id,
        kind=record.kind,
        model=record.model,
        state=State.QUEUED,
        caller=caller,
        priority=record.priority,
        params=record.params,
        max_attempts=ours.settings.max_attempts,
        queue=record.queue,
        batch_key=record.batch_key,
        retry_of=record.id,
    )
    allowed_ms = max(0, record.deadline_at_ms - record.created_at_ms)
    stored, _ = ours.dispatcher.submit(again, deadline_s=allowed_ms / 1000 or None)
    ours.store.move(record.id, lambda job, now_ms: lifecycle.retried(job, now_ms, new_id=new_id))
    return stored
