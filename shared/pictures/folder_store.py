"""Pictures in a folder that the API and all workers share.

A file is whole or absent: written beside, synced, renamed. Its time of change says when the picture was last used. An
empty file beside it, `img_….kept`, says that somebody keeps it.

Smaller ones lie beside their picture as `img_….<size>.webp`. They are what a browser asks for sixty at a time, and making one
costs 15 (512 × 512) to 37 ms (1024 × 1024); they are not synced, so whoever reads one looks whether it is whole.

Who removes a picture moves it aside first and looks for the mark then; who keeps one sets the mark first and looks for
the picture then. So whatever the order, a picture that is kept is not lost.
"""

import contextlib
import errno
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import redis

from shared.errors import ArtifactStoreDown, ArtifactStoreFull, InvalidRequest
from shared.pictures.artifact_store import ID, absence_of, checked_id, id_of
from shared.redis import keys
from shared.redis.client import redis_errors

#: The file that says which store this is.
MARK = "store-id"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_KEPT, _SMALLER = ".kept", ".webp"
#: How often, and how long apart, a picture is looked for that somebody may just be moving back.
LOOKS, LOOK_PAUSE_S = 3, 0.02


class FolderStore:
    """An `ArtifactStore`: `ab/img_abcdef…`, one file a picture, so 256 parts of about the same size."""

    parts = 256

    def __init__(self, folder: Path, client: "redis.Redis", ttl_s: int) -> None:
        self.folder = folder
        self._redis: Any = client
        self._ttl_s = ttl_s

    def put(self, data: bytes) -> str:
        artifact_id = id_of(data)
        path = self._path(artifact_id)
        try:
            if path.exists():
                os.utime(path)
            else:
                _write_whole(path, data)
        except FileNotFoundError:  # expired between the look and the touch
            return self.put(data)
        except OSError as exc:
            if exc.errno in _FULL:
                raise ArtifactStoreFull(f"no room for {len(data):,} bytes in {self.folder}: {exc.strerror}") from exc
            raise ArtifactStoreDown(f"{self.folder} cannot be written: {exc.strerror}") from exc
        return artifact_id

    def get(self, artifact_id: str) -> bytes:
        path = self._path(artifact_id)
        try:
            data = path.read_bytes()
            with contextlib.suppress(OSError):  # a read-only mount still serves
                os.utime(path)
            return data
        except FileNotFoundError as exc:
            raise absence_of(artifact_id, self._redis, self._ttl_s) from exc
        except OSError as exc:
            raise ArtifactStoreDown(f"{self.folder} cannot be read: {exc.strerror}") from exc

    def renew(self, artifact_ids: Sequence[str]) -> set[str]:
        missing = set()
        for artifact_id in artifact_ids:
            try:
                os.utime(self._path(artifact_id))
            except FileNotFoundError:
                missing.add(artifact_id)
            except OSError as exc:
                if exc.errno != errno.EROFS:  # a read-only mount still serves
                    raise ArtifactStoreDown(f"{self.folder} cannot be reached: {exc.strerror}") from exc
        return missing

    def absent(self, artifact_ids: Sequence[str]) -> set[str]:
        try:
            missing = {artifact_id for artifact_id in artifact_ids if not self._path(artifact_id).exists()}
            is_away = bool(missing) and not (self.folder / MARK).exists()
        except OSError as exc:
            raise ArtifactStoreDown(f"{self.folder} cannot be reached: {exc.strerror}") from exc
        if is_away:  # a mount point without its mount looks like a store in which everything is gone
            raise ArtifactStoreDown(f"{self.folder} has no {MARK}: it is not the store, or not mounted")
        return missing

    def delete(self, artifact_id: str) -> None:
        path = self._path(artifact_id)
        _remove_unless_kept(path)
        if not path.exists():
            for smaller in path.parent.glob(f"{path.name}.*{_SMALLER}"):
                smaller.unlink(missing_ok=True)

    def keep(self, artifact_ids: Sequence[str]) -> set[str]:
        paths = {artifact_id: self._path(artifact_id) for artifact_id in artifact_ids}
        try:
            for path in paths.values():
                _touch(_mark_of(path))
        except OSError as exc:
            failed = ArtifactStoreFull if exc.errno in _FULL else ArtifactStoreDown
            raise failed(f"{self.folder} cannot be written: {exc.strerror}") from exc
        missing = set(paths)
        for look in range(LOOKS):
            missing = {artifact_id for artifact_id in missing if not paths[artifact_id].exists()}
            if not missing:
                break
            if look + 1 < LOOKS:
                time.sleep(LOOK_PAUSE_S)
        return missing

    def let_go(self, artifact_ids: Sequence[str]) -> None:
        for artifact_id in artifact_ids:
            _mark_of(self._path(artifact_id)).unlink(missing_ok=True)

    def kept(self, artifact_ids: Sequence[str]) -> set[str]:
        return {artifact_id for artifact_id in artifact_ids if _mark_of(self._path(artifact_id)).exists()}

    def kept_ids(self) -> Iterator[str]:
        for folder in self.folder.glob("??"):
            with os.scandir(folder) as entries:
                names = [entry.name.removesuffix(_KEPT) for entry in entries if entry.name.endswith(_KEPT)]
            yield from (name for name in names if ID.match(name))

    def expire(self, part: int) -> int:
        # The store's clock, not this host's: a host that wakes up in the wrong year must not clear the folder.
        with redis_errors():
            limit = float(self._redis.time()[0]) - self._ttl_s
        old = [name for name, used_at_s in self._uses_in(f"{part:02x}") if used_at_s < limit]
        for name in old:
            if ID.match(name):
                with redis_errors():
                    self._redis.set(keys.gone(name), "1", ex=keys.GONE_TTL_S)
            _remove_unless_kept(self.folder / f"{part:02x}" / name)
        return sum(not name.endswith(_SMALLER) for name in old)

    def _uses_in(self, folder: str) -> list[tuple[str, float]]:
        """Files of one folder that nobody keeps, and when each was last used."""
        found = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder / folder) as entries:
            by_name = {entry.name: entry for entry in entries}
            for name, entry in by_name.items():
                if name.endswith(_KEPT) or name + _KEPT in by_name:
                    continue
                with contextlib.suppress(FileNotFoundError):
                    found.append((name, entry.stat().st_mtime))
        return found

    def check_identity(self) -> None:
        """See `ArtifactStore.check_identity`: the first folder on a Redis leaves its mark there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        mark = self.folder / MARK
        if not mark.exists():
            _write_once(mark, uuid.uuid4().hex.encode())
        mine = mark.read_text()
        with redis_errors():
            self._redis.set(keys.STORE, mine, nx=True, ex=keys.STORE_TTL_S)
            known = self._redis.get(keys.STORE).decode()
        if known != mine:
            raise InvalidRequest(
                f"{self.folder} is not the artifact folder that the others on this Redis use. Share one folder and set "
                "DARKROOM_ARTIFACTS_DIR to it on every host, or set DARKROOM_ARTIFACTS=redis everywhere "
                f"(if the old folder is gone for good: redis-cli DEL {keys.STORE})",
                field="DARKROOM_ARTIFACTS_DIR",
            )

    def smaller(self, artifact_id: str, size: str) -> bytes | None:
        try:
            return self._smaller_path(artifact_id, size).read_bytes()
        except OSError:
            return None

    def put_smaller(self, artifact_id: str, size: str, data: bytes) -> None:
        path = self._smaller_path(artifact_id, size)
        beside = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
        try:
            beside.write_bytes(data)
            beside.rename(path)
        except OSError:  # a full disk or a read-only mount: it is made anew each time
            with contextlib.suppress(OSError):
                beside.unlink()

    def ids(self) -> Iterator[str]:
        return (path.name for path in self.folder.glob("??/*") if path.is_file() and ID.match(path.name))

    def _smaller_path(self, artifact_id: str, size: str) -> Path:
        path = self._path(artifact_id)
        return path.with_name(f"{path.name}.{size}{_SMALLER}")

    def _path(self, artifact_id: str) -> Path:
        return self.folder / checked_id(artifact_id)[4:6] / artifact_id


def _mark_of(path: Path) -> Path:
    return path.with_name(path.name + _KEPT)


def _touch(mark: Path) -> None:
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()


def _remove_unless_kept(path: Path) -> None:
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
        if _mark_of(path).exists():
            aside.rename(path)
        else:
            aside.unlink()


def _write_once(path: Path, data: bytes) -> None:
    """Whole, and only where nobody else was quicker: a link never replaces a file. Where the file system knows no links, two
    that start at the very same moment may still meet."""
    whole = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    _write_whole(whole, data)
    try:
        os.link(whole, path)
    except FileExistsError:
        return
    except OSError:
        if not path.exists():
            whole.rename(path)
    finally:
        whole.unlink(missing_ok=True)


def _write_whole(path: Path, data: bytes) -> None:
    """All or nothing, also across a power cut: write beside, sync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        with beside.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        beside.rename(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
