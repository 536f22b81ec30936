"""`POST /v1/generate`: contract, model, picture, record, 202."""

from flask import Response
from flask_openapi import APIBlueprint, Tag

from api.requests.model_choice import Choice
from api.requests.parsing import reads_request
from api.requests.pictures import sent_picture
from api.requests.scopes import priority_of
from api.requests.submission import RESPONSES, SubmitHeaders, record_of, submitted
from api.services import services
from shared.contracts.generation import GenerateRequest
from shared.jobs.routing import batch_key_of
from shared.models.effective import effective_params

blueprint = APIBlueprint("generate", __name__, abp_tags=[Tag(name="generate", description="Pictures from prompts")])


@blueprint.post(
    "/v1/generate",
    summary="Make pictures",
    description="Queues a job and answers at once with its record; poll `GET /v1/jobs/{job_id}` for the pictures.",
    responses=RESPONSES,
)
@reads_request
def generate(body: GenerateRequest, header: SubmitHeaders) -> Response:
    ours = services()
    card = Choice(ours).wanted_or_best(body.model, "generate", "generating model")
    picture = sent_picture(ours, body.image) if body.image is not None else None
    params = effective_params(
        body, card, image_id=picture.id if picture else None, image_size=picture.size if picture else None
    )
    if picture is not None:
        picture.store(ours)
    key = batch_key_of(card.id, params)
    record = record_of(ours, "generate", card, priority_of(body), params.model_dump(), key, keep=body.keep)
    return submitted(ours, record, body, header, body.deadline_s)
