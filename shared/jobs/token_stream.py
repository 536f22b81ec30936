"""Words of an answer while they come: a Redis stream per job, written by the worker that owns it, read by the API.

Only the current pen may write, so a worker that was given up says nothing any more. An entry names its attempt: when a
second worker starts the answer afresh, a reader can tell. Nobody needs the stream to know the result; the record has it.
"""

import json
import secrets
from dataclasses import dataclass
from typing import Any

import redis

from shared.redis import keys
from shared.redis.client import redis_errors, script

#: An answer has at most 2,048 tokens, its reasoning as many, a job 32 of them, and the words of 50 ms share an entry.
MOST_ENTRIES = 50_000
#: Entries in one look; the rest comes with the next.
MOST_READ = 500
#: Where a stream starts.
BEGINNING = "0"


@dataclass(frozen=True)
class Words:
    """A piece of one task's answer."""

    task: int
    text: str
    is_reasoning: bool = False
    attempt: int = 1


class TokenStream:
    """Writes and reads."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client
        self._say = script(client, "say")

    def say(self, job_id: str, token: str, attempt: int, words: list[Words], name: str = "") -> bool:
        """Append words; False: the job belongs to somebody else now.

        Args:
            name: of these words among all; said again under it, because the answer was lost, they stand there once. "":
                they are said once.

        Raises:
            RedisUnavailable: they were not taken.
        """
        packed = json.dumps([[each.task, each.text, int(each.is_reasoning)] for each in words], ensure_ascii=False)
        with redis_errors():
            said = self._say(
                keys=[keys.job(job_id), keys.tokens(job_id)],
                args=[job_id, token, attempt, packed, keys.PREVIEW_TTL_S, MOST_ENTRIES, name or new_name()],
            )
        return bool(said)

    def read(self, job_id: str, after: str = BEGINNING) -> tuple[list[Words], str]:
        """Words behind a place, in order, and the place behind them."""
        with redis_errors():
            entries = self._redis.xrange(keys.tokens(job_id), f"({after}", "+", count=MOST_READ)
        words = [each for _, fields in entries for each in _unpacked(fields)]
        return words, entries[-1][0].decode() if entries else after


def new_name() -> str:
    """A name for words that are said."""
    return secrets.token_hex(8)


def _unpacked(fields: dict[bytes, bytes]) -> list[Words]:
    attempt = int(fields[b"attempt"])
    return [Words(task, text, bool(kind), attempt) for task, text, kind in json.loads(fields[b"words"])]
