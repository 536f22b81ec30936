"""People's ways in: made, looked at, replaced, revoked. A secret leaves here once and is kept as its digest only.

Revoking ends a key for ever; it can be looked at for `KEY_TTL_S` more and is listed no longer. Rotating gives the same key
another secret and ends the old one, so what the key may do, and who it belongs to, stays.
"""

import json
from collections.abc import Sequence
from typing import Any

import redis

from shared.accounts.audit import Actor, entry_values, telling_script
from shared.accounts.codec import change_fields, key_fields, read_key
from shared.accounts.key_text import KeyText, new_key_text
from shared.contracts.access import Key
from shared.contracts.audit import Deed
from shared.errors import IllegalMove, InvalidRequest, NotFound
from shared.redis import keys
from shared.redis.client import redis_errors, script

#: An id that is taken is drawn again; losing so often is a bug, not bad luck.
DRAWS = 10


class Keys:
    """All keys of people. Every method raises `RedisUnavailable` when Redis takes no requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client
        self._add = telling_script(client, "key_add")
        self._change = telling_script(client, "account_change")
        self._used = script(client, "key_used")

    def add(self, wanted: Key, by: Actor, *, most: int = 0) -> tuple[Key, KeyText]:
        """Make a key; returns it and its text, which nobody can ask for again.

        Args:
            wanted: its id and digest are drawn here.
            most: keys the person may have at once; 0: no limit.

        Raises:
            NotFound: there is no such person.
            InvalidRequest: they have `most` keys already.
        """
        for _ in range(DRAWS):
            text = new_key_text()
            key = wanted.model_copy(update={"id": text.id, "digest": text.digest})
            match self._added(key, by, most):
                case b"added":
                    return self.get(key.id), text
                case b"no_person":
                    raise NotFound(f"there is no person {key.person[:100]!r}: make them first", field="person")
                case b"too_many":
                    raise InvalidRequest(f"{key.person} has {most} keys already: revoke one first", field="person")
        raise AssertionError("every id that was drawn is taken")

    def get(self, key_id: str) -> Key:
        """The key of an id, also when it has ended.

        Raises:
            NotFound: there is none, or it ended long ago.
        """
        with redis_errors():
            fields = self._redis.hgetall(keys.key(key_id))
        if not fields:
            raise NotFound(f"there is no key {key_id[:100]!r}")
        return read_key(fields)

    def revoke(self, key_id: str, by: Actor) -> Key:
        """End a key for ever; one that is revoked stays as it is.

        Raises:
            NotFound: see `get`.
        """
        key = self.get(key_id)
        indexes = (keys.keys_of(key.person), keys.KEYS)
        self._changed(key, {"is_revoked": True}, Deed.KEY_REVOKED, by, leaves=indexes, ttl_s=keys.KEY_TTL_S)
        return self.get(key_id)

    def rotate(self, key_id: str, by: Actor) -> tuple[Key, KeyText]:
        """Another secret for the same key; the old one ends now.

        Raises:
            NotFound: see `get`.
            IllegalMove: it is revoked.
        """
        key, text = self.get(key_id), new_key_text(key_id)
        if not self._changed(key, {"digest": text.digest}, Deed.KEY_ROTATED, by):
            raise IllegalMove(f"key {key_id} is revoked: make a new one")
        return self.get(key_id), text

    def note_use(self, key: Key, now_ms: int) -> None:
        """Remember when it was last shown; one that ended meanwhile stays as it is."""
        with redis_errors():
            self._used(keys=[keys.key(key.id)], args=[now_ms])

    def page(self, person: str | None, limit: int, before: int | None = None) -> tuple[list[Key], int | None]:
        """Keys that are not revoked, newest first, of a person or of everybody; and the cursor of the next page, or None."""
        index = keys.keys_of(person) if person is not None else keys.KEYS
        ceiling = f"({before}" if before is not None else "+inf"
        with redis_errors():
            rows = self._redis.zrevrangebyscore(index, ceiling, "-inf", start=0, num=limit, withscores=True)
            pipe = self._redis.pipeline(transaction=False)
            for key_id, _ in rows:
                pipe.hgetall(keys.key(key_id.decode()))
            found = pipe.execute()
            gone = [key_id for (key_id, _), fields in zip(rows, found, strict=True) if not fields]
            if gone:  # expired long ago
                self._redis.zrem(index, *gone)
        return [read_key(fields) for fields in found if fields], int(rows[-1][1]) if len(rows) == limit else None

    def _added(self, key: Key, by: Actor, most: int) -> bytes:
        entry = entry_values(by, Deed.KEY_ADDED, key.id, person=key.person, role=key.role)
        with redis_errors():
            answer: bytes = self._add(
                keys=[
                    keys.key(key.id),
                    keys.person(key.person),
                    keys.keys_of(key.person),
                    keys.KEYS,
                    keys.CLOSED,
                    keys.AUDIT,
                ],
                args=[
                    key.id,
                    json.dumps(key_fields(key)),
                    most,
                    key.expires_at_ms,
                    keys.KEY_TTL_S,
                    json.dumps(entry),
                    keys.AUDIT_LENGTH,
                ],
            )
        return answer

    def _changed(
        self,
        key: Key,
        values: dict[str, Any],
        deed: Deed,
        by: Actor,
        *,
        leaves: Sequence[str] = (),
        ttl_s: int | None = None,
    ) -> bool:
        """Whether it was done; False where the key is revoked."""
        entry = entry_values(by, deed, key.id, person=key.person)
        with redis_errors():
            answer = self._change(
                keys=[keys.key(key.id), keys.AUDIT, *leaves],
                args=[
                    json.dumps(change_fields(values)),
                    "[]",
                    json.dumps(change_fields({"is_revoked": False})),
                    "" if ttl_s is None else ttl_s,
                    json.dumps(entry),
                    keys.AUDIT_LENGTH,
                    key.id,
                ],
            )
        return bool(answer == b"changed")
