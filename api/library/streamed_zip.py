"""A zip that is sent while it is made: never more of it in memory than one file.

zipfile writes to anything that has `write`; where it cannot go back to fill in a length, it writes the length behind the
file (APPNOTE.TXT 4.3.9). Pictures are packed already, so they are stored, and only texts are deflated.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, cast

#: The first and the last moment that a zip can tell of.
_EPOCH, _LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)


@dataclass(frozen=True)
class Entry:
    """One file of the zip."""

    #: A path with `/`, as `sidecar_names` makes them safe.
    name: str
    #: All of it, or its parts where it is too long to hold.
    data: bytes | Iterable[bytes]
    #: Milliseconds since 1970; 0: unknown.
    modified_ms: int = 0
    #: Whether it shrinks when packed.
    is_text: bool = False


def zipped(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The zip's bytes, a file or a part of one at a time; entries are asked for one by one, when the one before has been sent."""
    sink = _Sink()
    with zipfile.ZipFile(cast(IO[bytes], sink), "w", allowZip64=True) as archive:
        for entry in entries:
            about = zipfile.ZipInfo(entry.name, _date(entry.modified_ms))
            about.compress_type = zipfile.ZIP_DEFLATED if entry.is_text else zipfile.ZIP_STORED
            about.external_attr = 0o644 << 16
            if isinstance(entry.data, bytes):
                archive.writestr(about, entry.data)
                yield sink.taken()
                continue
            with archive.open(about, "w", force_zip64=True) as file:
                for part in entry.data:
                    file.write(part)
                    yield sink.taken()
    yield sink.taken()


class _Sink:
    """What zipfile writes into; it can only go on."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def tell(self) -> int:
        """Not to be asked: what cannot go back says so, and zipfile writes lengths behind the files."""
        raise io.UnsupportedOperation("tell")

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation("seek")

    def flush(self) -> None:
        """Nothing waits here."""

    def taken(self) -> bytes:
        data, self._parts = b"".join(self._parts), []
        return data


def _date(modified_ms: int) -> tuple[int, int, int, int, int, int]:
    if not modified_ms:
        return _EPOCH
    when = datetime.fromtimestamp(modified_ms / 1000, UTC)
    return min(max(_EPOCH, (when.year, when.month, when.day, when.hour, when.minute, when.second)), _LAST)
