"""Which files of a folder are pictures, and what they are called in a batch.

A name is the path below the folder. Names on disk are bytes; those that are not UTF-8 are told with `%E9` for a byte, so
that they can be sent, printed and found again.
"""

import mimetypes
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.batches import MAX_NAME_CHARS
from shared.errors import DarkroomError, InvalidRequest

#: Beside what this system's table of media types knows.
ENDINGS = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".avif", ".heic", ".heif")
#: Folders that programs keep their own pictures in: thumbnails of NAS boxes, what macOS puts into zips.
NOT_OURS = ("__MACOSX", "@eaDir")


@dataclass(frozen=True)
class Found:
    """One file of a folder, and why it cannot be sent if so."""

    path: Path
    name: str
    error: DarkroomError | None = None


def pictures_in(folder: Path) -> list[Found]:
    """Every file below a folder whose name says that it is a picture, in order; nothing hidden.

    Raises:
        InvalidRequest: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"{folder} is no folder")
    found = sorted(_walk(folder), key=lambda each: each.path)
    if not found:
        raise InvalidRequest(f"there are no pictures in {folder}")
    return found


def name_of(path: Path, folder: Path) -> str:
    """The path below the folder as text that can be sent."""
    text = os.fsencode(path.relative_to(folder).as_posix()).decode(errors="surrogateescape")
    return re.sub("[\udc80-\udcff]", lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", text)


def oversized(found: Found, most_bytes: int) -> Found:
    """The same, refused if it has more bytes than the server takes."""
    try:
        size = found.path.stat().st_size
    except OSError as exc:
        return _refused(found, f"cannot be read: {exc.strerror}")
    if size <= most_bytes:
        return found
    return _refused(found, f"the picture has {size:,} bytes, the limit is {most_bytes:,}; make it smaller")


def _walk(folder: Path) -> Iterator[Found]:
    unread: list[OSError] = []
    for here, below, files in os.walk(folder, onerror=unread.append):
        below[:] = [name for name in below if not name.startswith(".") and name not in NOT_OURS]
        yield from (_found(Path(here, name), folder) for name in files if is_picture(name) and _is_file(here, name))
    for error in unread:
        path = Path(os.fsdecode(error.filename or folder))
        yield _refused(Found(path, name_of(path, folder)), f"the folder cannot be read: {error.strerror}")


def _found(path: Path, folder: Path) -> Found:
    found = Found(path, name_of(path, folder))
    if len(found.name) > MAX_NAME_CHARS:
        return _refused(found, f"its path has {len(found.name):,} characters, the limit is {MAX_NAME_CHARS:,}")
    return found


def _refused(found: Found, why: str) -> Found:
    return Found(found.path, found.name, found.error or InvalidRequest(why))


def is_picture(name: str) -> bool:
    """Whether a file's name says that it is a picture; hidden ones are not."""
    if name.startswith("."):  # also macOS' `._name.jpg`, which holds a file's attributes
        return False
    ending = Path(name).suffix.lower()
    return ending in ENDINGS or (mimetypes.guess_type("a" + ending)[0] or "").startswith("image/")


def _is_file(here: str, name: str) -> bool:
    """Whether it is a file, or a link that leads nowhere: that is told. Pipes and devices are not looked into."""
    path = Path(here, name)
    return path.is_file() or (path.is_symlink() and not path.exists())
