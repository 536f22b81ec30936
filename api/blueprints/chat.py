"""`POST /v1/chat/completions`: OpenAI's door to an analysis model. The request waits for its job."""

from typing import Any

from flask import Response, request
from flask_openapi import APIBlueprint, Tag

from api import openapi
from api.compat.openai_chat.contract import ChatRequest
from api.compat.openai_chat.conversation import Asked, asked
from api.compat.openai_chat.job import ChatJob, ClientLeft
from api.compat.openai_chat.response import completion
from api.compat.openai_chat.stream import ChatStream
from api.compat.openai_chat.task import Translated, translate
from api.requests.model_choice import Choice
from api.requests.parsing import reads_request
from api.requests.pictures import addressed_picture
from api.requests.scopes import priority_of
from api.requests.submission import record_of
from api.services import Services, services
from api.services.departures import departure_of
from shared.contracts.jobs import JobRecord
from shared.contracts.vision import AnalysisParams, AnyTask
from shared.errors import InvalidRequest
from shared.jobs.routing import analysis_batch_key_of
from shared.models.catalogue import ModelCard
from shared.models.effective import effective_task

blueprint = APIBlueprint("chat", __name__, abp_tags=[Tag(name="chat", description="For OpenAI's clients")])

#: nginx's word for a client that closed its request; nobody reads it.
CLIENT_CLOSED_REQUEST = 499
ANSWER: dict[str, Any] = openapi.body("ChatCompletion", "The answer; with `stream`, its words as they come")
ANSWER["content"]["text/event-stream"] = {"schema": {"type": "string"}}


@blueprint.post(
    "/v1/chat/completions",
    summary="Ask in OpenAI's shape",
    description="Text and `image_url` parts. The last message is the question, about the newest picture; what came before "
    "is given to the model as text. A picture without text, or with nothing but a request to describe it, is captioned; a "
    "request for a box in JSON is detected. What a request has that changes nothing here is named in `darkroom.ignored`. "
    "Waits for the job; a client that goes away cancels it. With `stream`, the words come "
    "as server-sent events and end with `[DONE]`.",
    responses={"200": ANSWER, **openapi.failures(400, 404, 409, 410, 413, 415, 429, 500, 504, 507)},
)
@reads_request
def complete(body: ChatRequest) -> Response:
    ours = services()
    if body.stream_options is not None and not body.stream:
        raise InvalidRequest("stream_options needs stream", field="stream_options")
    question = asked(body.messages)
    card = _card_for(ours, body.model)
    translated = translate(body, question, card)
    job = ChatJob(ours, _record_of(ours, body, card, question, translated), departure_of(request.environ)).start()
    if body.stream:
        stream = ChatStream(
            job, translated, include_usage=bool(body.stream_options and body.stream_options.include_usage)
        )
        return Response(stream, mimetype="text/event-stream", headers={"Cache-Control": "no-cache"})  # type: ignore[arg-type]
    with job:
        try:
            *_, record = [job.record, *job.records()]
        except ClientLeft:
            return Response(status=CLIENT_CLOSED_REQUEST)
        return Response(completion(record, translated).model_dump_json(), mimetype="application/json")


def _record_of(
    ours: Services, body: ChatRequest, card: ModelCard, question: Asked, translated: Translated
) -> JobRecord:
    shown = question.picture
    picture = addressed_picture(ours, shown.url, field=shown.field) if shown else None
    tasks: list[AnyTask] = [effective_task(translated.task, card, field="messages")]
    params = AnalysisParams(
        image=picture.store(ours) if picture else None,
        tasks=tasks,
        stream=bool(body.stream),
        user=body.user,
    ).model_dump(mode="json", exclude_none=True)
    priority = priority_of(body, is_named=body.service_tier not in (None, "auto", "default"))
    return record_of(ours, "analyze", card, priority, params, analysis_batch_key_of(card.id, tasks))


def _card_for(ours: Services, wanted: str | None) -> ModelCard:
    card = Choice(ours).wanted_or_best(wanted, "analyze", "analysis model")
    if wanted is not None and not card.does("query"):
        raise InvalidRequest(f"{card.id} does not answer questions", field="model")
    return card
