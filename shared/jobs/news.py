"""What a run should know before its next pass, asked in one call: which queues have work, and whom nobody wants any more.

A run asks many times a second, beside the passes that it makes, and what Python does meanwhile the passes wait for. So it is
one script with a short answer.

A beat says of its job whether it is wanted, too, but renews its lease and is told to everybody. This decides nothing: whoever is
named is asked again, by a beat (`JobStore.beat`), before its end is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.jobs.codec import text
from shared.redis import keys
from shared.redis.client import redis_errors, script


@dataclass(frozen=True)
class Heard:
    """The answer."""

    #: Those of the queues of which any job could start now.
    ready: frozenset[str]
    #: Whether the worker is to take nobody more: it was asked to stop, yields its GPU, or a person has paused it.
    takes_nobody: bool
    #: The model whose turn it is there; "": nobody's.
    turn: str
    #: Those of the jobs that are to be cancelled, are overdue, or are somebody else's by now.
    unwanted: frozenset[str]


class News:
    """Asks for one worker."""

    def __init__(self, client: Any, worker: str) -> None:
        self._script = script(client, "news")
        self._own = (keys.draining(worker), keys.paused(worker), keys.turn(worker))

    def ask(self, queues: Sequence[str], held: Mapping[str, str]) -> Heard:
        """One round trip. Raises `RedisUnavailable`.

        Args:
            held: job → the token that it is held with.
        """
        jobs = list(held)
        asked = [*self._own, *map(keys.sharers, queues), *map(keys.job, jobs)]
        with redis_errors():
            takes_nobody, turn, ready, unwanted = self._script(keys=asked, args=[len(queues), *held.values()])
        return Heard(
            frozenset(queues[n] for n in ready), bool(takes_nobody), text(turn), frozenset(jobs[n] for n in unwanted)
        )
