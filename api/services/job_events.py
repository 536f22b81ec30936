"""Wakes requests that wait for a job: one subscriber thread a process, one bell per waiting request.

A bell is only a hint to read the record again. When the subscription was lost, all bells ring as soon as it stands
again, so what moved meanwhile is seen then; and waiters read at least every `PACE_S` anyway. At a thousand waiters that
pace is what the server's processor does all day: a second cost 17 % of it, ten seconds 3 %.

Each waiter holds a thread of the server. So that short requests always find one, only three quarters of them may wait
at once; `watch` says no to the rest, and they are answered at once.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from shared.log import logger
from shared.redis import keys

#: Longest a waiter relies on its bell alone.
PACE_S = 10.0
#: Pause before the subscriber tries Redis again.
RECONNECT_S = 0.5
#: How long one look into the subscription blocks; bounds how late a lost connection is noticed.
LISTEN_S = 5.0


class JobEvents:
    """Who waits for which job."""

    def __init__(self, client: "redis.Redis", max_waiters: int) -> None:
        self._redis = client
        self._seats = threading.BoundedSemaphore(max_waiters)
        self._bells: dict[str, set[threading.Event]] = {}
        self._guard = threading.Lock()
        self._subscriber: threading.Thread | None = None

    @contextmanager
    def watch(self, job_id: str) -> Iterator[threading.Event | None]:
        """A bell that rings when the job changes; None when too many wait already.

        The bell hangs before the block starts, so a record read inside it can change no more without a ring.
        """
        if not self._seats.acquire(blocking=False):
            yield None
            return
        bell = threading.Event()
        try:
            self._hang(job_id, bell)
            yield bell
        finally:
            self._take_down(job_id, bell)
            self._seats.release()

    def waiting(self) -> int:
        """How many requests wait now."""
        with self._guard:
            return sum(len(bells) for bells in self._bells.values())

    def ring(self, job_id: str) -> None:
        """Wake everyone who waits for a job."""
        with self._guard:
            bells = tuple(self._bells.get(job_id, ()))
        for bell in bells:
            bell.set()

    def ring_all(self) -> None:
        """Wake everyone: nobody knows what was missed."""
        with self._guard:
            bells = [bell for waiting in self._bells.values() for bell in waiting]
        for bell in bells:
            bell.set()

    def _hang(self, job_id: str, bell: threading.Event) -> None:
        with self._guard:
            self._bells.setdefault(job_id, set()).add(bell)
            if self._subscriber is None:
                # At the first use, not at construction: a server forks its workers after the app is built.
                self._subscriber = threading.Thread(target=self._listen_for_ever, name="job-events", daemon=True)
                self._subscriber.start()

    def _take_down(self, job_id: str, bell: threading.Event) -> None:
        with self._guard:
            bells = self._bells.get(job_id, set())
            bells.discard(bell)
            if not bells:
                self._bells.pop(job_id, None)

    def _listen_for_ever(self) -> None:
        pause = threading.Event()
        while True:
            try:
                self._listen()
            except (redis.RedisError, OSError) as exc:
                logger().warning("job_events.lost", reason=type(exc).__name__)
            pause.wait(RECONNECT_S)

    def _listen(self) -> None:
        with self._redis.pubsub() as subscription:
            subscription.subscribe(keys.CHANGES)
            is_pinged = False
            while True:
                message = subscription.get_message(timeout=LISTEN_S)
                if message is None and is_pinged:
                    raise redis.TimeoutError("the subscription is silent")
                if message is None:
                    subscription.ping()  # a connection that hangs looks like one on which nothing happens
                elif message["type"] == "subscribe":
                    self.ring_all()
                elif message["type"] == "message":
                    self.ring(message["data"].decode())
                is_pinged = message is None
