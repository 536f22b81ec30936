"""Browsers' ways in: a session stands for the key (or the single sign-on) that opened it, and never outlives it.

The browser holds a random token, Redis its digest, so whoever reads Redis cannot come in with what stands there. A session
lives while it is used (`idle_s` after its last request) and at most `max_s`. What ends it otherwise is not written here but
seen at every use, by whoever looks at the key it names: revoked, expired or rotated, or its person disabled. That costs
nothing to do and cannot be forgotten.

A key of the environment has no record. A session of one holds an HMAC of it by the session's own token, which says nothing
to who reads Redis, however short the key is.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Any

import redis

from shared.redis import keys
from shared.redis.client import redis_errors

TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
#: Of the digest: what a session is called where it is shown. Nobody comes in with it.
ID_CHARS = 16
SESSION_ID_PATTERN = r"^[0-9a-f]{16}$"
#: Of one person at once; the oldest ends. Nobody has so many browsers.
MOST_SESSIONS = 100
#: A session's life is prolonged when so much of it is gone, so that most requests write nothing.
PROLONGED_AFTER_S = 30


@dataclass(frozen=True)
class Session:
    """One browser that signed in."""

    #: SHA-256 of its token, hex.
    digest: str
    person: str
    #: Of the key that opened it; "": one of the environment, or a single sign-on.
    key_id: str = ""
    #: That key's digest then: another secret ends the session.
    key_digest: str = ""
    #: HMAC of a key of the environment; "": it was none.
    proof: str = ""
    created_at_ms: int = 0
    #: However much it is used.
    ends_at_ms: int = 0
    #: Unless it is used again.
    idle_ends_at_ms: int = 0

    @property
    def id(self) -> str:
        return self.digest[:ID_CHARS]


class Sessions:
    """All sessions. Every method raises `RedisUnavailable` when Redis takes no requests."""

    def __init__(self, client: "redis.Redis", idle_s: int, max_s: int) -> None:
        self._redis: Any = client
        self._idle_ms = idle_s * 1000
        self._max_ms = max_s * 1000

    def open(
        self, person: str, *, key_id: str = "", key_digest: str = "", environment_key: str = ""
    ) -> tuple[str, Session]:
        """Sign a person in; returns the token, which nobody can ask for again, and the session."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with redis_errors():
            now_ms = _as_ms(self._redis.time())
        session = Session(
            digest=digest_of(token),
            person=person,
            key_id=key_id,
            key_digest=key_digest,
            proof=proof_of(token, environment_key) if environment_key else "",
            created_at_ms=now_ms,
            ends_at_ms=now_ms + self._max_ms,
            idle_ends_at_ms=now_ms + min(self._idle_ms, self._max_ms),
        )
        with redis_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(keys.session(session.digest), mapping=_fields(session))
            pipe.pexpireat(keys.session(session.digest), session.idle_ends_at_ms)
            pipe.zremrangebyscore(keys.sessions_of(person), 0, now_ms)
            pipe.zadd(keys.sessions_of(person), {session.digest: session.ends_at_ms})
            pipe.expire(keys.sessions_of(person), keys.LIVE_TTL_S)
            pipe.zrange(keys.sessions_of(person), 0, -MOST_SESSIONS - 1)
            too_many = pipe.execute()[-1]
        end_sessions(self._redis, person, [digest.decode() for digest in too_many])
        return token, session

    def of_token(self, token: str) -> Session | None:
        """The session of a token that a browser shows, prolonged; None: there is none, or it is over."""
        if not _TOKEN.fullmatch(token):
            return None
        session, now_ms = self._read(digest_of(token))
        if session is not None:
            self._prolong(session, now_ms)
        return session

    def of_person(self, person: str) -> list[Session]:
        """Those that live, the newest first."""
        with redis_errors():
            digests = [digest.decode() for digest in self._redis.zrevrange(keys.sessions_of(person), 0, -1)]
        return [session for digest in digests if (session := self._read(digest)[0]) is not None]

    def end(self, session: Session) -> None:
        """End it, at once and everywhere but for what a process found in the last second."""
        end_sessions(self._redis, session.person, [session.digest])

    def end_all(self, person: str) -> int:
        """End all of a person; returns how many lived."""
        return end_sessions(self._redis, person)

    def _read(self, digest: str) -> tuple[Session | None, int]:
        """The session, and the time by Redis' clock, ms."""
        with redis_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.hgetall(keys.session(digest))
            pipe.pttl(keys.session(digest))
            pipe.time()
            fields, left_ms, clock = pipe.execute()
        now_ms = _as_ms(clock)
        return (_session(digest, fields, now_ms + int(left_ms)) if fields else None), now_ms

    def _prolong(self, session: Session, now_ms: int) -> None:
        """Only a key that is there gets another life, so one that was ended meanwhile stays ended."""
        until_ms = min(now_ms + self._idle_ms, session.ends_at_ms)
        if until_ms - session.idle_ends_at_ms >= PROLONGED_AFTER_S * 1000:
            with redis_errors():
                self._redis.pexpireat(keys.session(session.digest), until_ms)


def end_sessions(client: Any, person: str, digests: list[str] | None = None) -> int:
    """End some of a person's sessions, or all; returns how many of them lived.

    Raises:
        RedisUnavailable: Redis takes no requests.
    """
    with redis_errors():
        if digests is None:
            digests = [digest.decode() for digest in client.zrange(keys.sessions_of(person), 0, -1)]
        if not digests:
            return 0
        pipe = client.pipeline(transaction=True)
        pipe.delete(*(keys.session(digest) for digest in digests))
        pipe.zrem(keys.sessions_of(person), *digests)
        return int(pipe.execute()[0])


def digest_of(token: str) -> str:
    """SHA-256, hex: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def proof_of(token: str, environment_key: str) -> str:
    """That a session was opened with this key of the environment, to who has its token."""
    return hmac.new(token.encode(), environment_key.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()


def _as_ms(clock: tuple[int, int]) -> int:
    return int(clock[0]) * 1000 + int(clock[1]) // 1000


def _fields(session: Session) -> dict[str, str | int]:
    return {
        "person": session.person,
        "key_id": session.key_id,
        "key_digest": session.key_digest,
        "proof": session.proof,
        "created_at_ms": session.created_at_ms,
        "ends_at_ms": session.ends_at_ms,
    }


def _session(digest: str, fields: dict[bytes, bytes], idle_ends_at_ms: int) -> Session:
    texts = {name.decode(): value.decode() for name, value in fields.items()}
    return Session(
        digest=digest,
        person=texts["person"],
        key_id=texts["key_id"],
        key_digest=texts["key_digest"],
        proof=texts["proof"],
        created_at_ms=int(texts["created_at_ms"]),
        ends_at_ms=int(texts["ends_at_ms"]),
        idle_ends_at_ms=idle_ends_at_ms,
    )
