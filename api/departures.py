"""Has the client gone away? Asked of the connection itself, so that it is known while nothing is being sent.

Works where the server hands its socket over (gunicorn, Werkzeug). A client that closes only its sending half looks gone
too; HTTP clients do not do that.
"""

import socket
from collections.abc import Callable, Mapping
from typing import Any

#: Where servers put the connection.
SOCKETS = ("gunicorn.socket", "werkzeug.socket")


def departure_of(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """Asks the connection of one request; never true where the server keeps it to itself."""
    connection = next((environ[name] for name in SOCKETS if name in environ), None)

    def has_left() -> bool:
        if connection is None:
            return False
        try:
            return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except (BlockingIOError, ValueError):  # nothing to read: it waits; ValueError: an encrypted socket cannot peek
            return False
        except OSError:
            return True

    return has_left
