"""`/v1/session`: a browser signs in with a key, asks who it is, signs out."""

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.requests.parsing import read_json, reads_request
from api.services import Services, services
from api.services.auth import NO_VALID_KEY, Caller, current_caller
from api.services.credentials import shown_key
from api.services.session_cookie import give_token, shown_token, take_token
from shared.accounts.sessions import SESSION_ID_PATTERN, Session
from shared.contracts.access import Role
from shared.contracts.base import Contract
from shared.contracts.jobs import iso
from shared.errors import InvalidRequest, NotFound, Unauthorized

blueprint = APIBlueprint("session", __name__, abp_tags=[Tag(name="session", description="Browsers sign in and out")])

BODY_SCHEMA = {
    "type": "object",
    "properties": {"key": {"type": "string", "minLength": 1, "maxLength": 500, "format": "password"}},
    "required": ["key"],
    "additionalProperties": False,
}


class KeyToSignIn(Contract):
    """A key, as its owner has it."""

    key: str = Field(min_length=1, max_length=500, description="As it was printed when it was made")


class SignOutQuery(BaseModel):
    """Which sessions to end; without any: the one that asks."""

    model_config = ConfigDict(extra="forbid")

    all: bool = Field(False, description="All of yours")
    id: str = Field("", pattern=rf"{SESSION_ID_PATTERN}|^$", description="This one of yours")


class PersonPath(BaseModel):
    """A person's name."""

    name: str = Field(min_length=1, max_length=100)


class SessionInfo(BaseModel):
    """One browser that signed in."""

    id: str = Field(description="To end it by; nobody comes in with it")
    created_at: str
    ends_at: str = Field(description="However much it is used")
    idle_ends_at: str = Field(description="Unless it is used before")
    is_this: bool = Field(description="Whether this request came by it")


class SessionState(BaseModel):
    """Who one is, and by what browsers."""

    person: str
    role: Role
    session: SessionInfo | None = Field(description="The one this request came by; null: it came otherwise")
    sessions: list[SessionInfo] = Field(description="All of the person's, the newest first")


class SessionsEnded(BaseModel):
    """How many sessions ended."""

    ended: int


@blueprint.post(
    "/v1/session",
    summary="Sign in",
    description="The key stands in the body, or in a header as everywhere. The answer sets a cookie that scripts cannot "
    "read and other sites' pages do not send; it ends with the key. Failed attempts are counted. The session that this browser "
    "had before ends.",
    request_body={"required": False, "content": {"application/json": {"schema": BODY_SCHEMA}}},
    responses={
        "201": openapi.body("SessionState", "Signed in", Set_Cookie=openapi.header("The session", required=True)),
        **openapi.failures(400, 409, 413, 415, 429),
    },
)
@reads_request
def sign_in() -> Response:
    ours = services()
    token, session, caller = ours.sign_in.with_key(_shown(), request.remote_addr or "")
    ours.sign_in.replace(shown_token(request))
    state = _state(ours, caller, session)
    response = Response(state.model_dump_json(), 201, mimetype="application/json")
    give_token(response, token, max_age_s=ours.settings.session_max_s, is_https=request.is_secure)
    return response


@blueprint.get(
    "/v1/session",
    summary="Who one is, and where one is signed in",
    responses={"200": openapi.body("SessionState", "Now"), **openapi.failures()},
)
@reads_request
def who() -> Response:
    ours, caller = services(), current_caller()
    state = _state(ours, caller, _own_session(ours, caller))
    return Response(state.model_dump_json(), mimetype="application/json")


@blueprint.delete(
    "/v1/session",
    summary="Sign out",
    description="This browser; with `all` every one of yours, with `id` that one.",
    responses={"200": openapi.body("SessionsEnded", "Signed out"), **openapi.failures(404)},
)
@reads_request
def sign_out(query: SignOutQuery) -> Response:
    ours, caller = services(), current_caller()
    own = _own_session(ours, caller)
    if query.all:
        ended = ours.sign_in.end_all(caller, caller.person)
    else:
        ended = 1
        session = _named(ours, caller, query.id) if query.id else own
        if session is None:
            raise NotFound("this request came by no session; `?all=true` ends all of yours, `?id=` one of them")
        is_own = own is not None and session.digest == own.digest
        ours.sign_in.end(caller, session, shown_token(request) if is_own else None)
    response = Response(SessionsEnded(ended=ended).model_dump_json(), mimetype="application/json")
    if query.all or not query.id or (own is not None and own.id == query.id):
        take_token(response, is_https=request.is_secure)
    return response


@blueprint.delete(
    "/v1/people/<name>/sessions",
    summary="Sign a person out everywhere",
    description="Their keys go on; to keep them out, disable the person.",
    responses={"200": openapi.body("SessionsEnded", "Signed out"), **openapi.failures(404)},
)
@reads_request
def sign_person_out(path: PersonPath) -> Response:
    ours = services()
    ended = ours.sign_in.end_all(current_caller(), ours.people.get(path.name).name)
    return Response(SessionsEnded(ended=ended).model_dump_json(), mimetype="application/json")


def _shown() -> str:
    """The key of the body or of a header, never of both."""
    in_header = shown_key(request.headers)
    if not request.content_length and not request.is_json:
        if in_header is None:
            raise Unauthorized(NO_VALID_KEY)
        return in_header
    if in_header is not None:
        raise InvalidRequest("give the key in the body or in a header, not in both", field="key")
    return read_json(KeyToSignIn).key


def _own_session(ours: Services, caller: Caller) -> Session | None:
    """The one this request came by: a cookie beside a key does not count, and one of somebody else never."""
    token = shown_token(request)
    session = ours.sessions.of_token(token) if token and shown_key(request.headers) is None else None
    return session if session is not None and session.person == caller.person else None


def _named(ours: Services, caller: Caller, session_id: str) -> Session:
    found = [session for session in ours.sessions.of_person(caller.person) if session.id == session_id]
    if not found:
        raise NotFound(f"there is no session {session_id!r} of yours", field="id")
    return found[0]


def _state(ours: Services, caller: Caller, own: Session | None) -> SessionState:
    shown = [_info(session, own) for session in ours.sessions.of_person(caller.person)]
    return SessionState(
        person=caller.person, role=caller.role, session=_info(own, own) if own else None, sessions=shown
    )


def _info(session: Session, own: Session | None) -> SessionInfo:
    return SessionInfo(
        id=session.id,
        created_at=iso(session.created_at_ms) or "",
        ends_at=iso(session.ends_at_ms) or "",
        idle_ends_at=iso(session.idle_ends_at_ms) or "",
        is_this=own is not None and own.digest == session.digest,
    )
