"""Who calls: the person that a key belongs to; where no key was ever made, the one local administrator.

The door is closed from the first key on, be it one of `DARKROOM_API_KEYS` or one of a person, and it stays closed when the
last one is revoked: whoever took the keys away did not mean to let everybody in. Then a new key is made on the host, with
`darkroom key add`. A process that found the door closed believes nothing else as long as it lives.

A key that is not good gets the same words after the same work, whatever is wrong with it: every key of the environment is
compared, one call asks Redis for the key and its person, one digest is compared. Good ones are remembered for `KEPT_S`, so
that most requests ask nobody, and one that was revoked ends within a second everywhere.
"""

import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from flask import g

from api.services.recent_callers import RecentCallers
from shared.accounts.audit import Actor
from shared.accounts.key_text import KeyText, digest_of, parse_key_text
from shared.accounts.keys import Keys
from shared.accounts.roles import Defaults, effective_limits
from shared.accounts.standing import Standing, Standings
from shared.contracts.access import LOCAL, Limits, Role, Scopes
from shared.errors import InvalidRequest, RedisUnavailable, Unauthorized
from shared.log import logger
from shared.settings import Settings

EVERYTHING = Scopes()
UNLIMITED = Limits()
#: How long what was found counts, from before it was asked for: with the time a request takes, less than a second.
KEPT_S = 0.8
#: How often the time of a key's last use is written down.
NOTED_EVERY_MS = 60_000
#: What every key that does not open is told, whatever is wrong with it.
NO_VALID_KEY = (
    "this API needs a valid key: send it as `Authorization: Bearer <key>`, as `x-api-key`, or as the password of Basic"
)
#: Stand for what is no key, and for the digest of a key that is not there, so that both take as long as one that is.
NO_KEY = KeyText("-" * 8, "-" * 43)
NO_DIGEST = "0" * 64


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
    #: Of the key that was shown; "": none was, or one of the environment.
    key_id: str = ""
    #: When that key ends; 0: never.
    expires_at_ms: int = 0

    def may(self, needed: Role) -> bool:
        """Whether its role includes the one that is needed."""
        return self.role.may(needed)

    @property
    def as_actor(self) -> Actor:
        """As the audit stream names it."""
        return Actor(self.person, self.key_id)


#: Where no key was ever made, everything is one person's.
LOCAL_ADMIN = Caller(LOCAL, Role.ADMIN)
#: Who asks for something public: they own nothing and may nothing.
NOBODY = Caller("", Role.VIEWER)
#: (name, key) of each key of `DARKROOM_API_KEYS`.
EnvironmentKeys = Sequence[tuple[str, str]]


class Access:
    """The door. Every method raises `RedisUnavailable` when Redis takes no requests: nobody gets in unseen."""

    def __init__(
        self, standings: Standings, keys: Keys, environment: EnvironmentKeys = (), defaults: Defaults | None = None
    ) -> None:
        self._standings = standings
        self._keys = keys
        self._environment = tuple(environment)
        self._defaults = defaults or {}
        self._recent: RecentCallers[Caller] = RecentCallers(KEPT_S)
        self._is_closed = bool(environment)
        self._open_until_s = 0.0

    @property
    def has_environment_keys(self) -> bool:
        """Whether `DARKROOM_API_KEYS` has any."""
        return bool(self._environment)

    def is_closed(self) -> bool:
        """Whether a key is needed."""
        if not self._is_closed and time.monotonic() >= self._open_until_s:
            asked_at_s = time.monotonic()
            self._is_closed = self._standings.is_closed()
            self._open_until_s = asked_at_s + KEPT_S
        return self._is_closed

    def caller_of(self, shown: str | None) -> Caller:
        """Who shows this key; None: no key was shown.

        Raises:
            Unauthorized: a key is needed, and this is no valid one.
        """
        if not self.is_closed():
            return LOCAL_ADMIN
        if shown is None:
            raise Unauthorized(NO_VALID_KEY)
        name = digest_of(shown)
        return self._recent.get(name) or self._looked_up(shown, name)

    def _looked_up(self, shown: str, name: str) -> Caller:
        asked_at_s = time.monotonic()
        owner = self._environment_owner(shown)
        text = parse_key_text(shown) or NO_KEY
        standing = self._standings.of(text.id, owner or "")
        is_its_secret = hmac.compare_digest(standing.key.digest if standing.key else NO_DIGEST, text.digest)
        if owner is not None:
            caller = environment_caller(owner, standing)
        else:
            caller = admitted(standing, self._defaults) if is_its_secret else None
        if caller is None:
            raise Unauthorized(NO_VALID_KEY)
        left_s = (caller.expires_at_ms - standing.now_ms) / 1000 if caller.expires_at_ms else KEPT_S
        self._recent.keep(name, caller, asked_at_s, left_s)
        self._note_use(standing)
        return caller

    def _environment_owner(self, shown: str) -> str | None:
        """Every key is compared, each in constant time: how long it takes tells nothing."""
        given = shown.encode(errors="surrogateescape")
        owners = [
            name for name, key in self._environment if hmac.compare_digest(key.encode(errors="surrogateescape"), given)
        ]
        return owners[0] if owners else None

    def _note_use(self, standing: Standing) -> None:
        key = standing.key
        if key is None or standing.now_ms - key.last_used_at_ms < NOTED_EVERY_MS:
            return
        try:
            self._keys.note_use(key, standing.now_ms)
        except RedisUnavailable as exc:  # it reads, but does not write: no reason to keep anybody out
            logger().warning("key.use_not_noted", key=key.id, reason=exc.message)


def admitted(standing: Standing, defaults: Defaults) -> Caller | None:
    """Whoever a key lets in, its secret being right; None: it is revoked, expired, or its person disabled or not there."""
    key, person = standing.key, standing.person
    if key is None or person is None or person.is_disabled or key.is_revoked:
        return None
    if key.expires_at_ms and key.expires_at_ms <= standing.now_ms:
        return None
    role = person.role if key.role is None or key.role.may(person.role) else key.role
    limits = effective_limits(person.limits, person.role, defaults)
    return Caller(person.name, role, key.scopes, person.weight, limits, key.id, key.expires_at_ms)


def environment_caller(name: str, standing: Standing) -> Caller | None:
    """The administrator of a key of the environment; a record of that name has a word in share, limits and whether at all."""
    person = standing.person
    if person is None:
        return Caller(name, Role.ADMIN)
    return None if person.is_disabled else Caller(name, Role.ADMIN, weight=person.weight, limits=person.limits)


def environment_keys(settings: Settings) -> EnvironmentKeys:
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
    return pairs


def current_caller() -> Caller:
    """The caller of this request, as `before_request` found it."""
    return cast(Caller, g.caller)
