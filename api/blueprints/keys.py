"""`/v1/keys`: one's own ways in; everybody's, for administrators. `/v1/me`: who one is."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.requests.accounts import MOST_OWN_KEYS, changeable_key, owner_of_new_key, visible_key, wanted_key
from api.requests.parsing import reads_request
from api.responses import accounts
from api.responses.accounts import KeyList, answer, key_view, new_key
from api.services import services
from api.services.auth import current_caller
from shared.accounts.key_text import KEY_ID_PATTERN
from shared.contracts.access import Role
from shared.contracts.accounts import KeyRequest
from shared.contracts.in_hand import MyChange
from shared.errors import RoleNeeded
from shared.log import logger

blueprint = APIBlueprint("keys", __name__, abp_tags=[Tag(name="keys", description="Ways in")])

MAX_PAGE = 1000


class KeyPath(BaseModel):
    """A key's id, the eight characters after `dr_`; never the key itself."""

    key_id: str = Field(pattern=KEY_ID_PATTERN)


class KeysQuery(BaseModel):
    """Which keys to list."""

    model_config = ConfigDict(extra="forbid")

    person: str = Field(
        "",
        max_length=100,
        description="Only this person's; administrators see everybody's without it, others their own",
    )
    limit: int = Field(100, ge=1, le=MAX_PAGE, description="Keys on a page")
    cursor: str = Field("", pattern="^[0-9]{0,16}$", description="`next_cursor` of the page before")


@blueprint.get(
    "/v1/keys", summary="List keys", responses={"200": openapi.body("KeyList", "Newest first"), **openapi.failures()}
)
@reads_request
def index(query: KeysQuery) -> Response:
    caller = current_caller()
    if query.person not in ("", caller.person) and not caller.may(Role.ADMIN):
        raise RoleNeeded(f"keys of others need the role {Role.ADMIN}; you are {caller.role}", field="person")
    person = query.person or (None if caller.may(Role.ADMIN) else caller.person)
    found, cursor = services().keys.page(person, query.limit, int(query.cursor) if query.cursor else None)
    shown = KeyList(keys=[key_view(key) for key in found], next_cursor=None if cursor is None else str(cursor))
    return answer(shown)


@blueprint.post(
    "/v1/keys",
    summary="Make a key",
    description="It may do no more than the key that makes it, and is shown this once. From the first key on, this API opens "
    "to keys only, within a second, also when all are revoked later.",
    responses={
        "201": openapi.body("NewKey", "Made", Location=openapi.LOCATION),
        **openapi.failures(400, 404, 413, 415),
    },
)
@reads_request
def add(body: KeyRequest) -> Response:
    ours, caller = services(), current_caller()
    owner = owner_of_new_key(ours, caller, body.person)
    wanted = wanted_key(ours, caller, owner, body)
    key, text = ours.keys.add(wanted, caller.as_actor, most=0 if caller.may(Role.ADMIN) else MOST_OWN_KEYS)
    return answer(new_key(key, text), 201, Location=f"/v1/keys/{key.id}")


@blueprint.get(
    "/v1/keys/<key_id>",
    summary="Look at a key",
    responses={"200": openapi.body("KeyView", "The key, without its secret"), **openapi.failures(404)},
)
@reads_request
def show(path: KeyPath) -> Response:
    return answer(key_view(visible_key(services(), current_caller(), path.key_id)))


@blueprint.delete(
    "/v1/keys/<key_id>",
    summary="Revoke a key",
    description="It ends within a second everywhere; what its person made stays. Asking twice is harmless.",
    responses={"204": {"description": "It is revoked"}, **openapi.failures(404)},
)
@reads_request
def revoke(path: KeyPath) -> Response:
    ours, caller = services(), current_caller()
    key = changeable_key(ours, caller, path.key_id)
    ours.keys.revoke(key.id, caller.as_actor)
    return Response(status=204)


@blueprint.post(
    "/v1/keys/<key_id>/rotate",
    summary="Give a key another secret",
    description="The old one ends within a second; what the key may do stays.",
    responses={"200": openapi.body("NewKey", "The key with its new secret"), **openapi.failures(404, 409)},
)
@reads_request
def rotate(path: KeyPath) -> Response:
    ours, caller = services(), current_caller()
    key = changeable_key(ours, caller, path.key_id)
    return answer(new_key(*ours.keys.rotate(key.id, caller.as_actor)))


@blueprint.get(
    "/v1/me",
    summary="Who one is, may do what, and has left",
    responses={"200": openapi.body("Me", "You"), **openapi.failures()},
)
@reads_request
def me() -> Response:
    return _me()


@blueprint.patch(
    "/v1/me",
    summary="Pause everything of one's own, or let it go on",
    description="While it is paused, no job of one's own starts, nor any that is sent meanwhile; what runs, runs on. "
    "Deadlines go on. What is held by itself stays held.",
    responses={"200": openapi.body("Me", "You"), **openapi.failures(400, 413, 415)},
)
@reads_request
def change_me(body: MyChange) -> Response:
    ours, person = services(), current_caller().person
    if body.paused:
        ours.pauses.pause(person)
    else:
        ours.dispatcher.try_resend_many(ours.pauses.go_on(person))
    logger().info("person.paused" if body.paused else "person.went_on", person=person)
    return _me()


def _me() -> Response:
    ours, caller = services(), current_caller()
    usage = ours.quotas.what_is_left(caller.person, caller.limits)
    return answer(accounts.me(caller, usage, is_paused=ours.pauses.is_paused(caller.person)))
