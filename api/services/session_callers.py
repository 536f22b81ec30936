"""Who comes in by a session, and by a name that a proxy or a single sign-on vouches for.

The session is asked for, then the key that it stands for, with its person: what is true of them now counts, not what was true
when they signed in. A session whose key or person does not open any more is ended, so that it does not come to life again
with them.
"""

import hmac
import time

from api.services.auth import (
    KEPT_S,
    NO_DIGEST,
    NO_KEY,
    Caller,
    EnvironmentKeys,
    admitted,
    environment_caller,
)
from api.services.recent_callers import RecentCallers
from shared.accounts.roles import Defaults, effective_limits
from shared.accounts.sessions import Session, Sessions, digest_of, proof_of
from shared.accounts.standing import Standing, Standings


class SessionCallers:
    """From a token to a caller. Every method raises `RedisUnavailable` when Redis takes no requests."""

    def __init__(
        self, sessions: Sessions, standings: Standings, environment: EnvironmentKeys, defaults: Defaults
    ) -> None:
        self._sessions = sessions
        self._standings = standings
        self._environment = tuple(environment)
        self._defaults = defaults
        self._recent: RecentCallers[Caller] = RecentCallers(KEPT_S)

    def caller_of(self, token: str) -> Caller | None:
        """Who shows this token; None: it opens nothing, or nothing any more."""
        name = digest_of(token)
        return self._recent.get(name) or self._looked_up(token, name)

    def forget(self, token: str) -> None:
        """Ask again at the next request: the session was ended here."""
        self._recent.forget(digest_of(token))

    def forget_all(self) -> None:
        """The same of every session."""
        self._recent.forget_all()

    def person(self, name: str) -> Caller | None:
        """Who somebody is that others vouch for; None: there is no such person, or they are disabled."""
        return person_caller(self._standings.of(NO_KEY.id, name), self._defaults)

    def _looked_up(self, token: str, name: str) -> Caller | None:
        asked_at_s = time.monotonic()
        session = self._sessions.of_token(token)
        if session is None:
            return None
        standing = self._standings.of(session.key_id or NO_KEY.id, session.person)
        caller = self._caller_by(session, token, standing)
        if caller is None:
            self._sessions.end(session)
            return None
        ends_at_ms = min(filter(None, (session.ends_at_ms, session.idle_ends_at_ms, caller.expires_at_ms)))
        self._recent.keep(name, caller, asked_at_s, (ends_at_ms - standing.now_ms) / 1000)
        return caller

    def _caller_by(self, session: Session, token: str, standing: Standing) -> Caller | None:
        if session.proof:
            return environment_caller(session.person, standing) if self._has_key(session, token) else None
        if session.key_id:
            digest = standing.key.digest if standing.key else NO_DIGEST
            return admitted(standing, self._defaults) if hmac.compare_digest(digest, session.key_digest) else None
        return person_caller(standing, self._defaults)

    def _has_key(self, session: Session, token: str) -> bool:
        """Whether the key of the environment that opened it is still there."""
        proofs = [proof_of(token, key) for name, key in self._environment if name == session.person]
        return any(hmac.compare_digest(proof, session.proof) for proof in proofs)


def person_caller(standing: Standing, defaults: Defaults) -> Caller | None:
    """A person without a key of theirs; None: there is no such person, or they are disabled."""
    person = standing.person
    if person is None or person.is_disabled:
        return None
    limits = effective_limits(person.limits, person.role, defaults)
    return Caller(person.name, person.role, weight=person.weight, limits=limits)
