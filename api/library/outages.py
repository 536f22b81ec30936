"""What the drivers raise when the database cannot be used now, as one error that says what to do about it.

Away, locked, full, read-only, damaged: all of them are `LibraryUnavailable`, and nothing has changed. A broken statement
stays what it is, for that is a bug. SQLite tells them apart by words, PostgreSQL by SQLSTATE.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pg8000
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError, TimeoutError

from shared.errors import LibraryUnavailable

#: What a caller is told to wait.
RETRY_AFTER_S = 3
#: SQLSTATE classes of PostgreSQL that say "not now": connection, resources, operator, system, locks, read-only.
_NOT_NOW = ("08", "53", "55", "57", "58", "40", "25006")
#: What SQLite says when it is the disk's, the lock's or the file's fault.
_SQLITE_NOT_NOW = ("locked", "busy", "full", "readonly", "disk i/o", "unable to open", "malformed", "not a database")
#: What is in the driver's words, or the SQLSTATE → what to do.
_FIXES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("locked", "busy", "55P03"),
        "another program holds it: end that program (a backup, an open `sqlite3`), or raise DARKROOM_DATABASE_TIMEOUT_S",
    ),
    (("full", "disk i/o", "53100"), "make room on its disk (DARKROOM_DATA_DIR, or PostgreSQL's own)"),
    (
        ("readonly", "read-only", "25006"),
        "let the user that runs Darkroom write to it (DARKROOM_DATA_DIR, or the role)",
    ),
    (("malformed", "not a database"), "it is damaged: stop Darkroom and put back a copy, see the runbook"),
    (("unable to open",), "see that DARKROOM_DATA_DIR is there, on a local disk, and may be written"),
    (("QueuePool", "53300"), "too many ask at once: ask again in a moment"),
)
_AWAY = "see that PostgreSQL runs and that DARKROOM_DATABASE_URL leads there"


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn what the drivers raise when the database cannot be used now into `LibraryUnavailable`."""
    try:
        yield
    except (TimeoutError, DisconnectionError, InterfaceError) as exc:
        raise _unavailable(exc) from exc
    except DBAPIError as exc:
        if not _is_outage(exc):
            raise
        raise _unavailable(exc) from exc
    except (OSError, sqlite3.OperationalError, pg8000.InterfaceError) as exc:
        raise _unavailable(exc) from exc


def _is_outage(exc: DBAPIError) -> bool:
    if exc.connection_invalidated:
        return True
    said = exc.orig.args[0] if exc.orig is not None and exc.orig.args else ""
    if isinstance(said, dict):  # pg8000: the fields of PostgreSQL's ErrorResponse
        return str(said.get("C", "")).startswith(_NOT_NOW)
    if isinstance(exc.orig, sqlite3.Error):
        return any(word in str(said).lower() for word in _SQLITE_NOT_NOW)
    return isinstance(exc, OperationalError)


def _unavailable(exc: Exception) -> LibraryUnavailable:
    cause = getattr(exc, "orig", None) or exc
    said = cause.args[0] if getattr(cause, "args", None) else ""
    words = said.get("M", "") if isinstance(said, dict) else str(said)
    code = str(said.get("C", "")) if isinstance(said, dict) else ""
    return LibraryUnavailable(
        f"the library's database cannot be used now ({type(cause).__name__}: {str(words)[:160]}): {fix_for(str(words), code)}. "
        "Jobs go on, and their pictures are taken in when it is back",
        retry_after_s=RETRY_AFTER_S,
    )


def fix_for(words: str, code: str = "") -> str:
    """What a person does about it.

    Args:
        words: the driver's.
        code: PostgreSQL's SQLSTATE; "": there is none.
    """
    return next((fix for signs, fix in _FIXES if code in signs or any(sign in words for sign in signs)), _AWAY)
