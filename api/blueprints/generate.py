"""`POST /v1/generate`: contract, model, picture, record, 202."""

import hashlib
import json
import re

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import documents, job_answers
from api.access import current_caller
from api.model_choice import choose_model, ensure_servable, served_by
from api.reading import reads_request
from api.services import Services, services
from shared.artifact_store import ID, id_of
from shared.catalogue import ModelCard
from shared.contracts.generation import GenerateRequest
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.effective import effective_params
from shared.errors import DarkroomError, ModelMissing
from shared.job_store import Idempotency
from shared.pixels import decode, from_text
from shared.routing import batch_key_of, queue_of

blueprint = APIBlueprint("generate", __name__, abp_tags=[Tag(name="generate", description="Pictures from prompts")])


class SubmitHeaders(BaseModel):
    """What may come beside a job."""

    model_config = ConfigDict(extra="ignore")

    idempotency_key: str = Field(
        "",
        alias="Idempotency-Key",
        max_length=255,
        pattern=r"^[\x20-\x7e]*$",
        description="Makes a repeat harmless: the same key and body name the same job for 7 days",
    )
    prefer: str = Field(
        "", alias="Prefer", description="`wait=<seconds>` holds the answer until the job ends (RFC 7240)"
    )


@blueprint.post(
    "/v1/generate",
    summary="Make pictures",
    description="Queues a job and answers at once with its record; poll `GET /v1/jobs/{job_id}` for the pictures.",
    responses={
        "202": documents.body(
            "JobView",
            "Accepted. The record as it stands; with `Prefer: wait` perhaps already ended",
            Location=documents.LOCATION,
            ETag=documents.ETAG,
            Preference_Applied=documents.header("The part of `Prefer` that was honoured"),
            Retry_After=documents.RETRY_AFTER,
        ),
        **documents.failures(400, 404, 409, 410, 413, 415, 429, 507),
    },
)
@reads_request
def generate(body: GenerateRequest, header: SubmitHeaders) -> Response:
    ours = services()
    record = _record_of(ours, body)
    key = header.idempotency_key
    stored, _ = ours.dispatcher.submit(
        record, idempotency=Idempotency(key, body_hash(body)) if key else None, deadline_s=body.deadline_s
    )
    wait_s = min(preferred_wait_s(header.prefer), ours.settings.max_wait_seconds)
    waited = job_answers.wait_until(ours, stored, job_answers.has_ended, wait_s)
    response = job_answers.answer(ours, waited, 202, Location=f"/v1/jobs/{stored.id}")
    if wait_s and not waited.was_refused:
        response.headers["Preference-Applied"] = f"wait={wait_s}"
    return response


def body_hash(body: BaseModel) -> str:
    """The same for bodies that mean the same: the order of fields and the spacing do not count."""
    canonical = json.dumps(body.model_dump(mode="json", exclude_unset=True), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def preferred_wait_s(prefer: str) -> int:
    """The `wait` of a Prefer header in seconds; 0 where there is none that can be read (RFC 7240: ignore the unknown)."""
    for preference in prefer.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait" and re.fullmatch(r"[0-9]{1,9}", value.strip().strip('"')):
            return int(value.strip().strip('"'))
    return 0


def _record_of(ours: Services, body: GenerateRequest) -> JobRecord:
    card = _card_for(ours, body.model)
    source = _source_picture(ours, body.image)
    params = effective_params(body, card, image_id=source and source[0])
    if source is not None and source[1]:
        ours.artifacts.put(source[1])
    return JobRecord(
        id=new_job_id(),
        kind="generate",
        model=card.id,
        state=State.QUEUED,
        caller=current_caller(),
        priority=body.priority,
        params=params.model_dump(),
        max_attempts=ours.settings.max_attempts,
        queue=queue_of(card.id, body.priority),
        batch_key=batch_key_of(card.id, params),
    )


def _card_for(ours: Services, wanted: str | None) -> ModelCard:
    workers = ours.registry.living()
    if wanted is not None:
        card = ours.catalogue.get(wanted)
        ensure_servable(card, workers, is_here=ours.catalogue.locate(card) is not None)
        return card
    cards = ours.catalogue.of_kind("generate")
    here = [card.id for card in cards if ours.catalogue.locate(card) is not None]
    chosen = choose_model(cards, served_by(workers), here)
    if chosen is None:
        raise ModelMissing("no generating model is here; see GET /v1/models for the commands that fetch one")
    ensure_servable(chosen, workers, is_here=chosen.id in here)
    return chosen


def _source_picture(ours: Services, image: str | None) -> tuple[str, bytes] | None:
    """The id of the starting picture, and its bytes where it is not stored yet."""
    if image is None:
        return None
    try:
        if ID.match(image):
            ours.artifacts.get(image)
            return image, b""
        data, claimed = from_text(image)
        decode(data, ours.picture_limits, claimed_type=claimed)
        return id_of(data), data
    except DarkroomError as exc:
        exc.field = exc.field or "image"
        raise
