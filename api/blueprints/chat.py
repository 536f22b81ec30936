"""`POST /v1/chat/completions`: OpenAI's door to an analysis model. The request waits for its job."""

from typing import Any

from flask import Response, request
from flask_openapi import APIBlueprint, Tag

from api import openapi as documents
from api.compat.openai_chat.contract import ChatRequest
from api.compat.openai_chat.conversation import Asked, Picture, asked
from api.compat.openai_chat.job import ChatJob, ClientLeft
from api.compat.openai_chat.response import ChatStream, completion
from api.compat.openai_chat.task import Translated, translate
from api.requests.parsing import reads_request
from api.requests.picture_fetch import fetch
from api.requests.submission import Choice, SentPicture, fresh_picture, record_of, sent_picture
from api.services import Services, services
from api.services.departures import departure_of
from shared.contracts.jobs import JobRecord
from shared.contracts.vision import AnalysisParams, AnyTask
from shared.errors import InvalidRequest
from shared.jobs.routing import analysis_batch_key_of
from shared.models.catalogue import ModelCard
from shared.models.effective import effective_task
from shared.pictures.pixels import MIB

blueprint = APIBlueprint("chat", __name__, abp_tags=[Tag(name="chat", description="For OpenAI's clients")])

#: nginx's word for a client that closed its request; nobody reads it.
CLIENT_CLOSED_REQUEST = 499
SCHEMES = ("http://", "https://")
ANSWER: dict[str, Any] = documents.body("ChatCompletion", "The answer; with `stream`, its words as they come")
ANSWER["content"]["text/event-stream"] = {"schema": {"type": "string"}}


@blueprint.post(
    "/v1/chat/completions",
    summary="Ask in OpenAI's shape",
    description="Text and `image_url` parts. The last message is the question, about the newest picture; what came before "
    "is given to the model as text. A picture without text, or with nothing but a request to describe it, is captioned; a "
    "request for a box in JSON is detected. What a request has that changes nothing here is named in `darkroom.ignored`. "
    "Waits for the job; a client that goes away cancels it. With `stream`, the words come "
    "as server-sent events and end with `[DONE]`.",
    responses={"200": ANSWER, **documents.failures(400, 404, 409, 410, 413, 415, 429, 500, 504, 507)},
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
    picture = _sent(ours, question.picture) if question.picture else None
    tasks: list[AnyTask] = [effective_task(translated.task, card, field="messages")]
    params = AnalysisParams(
        image=picture.store(ours) if picture else None,
        tasks=tasks,
        stream=bool(body.stream),
        user=body.user,
    ).model_dump(mode="json", exclude_none=True)
    return record_of(ours, "analyze", card, body.priority, params, analysis_batch_key_of(card.id, tasks))


def _card_for(ours: Services, wanted: str | None) -> ModelCard:
    choice = Choice(ours)
    if wanted is None:
        return choice.best(ours.catalogue.of_kind("analyze"), "analysis model")
    card = choice.named(wanted)
    if not card.does("query"):
        raise InvalidRequest(f"{card.id} does not answer questions", field="model")
    return card


def _sent(ours: Services, picture: Picture) -> SentPicture:
    """The picture's bytes from the request, the store or, where that is allowed, an address."""
    if not picture.url[:8].lower().startswith(SCHEMES):
        return sent_picture(ours, picture.url, field=picture.field)
    settings = ours.settings
    if not settings.allow_image_urls:
        raise InvalidRequest(
            "addresses are not fetched here (DARKROOM_ALLOW_IMAGE_URLS): send a data URI or a stored picture's id",
            field=picture.field,
        )
    data = fetch(
        picture.url,
        max_bytes=settings.max_image_mib * MIB,
        allow_private=settings.allow_private_addresses,
        field=picture.field,
    )
    return fresh_picture(ours, data, None, field=picture.field)
