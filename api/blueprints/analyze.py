"""`POST /v1/analyze`: one picture, several tasks, one job."""

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.requests.model_choice import Choice, choose_for_tasks
from api.requests.parsing import reads_request
from api.requests.pictures import sent_picture
from api.requests.scopes import priority_of
from api.requests.submission import RESPONSES, SubmitHeaders, record_of, submitted
from api.services import services
from shared.contracts.vision import AnalysisParams, AnalyzeRequest
from shared.jobs.chain_rules import asked_hash
from shared.jobs.routing import analysis_batch_key_of

blueprint = APIBlueprint("analyze", __name__, abp_tags=[Tag(name="analyze", description="What is in a picture")])


@blueprint.post(
    "/v1/analyze",
    summary="Ask about a picture",
    description="Queues a job with several tasks and answers at once with its record. The job succeeds if one task did; "
    "each task has its own answer or error in `result.answers`, in the order asked.",
    responses=RESPONSES,
)
@reads_request
def analyze(body: AnalyzeRequest, header: SubmitHeaders) -> Response:
    ours = services()
    chosen = choose_for_tasks(Choice(ours), body.tasks, body.model)
    image_id = sent_picture(ours, body.image).store(ours)
    params = AnalysisParams(image=image_id, tasks=chosen.tasks).model_dump(mode="json", exclude_none=True)
    key = analysis_batch_key_of(chosen.card.id, chosen.tasks)
    record = record_of(ours, "analyze", chosen.card, priority_of(body), params, key)
    # A batch that asks the same of this picture later takes the answer over.
    record = record.model_copy(update={"asked": asked_hash(body.tasks, chosen.tasks)})
    return submitted(ours, record, body, header, body.deadline_s)
