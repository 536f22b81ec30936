"""How many threads suit each model on this host: what was measured once, kept in the data folder.

Kept here and not in Redis with the other learned numbers: it is a fact of this machine, is wanted before Redis answers,
by `darkroom doctor` too, and must not be forgotten because nobody asked for 90 days: another count rounds otherwise, so a
seed would paint slightly another picture.

A row holds for its `Circumstances` alone. Of two workers that measure at once the first one's row counts for both.
"""

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from shared.log import logger
from workers.devices.cores import cpu_name, usable_cores

FILE_NAME = "threads.json"
#: Rows beyond this many go, the oldest first: containers are a new host each time they are made.
MOST_ROWS = 500
#: The packages that compute.
COMPUTES = ("torch", "onnxruntime")
#: What weights end in; what else lies in a model's folder (caches, compiled Python) comes and goes.
WEIGHT_SUFFIXES = frozenset({".safetensors", ".onnx", ".pth", ".pt", ".bin", ".ckpt"})


class Circumstances(BaseModel):
    """What a measurement depends on. If any of it is another, it is made again."""

    model_config = ConfigDict(frozen=True)

    host: str
    cpu: str
    cores: int
    #: CPU workers that share the cores.
    workers: int
    #: Names and versions of what computes.
    libraries: str
    #: Of the model's files: see `stamp_of`.
    weights: str


class Pace(BaseModel):
    """How quick one model was in one precision."""

    model_config = ConfigDict(frozen=True)

    model: str
    precision: str
    circumstances: Circumstances
    #: The count that was chosen.
    threads: int
    #: Count → milliseconds of the quickest call.
    quickest_ms: dict[int, float]

    @property
    def key(self) -> str:
        return f"{self.circumstances.host}/{self.model}/{self.precision}"


_ROWS = TypeAdapter(dict[str, Pace])


class ThreadBook:
    """The rows of one data folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME

    def rows(self) -> list[Pace]:
        """All rows, the oldest first; a file that cannot be read has none."""
        return list(self._read().values())

    def find(self, model: str, precision: str, circumstances: Circumstances) -> Pace | None:
        """The row that holds now."""
        return next(
            (
                row
                for row in self.rows()
                if (row.model, row.precision, row.circumstances) == (model, precision, circumstances)
            ),
            None,
        )

    def keep(self, pace: Pace) -> Pace:
        """Write a row down, unless there is one that holds already; the one that counts."""
        try:
            with self._locked():
                rows = self._read()
                known = rows.pop(pace.key, None)
                if known is not None and known.circumstances == pace.circumstances:
                    return known
                self._write(dict([*rows.items(), (pace.key, pace)][-MOST_ROWS:]))
        except OSError as exc:
            logger().warning("threads.not_kept", model=pace.model, reason=str(exc))
        return pace

    def _read(self) -> dict[str, Pace]:
        try:
            return _ROWS.validate_json(self._file.read_bytes())
        except (OSError, ValidationError):
            return {}

    def _write(self, rows: dict[str, Pace]) -> None:
        """Whole or not at all."""
        descriptor, draft = tempfile.mkstemp(prefix=f".{FILE_NAME}-", dir=self._file.parent)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(_ROWS.dump_json(rows, indent=1))
        os.chmod(draft, 0o644)
        os.replace(draft, self._file)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def circumstances(workers: int, path: Path) -> Circumstances:
    """This host's, now, for a model whose weights are at a path."""
    return Circumstances(
        host=os.uname().nodename,
        cpu=cpu_name(),
        cores=usable_cores(),
        workers=workers,
        libraries=", ".join(f"{name} {version(name)}" for name in COMPUTES),
        weights=stamp_of(path),
    )


def stamp_of(path: Path) -> str:
    """Changes when a model's weights do: a digest of its weight files' names, sizes and times of change."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix in WEIGHT_SUFFIXES)
    about = [(str(file.relative_to(path)), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr(about).encode()).hexdigest()[:16]
