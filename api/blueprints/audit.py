"""`GET /v1/audit`: who did what to whom, for administrators."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.requests.parsing import reads_request
from api.responses.accounts import AuditList, answer, audit_row
from api.services import services
from shared.contracts.audit import AuditEntry, Deed
from shared.errors import InvalidRequest

blueprint = APIBlueprint("audit", __name__, abp_tags=[Tag(name="audit", description="Who did what to whom")])

MAX_PAGE = 1000


class AuditQuery(BaseModel):
    """Which entries to list."""

    model_config = ConfigDict(extra="forbid")

    who: str = Field("", max_length=200, description="Only what this person did")
    what: str = Field("", max_length=50, description="Only such deeds: " + ", ".join(Deed))
    target: str = Field("", max_length=200, description="Only what was done to this")
    limit: int = Field(100, ge=1, le=MAX_PAGE, description="Most entries on a page; a page may be shorter, and go on")
    cursor: str = Field(
        "", pattern=r"^([1-9][0-9]{0,15}-[0-9]{1,16})?$", description="`next_cursor` of the page before"
    )

    def fits(self, entry: AuditEntry) -> bool:
        """Whether an entry is asked for."""
        return self.who in ("", entry.who) and self.what in ("", entry.what.value) and self.target in ("", entry.target)


@blueprint.get(
    "/v1/audit",
    summary="Who did what to whom",
    description="Of people, keys, sessions, workers and others' jobs; the last twenty thousand deeds.",
    responses={"200": openapi.body("AuditList", "Newest first"), **openapi.failures()},
)
@reads_request
def index(query: AuditQuery) -> Response:
    if query.what and query.what not in set(Deed):
        raise InvalidRequest(f"what: {query.what!r} is no deed; there are {', '.join(Deed)}", field="what")
    found, cursor = services().audit.page(query.limit, query.cursor, query.fits)
    return answer(AuditList(entries=[audit_row(entry) for entry in found], next_cursor=cursor))
