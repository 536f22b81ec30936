"""Has the client gone away? Asked of the connection itself, so that it is known while nothing is being sent.

Works where the server hands its socket over (gunicorn, Werkzeug). A client that closes only its sending half looks gone
too; HTTP clients do not do that.

Requests that wait are told, rather than asking: one thread a process listens to all their connections (epoll, so Linux)
and rings the bell of the request whose client closed. So a seat that nobody sits on is free within milliseconds.
"""

import select
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

#: Where servers put the connection.
SOCKETS = ("gunicorn.socket", "werkzeug.socket")
#: The other side closed, once: a level that stays would keep the thread busy until the request has noticed.
CLOSED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR | select.EPOLLONESHOT


def connection_of(environ: Mapping[str, Any]) -> Any:
    """The connection of one request; None where the server keeps it to itself."""
    return next((environ[name] for name in SOCKETS if name in environ), None)


def has_left(connection: Any) -> bool:
    """Whether the client closed its side; never true of an unknown connection."""
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (BlockingIOError, ValueError):  # nothing to read: it waits; ValueError: an encrypted socket cannot peek
        return False
    except OSError:
        return True


def departure_of(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """Asks the connection of one request; never true where the server keeps it to itself."""
    connection = connection_of(environ)
    return lambda: has_left(connection)


class Departures:
    """Rings bells of waiting requests whose clients left."""

    def __init__(self) -> None:
        self._bells: dict[int, threading.Event] = {}
        self._guard = threading.Lock()
        self._poll: select.epoll | None = None

    @contextmanager
    def ring(self, connection: Any, bell: threading.Event) -> Iterator[None]:
        """While the block runs, the bell rings when this connection's client leaves."""
        if connection is None:
            yield
            return
        number = connection.fileno()
        with self._guard:
            self._bells[number] = bell
            self._started().register(number, CLOSED)
        try:
            yield
        finally:
            with self._guard:
                del self._bells[number]
                self._started().unregister(number)

    def _started(self) -> select.epoll:
        # At the first use, not at construction: a server forks its workers after the app is built.
        if self._poll is None:
            self._poll = select.epoll()
            threading.Thread(target=self._listen, args=(self._poll,), name="departures", daemon=True).start()
        return self._poll

    def _listen(self, poll: select.epoll) -> None:
        while True:
            for number, _ in poll.poll():
                with self._guard:
                    bell = self._bells.get(number)
                if bell is not None:
                    bell.set()
