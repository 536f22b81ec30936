"""The pictures of a zip, read without unpacking it: nothing is ever written by a name of the archive's.

Before an entry is read, what the archive says of it is held against the limits; reading stops at them whatever it said. An
archive whose entries overlap, or an entry that unpacks to a hundred times its size, was made to harm: no picture is that,
for pictures are packed already.
"""

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from api.cli.folder_pictures import NOT_OURS, is_picture
from api.cli.import_sources import Refused
from api.library.brought import tidy
from api.library.importing import sidecars
from api.library.xmp import Described
from shared.errors import DarkroomError, InvalidRequest, TooLarge

#: Entries that an archive may have.
MOST_ENTRIES = 200_000
#: An entry that unpacks to so many times its size, and to more than this, is no picture.
MOST_TIMES, HARMLESS_BYTES = 100, 2**20
_ENCRYPTED = 0x1
#: What zipfile raises for archives that are none, beside what unpacking does.
_BROKEN = (zipfile.BadZipFile, OSError, ValueError, struct.error)


@dataclass(frozen=True)
class EntrySource:
    """An entry of an archive."""

    archive: zipfile.ZipFile
    info: zipfile.ZipInfo
    name: str
    #: All entries, by their own names.
    others: Mapping[str, zipfile.ZipInfo]

    @property
    def written_ms(self) -> int:
        try:
            return round(datetime(*self.info.date_time, tzinfo=UTC).timestamp() * 1000)
        except ValueError:  # months and days may be 0 there
            return 0

    def read(self, most_bytes: int) -> bytes:
        return _read(self.archive, self.info, most_bytes)

    def beside(self) -> Described:
        found: dict[str, bytes] = {}
        for name, ending in sidecars.names_beside(self.info.filename):
            info = self.others.get(name)
            if ending not in found and info is not None:
                found[ending] = _read(self.archive, info, sidecars.MOST_BYTES)
        return sidecars.described(found.get(sidecars.TEXT), found.get(sidecars.XMP))


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive.

    Raises:
        InvalidRequest: it is none, has too many entries, or they overlap.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _BROKEN as exc:
        raise InvalidRequest(f"{path} is no zip that can be read: {exc}") from exc
    with archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise InvalidRequest(f"{path} has {len(entries):,} entries, the limit is {MOST_ENTRIES:,}; split it")
        if sum(info.compress_size for info in entries) > path.stat().st_size:
            raise InvalidRequest(f"{path} has entries that overlap: it was made to unpack to more than it holds")
        yield archive


def in_archive(archive: zipfile.ZipFile) -> Iterator[EntrySource | Refused]:
    """Every entry whose name says that it is a picture, in the archive's order."""
    others = {info.filename: info for info in archive.infolist() if not info.is_dir()}
    for info in archive.infolist():
        parts = clean_parts(info.filename)
        is_hidden = any(part.startswith(".") or part in NOT_OURS for part in parts)
        if info.is_dir() or not parts or is_hidden or not is_picture(parts[-1]):
            continue
        name = "/".join(parts)
        if stat.S_ISLNK(info.external_attr >> 16):
            yield Refused(name, InvalidRequest("is a link; links are not followed"))
        else:
            yield EntrySource(archive, info, name, others)


def clean_parts(name: str) -> list[str]:
    """A name as folders and a file: no way up, no drive, no root, no control characters."""
    parts = (tidy(part).replace("\n", " ").replace("\t", " ") for part in name.replace("\\", "/").split("/"))
    return [part for part in parts if part not in ("", ".", "..")]


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most_bytes: int) -> bytes:
    if info.flag_bits & _ENCRYPTED:
        raise InvalidRequest("is encrypted; unpack the archive and import the folder")
    if info.file_size > most_bytes:
        raise TooLarge(f"has {info.file_size:,} bytes unpacked, the limit is {most_bytes:,}")
    if info.file_size > max(HARMLESS_BYTES, MOST_TIMES * info.compress_size):
        raise TooLarge(f"unpacks from {info.compress_size:,} to {info.file_size:,} bytes: no picture does")
    try:
        with archive.open(info) as entry:
            data = entry.read(most_bytes + 1)
    except DarkroomError:
        raise
    except (*_BROKEN, zlib.error, lzma.LZMAError, EOFError, RuntimeError) as exc:
        raise InvalidRequest(f"cannot be unpacked: {exc}") from exc
    if len(data) > most_bytes:
        raise TooLarge(f"unpacks to more than {most_bytes:,} bytes, whatever the archive says")
    return data
