"""The SHA-256 of weight files, computed once: kept beside them with size and time of change."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

#: One file a model folder.
CACHE_NAME = "darkroom-hashes.json"


def sha256_of(files: Sequence[Path], folder: Path) -> list[str]:
    """The files' hashes in order; files lie below `folder`, whose cache is read and, where it may be, written."""
    known = _read(folder / CACHE_NAME)
    found = {str(file.relative_to(folder)): _hash(file, known.get(str(file.relative_to(folder)))) for file in files}
    if any(known.get(name) != row for name, row in found.items()):
        _write(folder / CACHE_NAME, known | found)
    return [str(row[2]) for row in found.values()]


def _hash(file: Path, known: list[object] | None) -> list[object]:
    """Size, time of change in ns, hash."""
    about = file.stat()
    if known is not None and known[:2] == [about.st_size, about.st_mtime_ns]:
        return known
    with file.open("rb") as stream:
        return [about.st_size, about.st_mtime_ns, hashlib.file_digest(stream, "sha256").hexdigest()]


def _read(cache: Path) -> dict[str, list[object]]:
    with contextlib.suppress(OSError, ValueError):
        rows = json.loads(cache.read_text())
        return {name: row for name, row in rows.items() if isinstance(row, list) and len(row) == 3}
    return {}


def _write(cache: Path, rows: dict[str, list[object]]) -> None:
    """Whole or not at all; a folder that may not be written is hashed again by the next process."""
    with contextlib.suppress(OSError):
        descriptor, draft = tempfile.mkstemp(prefix=f".{cache.name}-", dir=cache.parent)
        with os.fdopen(descriptor, "w") as stream:
            json.dump(rows, stream, indent=1)
        os.chmod(draft, 0o644)
        os.replace(draft, cache)
