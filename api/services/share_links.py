"""Links that open a picture, an album or a batch without a key: made, read, listed, revoked.

A link is its share's id, the second it expires, and a signature over both with a secret that only this Redis has. So a forged
one says nothing, an old one ends although its record were kept, and one that was revoked ends with its record. What a link opens
stands in the record alone. Why one leads nowhere, nobody is told: all such links answer alike.

Whoever drops `darkroom:link-secret` ends every link at once. A link says who has it may look: it is as public as its holder is.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any

import redis

from shared.contracts.share_links import Share, new_share_id
from shared.errors import NotFound, TooManyRequests
from shared.redis import keys
from shared.redis.client import redis_errors

#: Links one person may have at once.
MOST_PER_PERSON = 1000
#: Digits of the signature: 128 bits.
SIGNATURE_DIGITS = 32
_TOKEN = re.compile(r"([0-9a-f]{24})-([0-9]{1,12})-([0-9a-f]{32})")


def nowhere() -> NotFound:
    """What every link says that does not open anything, whatever the reason."""
    return NotFound("this link leads nowhere: it has expired, was revoked, or never was one")


def token_of(share: Share, secret: bytes) -> str:
    """The last part of a share's address."""
    body = f"{share.id.removeprefix('shr_')}-{share.expires_at_ms // 1000}"
    return f"{body}-{_signature(body, secret)}"


def id_in(token: str, secret: bytes, now_s: float) -> str | None:
    """The share that a token names; None: it is forged, or its time is over. Takes as long for one as for the other."""
    found = _TOKEN.fullmatch(token)
    share_id, expires_s, signed = found.groups() if found else ("0" * 24, "0", "0" * SIGNATURE_DIGITS)
    is_genuine = hmac.compare_digest(_signature(f"{share_id}-{expires_s}", secret), signed)
    return f"shr_{share_id}" if is_genuine and now_s < int(expires_s) else None


def _signature(body: str, secret: bytes) -> str:
    return hmac.new(secret, body.encode(), hashlib.sha256).hexdigest()[:SIGNATURE_DIGITS]


class ShareLinks:
    """Every method raises `RedisUnavailable` when the server does not take requests: nothing opens then."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client

    def add(self, person: str, opens: Mapping[str, str], *, expires_in_s: int) -> Share:
        """Make a link.

        Args:
            opens: the one thing, by its kind: picture, asset, album or batch.

        Raises:
            TooManyRequests: this person has too many.
        """
        with redis_errors():
            self._drop_expired(person)
            count = self._redis.zcard(keys.links_of(person))
            if count >= MOST_PER_PERSON:
                raise TooManyRequests(
                    f"you have {count:,} links, the limit is {MOST_PER_PERSON:,}: revoke some", retry_after_s=60
                )
            now_ms = self._now_ms()
            share = Share(
                id=new_share_id(),
                person=person,
                **opens,
                created_at_ms=now_ms,
                expires_at_ms=(now_ms // 1000 + expires_in_s) * 1000,
            )
            order = now_ms * 1000 + int(self._redis.incr(keys.SEQUENCE)) % 1000
            pipe = self._redis.pipeline(transaction=True)
            pipe.set(keys.link(share.id), share.model_dump_json(), pxat=share.expires_at_ms)
            for index in (keys.LINKS, keys.links_of(person)):
                pipe.zadd(index, {share.id: order})
                pipe.expire(index, keys.LINKS_TTL_S)
            pipe.execute()
        return share

    def address(self, share: Share) -> str:
        """Where it opens: a path on this server."""
        return f"/s/{token_of(share, self._secret())}"

    def get(self, share_id: str) -> Share:
        """A link that is neither expired nor revoked.

        Raises:
            NotFound: there is none.
        """
        found = self._read([share_id])[0]
        if found is None:
            raise NotFound(f"there is no share {share_id}")
        return found

    def opened(self, token: str) -> Share:
        """What a link's last part opens.

        Raises:
            NotFound: it is forged, expired or revoked; the words tell no difference.
        """
        with redis_errors():
            now_s = self._now_ms() / 1000
        share_id = id_in(token, self._secret(), now_s)
        found = self._read([share_id or "shr_none"])[0]
        if found is None:
            raise nowhere()
        return found

    def page(self, person: str | None, limit: int, before: int | None) -> tuple[list[Share], int | None]:
        """Newest links first (of one person), and the cursor of the next page, or None."""
        index = keys.LINKS if person is None else keys.links_of(person)
        ceiling = f"({before}" if before is not None else "+inf"
        with redis_errors():
            rows = self._redis.zrevrangebyscore(index, ceiling, "-inf", start=0, num=limit, withscores=True)
        found = [share for share in self._read([share_id.decode() for share_id, _ in rows]) if share is not None]
        return found, int(rows[-1][1]) if len(rows) == limit else None

    def revoke(self, share: Share) -> None:
        """It opens nothing from now on."""
        with redis_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.delete(keys.link(share.id))
            for index in (keys.LINKS, keys.links_of(share.person)):
                pipe.zrem(index, share.id)
            pipe.execute()

    def _read(self, share_ids: list[str]) -> list[Share | None]:
        with redis_errors():
            texts = self._redis.mget([keys.link(share_id) for share_id in share_ids]) if share_ids else []
        return [None if text is None else Share.model_validate_json(text) for text in texts]

    def _drop_expired(self, person: str) -> None:
        """Forget what has expired in the person's list, and with it in everybody's."""
        known = [share_id.decode() for share_id in self._redis.zrange(keys.links_of(person), 0, -1)]
        expired = [i for i, share in zip(known, self._read(known), strict=True) if share is None]
        if expired:
            self._redis.zrem(keys.links_of(person), *expired)
            self._redis.zrem(keys.LINKS, *expired)

    def _secret(self) -> bytes:
        with redis_errors():
            known = self._redis.get(keys.LINK_SECRET)
            if known is None:
                self._redis.set(keys.LINK_SECRET, secrets.token_hex(32), nx=True)
                known = self._redis.get(keys.LINK_SECRET)
        return bytes(known)

    def _now_ms(self) -> int:
        seconds, micros = self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000
