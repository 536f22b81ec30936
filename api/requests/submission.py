"""What all ways to send a job share: its headers, its model, its picture, its record, and the answer 202.

A view makes the parameters; everything around them is here, so that Idempotency-Key, `Prefer: wait` and the choice of a
model mean the same for every kind of job.
"""

import hashlib
import json
import re
from typing import Any

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.requests.scopes import check_record
from api.responses import jobs as job_answers
from api.services import Services
from api.services.auth import current_caller
from shared.contracts.access import LOCAL
from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.contracts.kinds import Kind
from shared.jobs.routing import queue_of
from shared.jobs.store import Idempotency
from shared.models.catalogue import ModelCard


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
    "202": openapi.body(
        "JobView",
        "Accepted. The record as it stands; with `Prefer: wait` perhaps already ended",
        Location=openapi.LOCATION,
        ETag=openapi.ETAG,
        Preference_Applied=openapi.header("The part of `Prefer` that was honoured"),
        Retry_After=openapi.RETRY_AFTER,
    ),
    **openapi.failures(400, 404, 409, 410, 413, 415, 429, 507),
}


def record_of(
    ours: Services,
    kind: Kind,
    card: ModelCard,
    priority: Priority,
    params: dict[str, Any],
    batch_key: str,
    *,
    keep: bool | None = None,
) -> JobRecord:
    """A new job of this request's caller, in its model's queue.

    Raises:
        ScopeExceeded: the caller's key is narrowed to less.
    """
    record = JobRecord(
        id=new_job_id(),
        kind=kind,
        model=card.id,
        state=State.QUEUED,
        caller=current_caller().person,
        weight=current_caller().weight,
        priority=priority,
        params=params,
        max_attempts=ours.settings.max_attempts,
        queue=queue_of(card.id, priority),
        batch_key=batch_key,
        keep=keep,
    )
    check_record(record)
    return record


def submitted(
    ours: Services, record: JobRecord, body: BaseModel, header: SubmitHeaders, deadline_s: float | None
) -> Response:
    """Send the job, wait for it as long as the caller prefers, and show it."""
    stored, _ = ours.dispatcher.submit(
        record,
        idempotency=idempotency(header, body_hash(body)),
        deadline_s=deadline_s,
        limits=current_caller().limits,
    )
    wait_s = min(preferred_wait_s(header.prefer), ours.settings.max_wait_seconds)
    waited = job_answers.wait_until(ours, stored, job_answers.has_ended, wait_s)
    response = job_answers.answer(ours, waited, 202, Location=f"/v1/jobs/{stored.id}")
    if wait_s and not waited.was_refused:
        response.headers["Preference-Applied"] = f"wait={wait_s}"
    return response


def idempotency(header: SubmitHeaders, hashed_body: str) -> Idempotency | None:
    """What makes a repeat of this request harmless; None: its caller does not ask for that.

    Where no keys are set, callers were told apart by their address before they were one person: a key that one used then
    still names its job.
    """
    if not header.idempotency_key:
        return None
    address = (request.remote_addr or "unknown") if current_caller().person == LOCAL else ""
    return Idempotency(header.idempotency_key, hashed_body, address)


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
