"""The SHA-256 of weight files, computed once: kept beside them with size and time of change.

A model's own hash is that of its one file, so that it is found where checkpoints are looked up by it; a model of several
files has the hash of their names and hashes. What lies beside weights and changes what they say (configurations,
vocabularies) counts as one of them.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

#: One file a model folder.
CACHE_NAME = "darkroom-hashes.json"
#: Files that an engine reads, by their endings in lower case.
READ = (".safetensors", ".onnx", ".pth", ".json", ".txt", ".model", ".csv")
#: What Darkroom itself writes beside weights.
OURS = "darkroom-"
#: What this process has hashed, for folders that may not be written: file → size, time of change in ns, hash.
_seen: dict[Path, list[object]] = {}


def model_hash(path: Path, *, keep: bool = True) -> str:
    """The hash of the model in a folder or file; "" where there is none.

    Args:
        keep: whether hashes may be written beside the files.
    """
    files = model_files(path)
    return _joined(files, sha256_of(files, _folder(path), keep=keep), path)


def known_model_hash(path: Path) -> str:
    """The same without reading weights: "" unless all of them were hashed before and have not changed since."""
    files = model_files(path)
    known = _read(_folder(path) / CACHE_NAME)
    rows = [_fresh(file, known.get(_name(file, _folder(path)))) for file in files]
    return _joined(files, [str(row[2]) for row in rows if row is not None], path) if all(rows) else ""


def model_files(path: Path) -> list[Path]:
    """The files that make up a model."""
    if not path.is_dir():
        return [path] if path.is_file() else []
    return sorted(
        file
        for file in path.rglob("*")
        if file.name.lower().endswith(READ) and not file.name.startswith((OURS, ".")) and file.is_file()
    )


def sha256_of(files: Sequence[Path], folder: Path, *, keep: bool = True) -> list[str]:
    """The files' hashes in order; files lie below `folder`, whose cache is read and, where it may be, written."""
    known = _read(folder / CACHE_NAME)
    found = {_name(file, folder): _hash(file, known.get(_name(file, folder))) for file in files}
    if keep and any(known.get(name) != row for name, row in found.items()):
        _write(folder / CACHE_NAME, known | found)
    return [str(row[2]) for row in found.values()]


def keep_known(folder: Path, hashes: Mapping[str, str]) -> None:
    """Write down hashes that are known already, of files as they lie there now; names are relative to `folder`."""
    rows: dict[str, list[object]] = {}
    for name, sha256 in hashes.items():
        about = (folder / name).stat()
        rows[name] = [about.st_size, about.st_mtime_ns, sha256]
    _write(folder / CACHE_NAME, rows)


def _joined(files: Sequence[Path], hashes: Sequence[str], path: Path) -> str:
    if path.is_file() or not hashes:
        return "".join(hashes)
    lines = [f"{sha256}  {_name(file, path)}" for file, sha256 in zip(files, hashes, strict=True)]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _name(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()


def _hash(file: Path, known: list[object] | None) -> list[object]:
    """Size, time of change in ns, hash."""
    if (row := _fresh(file, known)) is not None:
        return row
    about = file.stat()
    with file.open("rb") as stream:
        row = [about.st_size, about.st_mtime_ns, hashlib.file_digest(stream, "sha256").hexdigest()]
    _seen[file] = row
    return row


def _fresh(file: Path, known: list[object] | None) -> list[object] | None:
    """What is known of a file as it is now."""
    about = file.stat()
    now = [about.st_size, about.st_mtime_ns]
    return next((row for row in (known, _seen.get(file)) if row is not None and row[:2] == now), None)


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
