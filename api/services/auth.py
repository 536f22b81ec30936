"""Who calls: the name that belongs to the key, or the client's address where no keys are set."""

import hmac
from dataclasses import dataclass
from typing import cast

from flask import g

from shared.errors import InvalidRequest, Unauthorized
from shared.settings import Settings

#: Paths that say nothing about anybody's jobs, so that probes and people reach them without a key.
OPEN_PATHS = ("/healthz", "/readyz", "/openapi.json", "/docs")
HOME = "/"


@dataclass(frozen=True)
class Access:
    """The keys that open this API; none: it is open, and callers are told apart by address."""

    #: (caller's name, key)
    keys: tuple[tuple[str, str], ...] = ()

    def caller_of(self, path: str, authorization: str | None, address: str | None) -> str:
        """The name under which this request's jobs are counted.

        Raises:
            Unauthorized: keys are set, and the request shows none of them.
        """
        if not self.keys or path == HOME or path.startswith(OPEN_PATHS):
            return address or "unknown"
        scheme, _, shown = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not shown.strip():
            raise Unauthorized("this API needs a key: send the header `Authorization: Bearer <key>`")
        caller = self._owner_of(shown.strip())
        if caller is None:
            raise Unauthorized("this key is not known here")
        return caller

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


def current_caller() -> str:
    """The caller of this request, as `before_request` found it."""
    return cast(str, g.caller)
