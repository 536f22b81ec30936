"""`PATCH /v1/jobs…`, `POST /v1/jobs/cancel`: jobs made more or less urgent, held, first, or given up by the thousand."""

from flask import Response

from api import openapi
from api.blueprints import jobs
from api.blueprints.jobs import JobPath
from api.requests import in_hand
from api.requests.parsing import reads_request
from api.responses import jobs as job_answers
from api.services import services
from api.services.auth import current_caller
from shared.contracts.in_hand import JobChange, JobOutcomes, JobsCancel, JobsChange

#: The library describes each address by one blueprint, so these routes are added to that of `jobs`.
blueprint = jobs.blueprint


@blueprint.patch(
    "/v1/jobs/<job_id>",
    summary="Change a job that has not started",
    description="More or less urgent, held, released, first among its owner's. A job that runs or has ended is not changed: 409. "
    "A held job keeps its place and its deadline.",
    responses={
        "200": openapi.body("JobView", "As it now is", ETag=openapi.ETAG),
        **openapi.failures(400, 404, 409, 410, 413, 415),
    },
)
@reads_request
def change(path: JobPath, body: JobChange) -> Response:
    ours = services()
    return job_answers.answer(ours, job_answers.Wait(in_hand.change_one(ours, current_caller(), path.job_id, body)))


@blueprint.patch(
    "/v1/jobs",
    summary="Change many jobs that have not started",
    description="Those of `ids`, or those that fit `filter`. Each has an outcome of its own; one that cannot be changed changes "
    "nothing for the others. Moved to the front, they keep the order of `ids`.",
    responses={"200": openapi.body("JobOutcomes", "What became of each"), **openapi.failures(400, 404, 410, 413, 415)},
)
@reads_request
def change_many(body: JobsChange) -> Response:
    return _shown(in_hand.change_many(services(), current_caller(), body))


@blueprint.post(
    "/v1/jobs/cancel",
    summary="Cancel many jobs",
    description="Those of `ids`, or those that fit `filter`: queued ones end at once, running ones at their next step. "
    "With a batch in the filter and no state, the batch makes no more jobs.",
    responses={"200": openapi.body("JobOutcomes", "What became of each"), **openapi.failures(400, 404, 410, 413, 415)},
)
@reads_request
def cancel_many(body: JobsCancel) -> Response:
    return _shown(in_hand.cancel_many(services(), current_caller(), body))


def _shown(outcomes: JobOutcomes) -> Response:
    return Response(outcomes.model_dump_json(), mimetype="application/json")
