"""Holds a request until what it asks for has changed: the one loop behind every `wait`, and the one shape of its answer.

The request holds a thread and a seat (`job_events`). Three things end the hold: the change, the time, and the client going
away, which its own connection tells at once (`departures`). A bell is a hint to read again, never the answer.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Generic, Protocol, TypeVar

from flask import Response, request

from api.services import Services
from api.services.departures import connection_of, has_left
from api.services.job_events import PACE_S


class Versioned(Protocol):
    """A record whose every change counts its version up."""

    @property
    def version(self) -> int: ...


T = TypeVar("T")
V = TypeVar("V", bound=Versioned)
#: What a waiter is told to do when all seats are taken.
SEATS_TAKEN_RETRY_S = 1


@dataclass(frozen=True)
class Waited(Generic[T]):
    """What a waiting request got."""

    found: T
    #: Too many requests wait already, so this one did not.
    was_refused: bool = False


def hold(
    ours: Services,
    thing_id: str,
    found: T,
    *,
    read: Callable[[], T],
    is_done: Callable[[T], bool],
    wait_s: float,
    gather_s: float = 0.0,
    look_after_s: Callable[[T], float] = lambda found: inf,
) -> Waited[T]:
    """Hold the request until `is_done`, or the time is up, or its client has left.

    Args:
        thing_id: the job or batch whose bell rings.
        found: what was read before, which may be done already.
        read: reads it again.
        gather_s: changes that come in flocks are gathered for so long after the first.
        look_after_s: seconds after which it may change without anybody ringing (a deadline in the queue).
    """
    ends_at = time.monotonic() + min(wait_s, ours.settings.max_wait_seconds)
    if wait_s <= 0 or is_done(found):
        return Waited(found)
    connection = connection_of(request.environ)
    with ours.job_events.watch(thing_id) as bell:
        if bell is None:
            return Waited(found, was_refused=True)
        with ours.departures.ring(connection, bell):
            while True:
                bell.clear()
                found = read()
                left_s = ends_at - time.monotonic()
                if is_done(found) or left_s <= 0 or has_left(connection):
                    return Waited(found)
                bell.wait(min(left_s, PACE_S, look_after_s(found)))
                time.sleep(max(0.0, min(gather_s, ends_at - time.monotonic())))


def news_since(found: V, *, is_known: bool, is_over: Callable[[V], bool]) -> Callable[[V], bool]:
    """What a waiting GET waits for: any change where its caller knows the record as it stands, else its end."""
    return (lambda now: now.version != found.version) if is_known else is_over


def is_known(etag: str) -> bool:
    """Whether the caller's If-None-Match names this version."""
    return bool(request.if_none_match) and request.if_none_match.contains_weak(etag)


def answer_of(waited: Waited[T], body: str, etag: str, status: int, headers: Mapping[str, str]) -> Response:
    """One record as JSON; 304 where the caller knows it already, and when to ask again where no seat was free.

    Args:
        headers: further ones by name, underscores for dashes.
    """
    response = Response(body, status, mimetype="application/json")
    response.set_etag(etag)
    response.headers["Cache-Control"] = "no-cache"
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    if waited.was_refused:
        response.headers["Retry-After"] = str(SEATS_TAKEN_RETRY_S)
    if status == 200:
        response.make_conditional(request)
    return response
