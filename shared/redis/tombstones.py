"""Ids that existed once and whose they were: what is left of a job, a batch or a picture whose time is over.

To its owner an expired id answers 410; to everybody else it never was.
"""

from collections.abc import Sequence
from typing import Any

from shared.redis import keys
from shared.redis.client import redis_errors

#: What a tombstone's text begins with; those of before, and those of pictures, name nobody.
OF = "of "


def owners_of_expired(client: Any, ids: Sequence[str]) -> dict[str, str]:
    """Those of the ids that existed, each with the person whose it was, in one round trip; "": nobody is named.

    Raises:
        RedisUnavailable: the server does not take requests.
    """
    with redis_errors():
        marks = client.mget([keys.gone(any_id) for any_id in ids]) if ids else []
    known = ((any_id, mark.decode()) for any_id, mark in zip(ids, marks, strict=True) if mark is not None)
    return {any_id: mark.removeprefix(OF) if mark.startswith(OF) else "" for any_id, mark in known}
