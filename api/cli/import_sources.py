"""Where imported pictures come from, and what every such place promises: names that are only shown, bytes within limits.

Whatever a place does with what it is given (links, pipes, files that grow while they are read, archives that unpack to
more than they hold) ends here, as an error of that one picture.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from api.cli.folder_pictures import NOT_OURS, is_picture, name_of
from api.library.brought import tidy
from api.library.importing import sidecars
from api.library.xmp import Described
from shared.errors import DarkroomError, InvalidRequest, TooLarge


class Source(Protocol):
    """One picture of a place."""

    @property
    def name(self) -> str:
        """Its path there, for people: text without control characters. Nothing is ever opened or written by it."""
        ...

    @property
    def written_ms(self) -> int:
        """When it was last written, ms since 1970; 0: nobody knows."""
        ...

    def read(self, most_bytes: int) -> bytes:
        """Its bytes.

        Raises:
            InvalidRequest, TooLarge: it cannot be read, or has more.
        """
        ...

    def beside(self) -> Described:
        """What files beside it say.

        Raises:
            InvalidRequest, TooLarge: one cannot be read, or is longer than such files are.
        """
        ...


@dataclass(frozen=True)
class Refused:
    """What was found and is none of those, and why."""

    name: str
    error: DarkroomError


@dataclass(frozen=True)
class FileSource:
    """A file of a folder."""

    path: Path
    name: str
    written_ms: int
    size_bytes: int

    def read(self, most_bytes: int) -> bytes:
        return _read(self.path, most_bytes)

    def beside(self) -> Described:
        found: dict[str, bytes] = {}
        for name, ending in sidecars.names_beside(self.path.name):
            path = self.path.with_name(name)
            if ending not in found and path.is_file() and not path.is_symlink():
                found[ending] = _read(path, sidecars.MOST_BYTES)
        return sidecars.described(found.get(sidecars.TEXT), found.get(sidecars.XMP))


def in_folder(folder: Path) -> Iterator[FileSource | Refused]:
    """Every file below a folder whose name says that it is a picture, folder by folder; links are told and not followed.

    Raises:
        InvalidRequest: no such folder.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"{folder} is no folder")
    unread: list[OSError] = []
    for here, below, files in os.walk(folder, onerror=unread.append, followlinks=False):
        below[:] = sorted(name for name in below if not name.startswith(".") and name not in NOT_OURS)
        links = [name for name in below if Path(here, name).is_symlink()]
        for name in (*links, *sorted(filter(is_picture, files))):
            if (found := _found(Path(here, name), folder)) is not None:
                yield found
    for error in unread:
        path = Path(os.fsdecode(error.filename or folder))
        yield Refused(tidy(name_of(path, folder)), InvalidRequest(f"the folder cannot be read: {error.strerror}"))


def _found(path: Path, folder: Path) -> FileSource | Refused | None:
    """None: no file, or gone since."""
    name = tidy(name_of(path, folder))
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return None
    except OSError as exc:
        return Refused(name, InvalidRequest(f"cannot be read: {exc.strerror}"))
    if stat.S_ISLNK(seen.st_mode):
        return Refused(name, InvalidRequest("is a link; links are not followed: import what it leads to"))
    if not stat.S_ISREG(seen.st_mode):
        return None
    return FileSource(path, name, max(0, seen.st_mtime_ns // 1_000_000), seen.st_size)


def _read(path: Path, most_bytes: int) -> bytes:
    """A regular file that nobody writes meanwhile; what became a link or a pipe since it was found is not opened."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise InvalidRequest("is no file any more")
            if before.st_size > most_bytes:
                raise TooLarge(f"{path.name} has {before.st_size:,} bytes, the limit is {most_bytes:,}")
            data = file.read(most_bytes + 1)
            after = os.fstat(file.fileno())
    except OSError as exc:
        raise InvalidRequest(f"cannot be read: {exc.strerror}") from exc
    if len(data) != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise InvalidRequest("is being written; import it again when that has ended")
    return data
