"""A job whose client waits for it: it starts with the waiting, and a client that goes away takes its job with it.

The job's own deadline is the client's, so a worker never works for a conversation that has been given up, even if this
process dies.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Event
from types import TracebackType

from api.responses import jobs as job_answers
from api.services import Services
from api.services.auth import current_caller
from shared.contracts.jobs import JobRecord, State
from shared.errors import (
    DarkroomError,
    DeadlineExceeded,
    EngineFailed,
    IllegalMove,
    NotReady,
    OurError,
    RedisUnavailable,
    class_of,
)
from shared.jobs import lifecycle
from shared.log import logger

#: How late a client that left is noticed, at most.
LOOK_EVERY_S = 0.25
#: How long after its deadline a job may take to say so itself.
GRACE_S = 5.0


class ClientLeft(Exception):
    """Nobody reads the answer."""


class ChatJob:
    """One job and the request that waits for it. Closing it gives the job up, unless it has ended."""

    def __init__(self, ours: Services, record: JobRecord, has_left: Callable[[], bool]) -> None:
        self.ours = ours
        self.record = record
        self._has_left = has_left
        self._seat = ExitStack()
        self._bell: Event | None = None
        self._ends_at_s = 0.0

    def start(self) -> "ChatJob":
        """Take a seat and send the job.

        Raises:
            NotReady: too many requests wait already; nothing was sent.
            and whatever `Dispatcher.submit` raises.
        """
        limit_s = self.ours.settings.chat_deadline_s
        self._bell = self._seat.enter_context(self.ours.job_events.watch(self.record.id))
        if self._bell is None:
            raise NotReady("too many requests wait for their answers; ask again soon", retry_after_s=1)
        self._ends_at_s = time.monotonic() + limit_s + GRACE_S
        try:
            self.record, _ = self.ours.dispatcher.submit(
                self.record, deadline_s=limit_s, limits=current_caller().limits
            )
        except BaseException:
            self._seat.close()
            raise
        return self

    def __enter__(self) -> "ChatJob":
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def records(self) -> Iterator[JobRecord]:
        """The record as it stands, whenever something may have changed; the last one has ended.

        Raises:
            ClientLeft: nobody waits any more.
            DeadlineExceeded: the job did not even say that it is over.
        """
        while not self.record.is_final:
            if self._bell is not None:
                self._bell.wait(LOOK_EVERY_S)
                self._bell.clear()
            if self._has_left():
                raise ClientLeft
            if time.monotonic() > self._ends_at_s:
                raise DeadlineExceeded(f"job {self.record.id} had not ended in time")
            try:
                self.record = job_answers.again(self.ours, self.record)
            except RedisUnavailable as exc:
                logger().warning("chat.looked_in_vain", job=self.record.id, reason=exc.message)
                continue
            yield self.record

    def close(self) -> None:
        """Leave the seat; a job that still goes on is cancelled. Closing twice is harmless."""
        self._seat.close()
        if self.record.is_final:
            return
        try:
            self.record = self.ours.store.move(self.record.id, lifecycle.cancel)
            logger().info("chat.given_up", job=self.record.id)
        except DarkroomError as exc:
            # Its deadline ends it.
            logger().warning("chat.not_given_up", job=self.record.id, reason=exc.message)


def failure(record: JobRecord) -> DarkroomError:
    """Why a job that has ended has no answer, as an error of this request."""
    if record.state == State.CANCELLED:
        return IllegalMove(f"job {record.id} was cancelled")
    if record.error is None:
        return EngineFailed(f"job {record.id} has no answer")
    kind = class_of(record.error.code) or OurError
    return kind(f"job {record.id}: {record.error.message}", field=record.error.field)
