"""Who calls: the person that a key belongs to; where no keys are set, the one local administrator."""

import hmac
from dataclasses import dataclass
from typing import cast

from flask import g

from shared.contracts.access import LOCAL, Limits, Role, Scopes
from shared.errors import InvalidRequest, Unauthorized
from shared.settings import Settings

#: Paths that say nothing about anybody's jobs, so that probes and people reach them without a key.
OPEN_PATHS = ("/healthz", "/readyz", "/openapi.json", "/docs")
HOME = "/"


EVERYTHING = Scopes()
UNLIMITED = Limits()


@dataclass(frozen=True)
class Caller:
    """Who sent this request, and what they may do."""

    #: Whose the jobs, batches and pictures are that this request makes; it stands in records as `caller`.
    person: str
    role: Role
    #: What the key that was shown is narrowed to.
    scopes: Scopes = EVERYTHING
    #: Share of the GPUs beside the others' weights.
    weight: float = 1.0
    #: With the defaults of the role filled in.
    limits: Limits = UNLIMITED
    #: Of the key that was shown; "": none was.
    key_id: str = ""

    def may(self, needed: Role) -> bool:
        """Whether its role includes the one that is needed."""
        return self.role.may(needed)


#: Where no keys are set, everything is one person's.
LOCAL_ADMIN = Caller(LOCAL, Role.ADMIN)
#: Who asks for an open path without a key where keys are set: they own nothing and may nothing.
NOBODY = Caller("", Role.VIEWER)


@dataclass(frozen=True)
class Access:
    """The keys that open this API; none: it is open to whoever reaches it."""

    #: (caller's name, key)
    keys: tuple[tuple[str, str], ...] = ()

    def caller_of(self, path: str, authorization: str | None) -> Caller:
        """Who this request's jobs belong to.

        Raises:
            Unauthorized: keys are set, and the request shows none of them.
        """
        if not self.keys:
            return LOCAL_ADMIN
        if path == HOME or path.startswith(OPEN_PATHS):
            return NOBODY
        scheme, _, shown = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not shown.strip():
            raise Unauthorized("this API needs a key: send the header `Authorization: Bearer <key>`")
        name = self._owner_of(shown.strip())
        if name is None:
            raise Unauthorized("this key is not known here")
        return Caller(name, Role.ADMIN)

    def _owner_of(self, shown: str) -> str | None:
        """Every key is compared, each in constant time: how long it takes tells nothing."""
        given = shown.encode(errors="surrogateescape")
        owners = [name for name, key in self.keys if hmac.compare_digest(key.encode(), given)]
        return owners[0] if owners else None


def access_from(settings: Settings) -> Access:
    """The keys of `DARKROOM_API_KEYS`.

    Raises:
        InvalidRequest: an entry is not `name:key`.
    """
    pairs = []
    for entry in settings.api_keys:
        name, colon, key = entry.partition(":")
        if not (name and colon and key):
            raise InvalidRequest("DARKROOM_API_KEYS: each entry is name:key", field="DARKROOM_API_KEYS")
        pairs.append((name, key))
    return Access(tuple(pairs))


def current_caller() -> Caller:
    """The caller of this request, as `before_request` found it."""
    return cast(Caller, g.caller)
