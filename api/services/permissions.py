"""The role that each route needs, one line a route; a route without a line is the administrators' until it has one.

A test compares this table with the description, so that nobody forgets a line. Whose a thing is, is asked elsewhere: this
says only who may knock.
"""

from dataclasses import dataclass
from typing import Any

from flask import Request

from api.services.auth import Caller
from shared.contracts.access import Facade, Role
from shared.errors import RoleNeeded, ScopeExceeded


@dataclass(frozen=True)
class Needed:
    """What a route asks of its caller."""

    #: None: it is public, and asks for no key.
    role: Role | None
    #: The ways in that it belongs to; a key that is narrowed to none of them does not open it. Empty: it is everybody's.
    facades: tuple[Facade, ...] = (Facade.NATIVE,)


PUBLIC = Needed(None)
#: What every key may ask: who it is, what it can ask for.
ANY_KEY = Needed(Role.VIEWER, ())
VIEWER, USER, OPERATOR, ADMIN = map(Needed, Role)

ROUTES: dict[str, Needed] = {
    # Pages and probes
    "GET /": PUBLIC,
    "GET /ui/": PUBLIC,
    "GET /ui/<path:address>": PUBLIC,
    "POST /ui/share": PUBLIC,
    "GET /docs": PUBLIC,
    "GET /docs/assets/<path:filename>": PUBLIC,
    "GET /openapi.json": PUBLIC,
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    # Jobs
    "POST /v1/generate": USER,
    "POST /v1/analyze": USER,
    "POST /v1/chat/completions": Needed(Role.USER, (Facade.OPENAI,)),
    "GET /v1/jobs": VIEWER,
    "GET /v1/jobs/<job_id>": VIEWER,
    "GET /v1/jobs/<job_id>/preview": VIEWER,
    "DELETE /v1/jobs/<job_id>": USER,
    "POST /v1/jobs/<job_id>/retry": USER,
    "PATCH /v1/jobs/<job_id>": USER,
    "PATCH /v1/jobs": USER,
    "POST /v1/jobs/cancel": USER,
    # Batches
    "POST /v1/batches": USER,
    "GET /v1/batches": VIEWER,
    "GET /v1/batches/<batch_id>": VIEWER,
    "GET /v1/batches/<batch_id>/members": VIEWER,
    "GET /v1/batches/<batch_id>/export.jsonl": VIEWER,
    "GET /v1/batches/<batch_id>/export.csv": VIEWER,
    "GET /v1/batches/<batch_id>/export.xmp.zip": VIEWER,
    "GET /v1/batches/<batch_id>/sheet": VIEWER,
    "POST /v1/batches/<batch_id>/cancel": USER,
    "POST /v1/batches/<batch_id>/resume": USER,
    "DELETE /v1/batches/<batch_id>": USER,
    # Actions
    "GET /v1/actions": VIEWER,
    "POST /v1/actions/<action>": USER,
    # Pictures
    "POST /v1/images": USER,
    "GET /v1/images/<image_id>": VIEWER,
    "GET /v1/queue": VIEWER,
    # Links: whoever has one needs no key
    "GET /v1/shares": VIEWER,
    "POST /v1/shares": USER,
    "GET /v1/shares/<share_id>": VIEWER,
    "DELETE /v1/shares/<share_id>": USER,
    "GET /s/<token>": PUBLIC,
    "GET /s/<token>/<asset_id>": PUBLIC,
    "GET /s/<token>/<member>/<number>": PUBLIC,
    # Models and workers
    "GET /v1/models": ANY_KEY,
    "GET /v1/models/<model_id>": ANY_KEY,
    "GET /v1/models/<owner>/<name>": ANY_KEY,
    "POST /v1/model/switch": OPERATOR,
    "POST /v1/models/switch": OPERATOR,
    "POST /v1/model/unload": OPERATOR,
    "POST /v1/models/unload": OPERATOR,
    "POST /v1/workers/<name>/drain": OPERATOR,
    "POST /v1/workers/<name>/resume": OPERATOR,
    "GET /v1/status": VIEWER,
    # People and keys
    "GET /v1/me": ANY_KEY,
    "PATCH /v1/me": USER,
    "GET /v1/keys": VIEWER,
    "POST /v1/keys": VIEWER,
    "GET /v1/keys/<key_id>": VIEWER,
    "DELETE /v1/keys/<key_id>": VIEWER,
    "POST /v1/keys/<key_id>/rotate": VIEWER,
    "GET /v1/people": ADMIN,
    "POST /v1/people": ADMIN,
    "GET /v1/people/<name>": ADMIN,
    "PATCH /v1/people/<name>": ADMIN,
    "GET /v1/audit": ADMIN,
    # Sessions
    "POST /v1/session": PUBLIC,
    "GET /v1/session": ANY_KEY,
    "DELETE /v1/session": ANY_KEY,
    "DELETE /v1/people/<name>/sessions": ADMIN,
    "GET /v1/oidc/login": PUBLIC,
    "GET /v1/oidc/callback": PUBLIC,
    # The library
    "GET /v1/assets": VIEWER,
    "GET /v1/assets/facets": VIEWER,
    "GET /v1/assets/export": VIEWER,
    "POST /v1/assets/export": VIEWER,
    "GET /v1/assets/buckets": VIEWER,
    "GET /v1/assets/buckets/<month>": VIEWER,
    "GET /v1/assets/<asset_id>": VIEWER,
    "GET /v1/assets/<asset_id>/lineage": VIEWER,
    "GET /v1/search": VIEWER,
    "GET /v1/assets/duplicates": VIEWER,
    "GET /v1/assets/<asset_id>/similar": VIEWER,
    "PATCH /v1/assets": USER,
    "PATCH /v1/assets/<asset_id>": USER,
    "DELETE /v1/assets/<asset_id>": USER,
    "POST /v1/uploads": USER,
    "POST /v1/assets/analyze": USER,
    "POST /v1/assets/undo": USER,
    "POST /v1/assets/purge": USER,
    "GET /v1/albums": VIEWER,
    "POST /v1/albums": USER,
    "GET /v1/albums/<album_id>": VIEWER,
    "PATCH /v1/albums/<album_id>": USER,
    "DELETE /v1/albums/<album_id>": USER,
    "POST /v1/albums/<album_id>/assets": USER,
    "POST /v1/albums/<album_id>/assets/remove": USER,
    "POST /v1/albums/<album_id>/order": USER,
    "POST /v1/albums/<album_id>/shares": USER,
    "DELETE /v1/albums/<album_id>/shares/<person>": USER,
    "GET /v1/searches": VIEWER,
    "POST /v1/searches": USER,
    "GET /v1/searches/<search_id>": VIEWER,
    "PATCH /v1/searches/<search_id>": USER,
    "DELETE /v1/searches/<search_id>": USER,
    "GET /v1/presets": VIEWER,
    "POST /v1/presets": USER,
    "GET /v1/presets/<preset_id>": VIEWER,
    "PATCH /v1/presets/<preset_id>": USER,
    "DELETE /v1/presets/<preset_id>": USER,
    "GET /v1/prompts": VIEWER,
    "DELETE /v1/prompts/<prompt_id>": USER,
    "GET /v1/tags": VIEWER,
}


def needed_by(request: Request) -> Needed:
    """What this request asks of its caller; of an address that is none: any key."""
    if request.method == "OPTIONS":  # browsers ask so before they send anything, and never with a key
        return PUBLIC
    if request.url_rule is None:
        return ANY_KEY
    method = "GET" if request.method == "HEAD" else request.method
    return ROUTES.get(f"{method} {request.url_rule.rule}", ADMIN)


def check(caller: Caller, needed: Needed) -> None:
    """Whether this caller may knock here.

    Raises:
        RoleNeeded: their role is too little; the message names the one that is needed.
        ScopeExceeded: their key is narrowed to other ways in.
    """
    if needed.role is None:
        return
    if not caller.may(needed.role):
        raise RoleNeeded(f"this needs the role {needed.role}; you are {caller.role}")
    allowed = caller.scopes.facades
    if allowed and needed.facades and not set(allowed) & set(needed.facades):
        raise ScopeExceeded(
            f"scope facades: this key is for {', '.join(allowed)} only; this is {', '.join(needed.facades)}",
            field="facades",
        )


def describe(paths: dict[str, Any]) -> None:
    """Say of each operation of the description what it needs."""
    for path, operations in paths.items():
        for method, operation in operations.items():
            needed = ROUTES.get(f"{method.upper()} {rule_of(path)}", ADMIN)
            if needed.role is None:
                operation["security"] = []
            else:
                operation["x-role"] = needed.role.value


def rule_of(path: str) -> str:
    """A path of the description as Flask writes it."""
    return path.replace("{", "<").replace("}", ">")
