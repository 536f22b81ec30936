"""What all ways to send a job share: its headers, its model, its picture, its record, and the answer 202.

A view makes the parameters; everything around them is here, so that Idempotency-Key, `Prefer: wait` and the choice of a
model mean the same for every kind of job.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from api import openapi as documents
from api.requests.model_choice import choose_model, ensure_servable, served_by
from api.responses import jobs as job_answers
from api.services import Services
from api.services.auth import current_caller
from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, Kind, State, new_job_id
from shared.errors import DarkroomError, ModelMissing
from shared.jobs.routing import queue_of
from shared.jobs.store import Idempotency
from shared.models.catalogue import ModelCard
from shared.pictures.artifact_store import ID, id_of
from shared.pictures.data_uris import from_text
from shared.pictures.pixels import NO_LIMITS, inspect


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


#: The answers of a view that sends a job.
RESPONSES: dict[str, Any] = {
    "202": documents.body(
        "JobView",
        "Accepted. The record as it stands; with `Prefer: wait` perhaps already ended",
        Location=documents.LOCATION,
        ETag=documents.ETAG,
        Preference_Applied=documents.header("The part of `Prefer` that was honoured"),
        Retry_After=documents.RETRY_AFTER,
    ),
    **documents.failures(400, 404, 409, 410, 413, 415, 429, 507),
}


@dataclass(frozen=True)
class SentPicture:
    """A picture that came with a request."""

    id: str
    #: Width and height of the upright picture, in pixels.
    size: tuple[int, int]
    #: Its bytes, where it is not stored yet.
    unstored: bytes = b""

    def store(self, ours: Services) -> str:
        """Keep it for the worker; returns its id."""
        if self.unstored:
            ours.artifacts.put(self.unstored)
        return self.id


def record_of(
    ours: Services, kind: Kind, card: ModelCard, priority: Priority, params: dict[str, Any], batch_key: str
) -> JobRecord:
    """A new job of this request's caller, in its model's queue."""
    return JobRecord(
        id=new_job_id(),
        kind=kind,
        model=card.id,
        state=State.QUEUED,
        caller=current_caller(),
        priority=priority,
        params=params,
        max_attempts=ours.settings.max_attempts,
        queue=queue_of(card.id, priority),
        batch_key=batch_key,
    )


def submitted(
    ours: Services, record: JobRecord, body: BaseModel, header: SubmitHeaders, deadline_s: float | None
) -> Response:
    """Send the job, wait for it as long as the caller prefers, and show it."""
    key = header.idempotency_key
    stored, _ = ours.dispatcher.submit(
        record, idempotency=Idempotency(key, body_hash(body)) if key else None, deadline_s=deadline_s
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


class Choice:
    """Which models can be had at this moment; looks once."""

    def __init__(self, ours: Services) -> None:
        self.catalogue = ours.catalogue
        self._workers = ours.registry.living()

    def named(self, wanted: str) -> ModelCard:
        """The model of this name.

        Raises:
            NotFound, DoesNotFit, ModelMissing: there is none, or nobody can ever run it.
        """
        return self._servable(self.catalogue.get(wanted))

    def best(self, cards: Sequence[ModelCard], what: str) -> ModelCard:
        """The best of these that can be had.

        Raises:
            ModelMissing, DoesNotFit: none can.
        """
        chosen = choose_model(cards, served_by(self._workers), [card.id for card in cards if self._is_here(card)])
        if chosen is None:
            raise ModelMissing(f"no {what} is here; see GET /v1/models for the commands that fetch one")
        return self._servable(chosen)

    def _servable(self, card: ModelCard) -> ModelCard:
        ensure_servable(card, self._workers, is_here=self._is_here(card))
        return card

    def _is_here(self, card: ModelCard) -> bool:
        return self.catalogue.locate(card) is not None


def sent_picture(ours: Services, image: str, *, field: str = "image") -> SentPicture:
    """The picture that a field names or holds, checked whole.

    Raises:
        NotFound, Gone: no such stored picture. NotReady: see `Decoding`.
        BadPicture, TooLarge, UnsupportedMedia: see `pixels`.
    """
    with _blaming(field):
        if ID.match(image.strip()):
            stored = ours.artifacts.get(image.strip())
            return SentPicture(image.strip(), inspect(stored, NO_LIMITS).size)
        data, claimed = from_text(image)
        return fresh_picture(ours, data, claimed, field=field)


def fresh_picture(ours: Services, data: bytes, claimed_type: str | None, *, field: str = "image") -> SentPicture:
    """A picture that is not stored yet, checked whole.

    Raises:
        NotReady: see `Decoding`. BadPicture, TooLarge, UnsupportedMedia: see `pixels`.
    """
    with _blaming(field):
        facts = ours.decoding.check(data, ours.picture_limits, claimed_type)
        return SentPicture(id_of(data), facts.size, data)


@contextmanager
def _blaming(field: str) -> Iterator[None]:
    """Errors about a picture name the field it came in."""
    try:
        yield
    except DarkroomError as exc:
        exc.field = field if exc.field in (None, "image") else exc.field
        raise
