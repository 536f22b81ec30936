"""Picture bytes by content hash: atomic put, get, expire. A folder that API and workers share, or Redis itself.

An id is `img_` and 128 bits of SHA-256 (the underscore never stands in base64, so a field can hold either). The same
bytes have the same id, so storing twice is harmless. A folder's file is whole or absent: written beside, synced, renamed.

Which one: the folder is 3 × faster and costs no RAM; Redis needs no shared disk between hosts. A worker that sees another
folder than the API refuses to start (`check_identity`), because its results would be lost.
"""

import contextlib
import errno
import hashlib
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import redis

from shared.errors import ArtifactStoreDown, ArtifactStoreFull, Gone, InvalidRequest, NotFound
from shared.redis import keys
from shared.redis.client import redis_errors
from shared.settings import Settings

ID = re.compile(r"^img_[0-9a-f]{32}$")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def id_of(data: bytes) -> str:
    """The id of these bytes."""
    return "img_" + hashlib.sha256(data).hexdigest()[:32]


class ArtifactStore(Protocol):
    """Where pictures lie."""

    def put(self, data: bytes) -> str:
        """Store bytes; returns their id. Storing the same again renews their time.

        Raises:
            ArtifactStoreFull, ArtifactStoreDown: nothing was stored.
        """
        ...

    def get(self, artifact_id: str) -> bytes:
        """The bytes; their time starts afresh.

        Raises:
            NotFound: never stored here. Gone: stored once, expired since.
        """
        ...

    def renew(self, artifact_ids: Sequence[str]) -> set[str]:
        """Start the time of these afresh; returns those that are not here."""
        ...

    def delete(self, artifact_id: str) -> None:
        """Forget the bytes, if they are there."""
        ...

    #: Parts of the store that are swept one at a time; 0 where nothing needs sweeping.
    parts: int

    def expire(self, part: int) -> int:
        """Drop from this part what has not been used for `artifact_ttl_s`; returns how many."""
        ...


def open_store(settings: Settings, client: "redis.Redis") -> "FolderStore | RedisStore":
    """The store the settings ask for."""
    if settings.artifacts == "redis":
        return RedisStore(client, settings.artifact_ttl_s)
    return FolderStore(settings.artifacts_path, client, settings.artifact_ttl_s)


class FolderStore:
    """A folder: `ab/img_abcdef…`, one file a picture, so 256 parts of about the same size."""

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
            raise _absent(self._redis, artifact_id, self._ttl_s) from exc
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

    def delete(self, artifact_id: str) -> None:
        self._path(artifact_id).unlink(missing_ok=True)

    def expire(self, part: int) -> int:
        # The store's clock, not this host's: a host that wakes up in the wrong year must not clear the folder.
        with redis_errors():
            limit = float(self._redis.time()[0]) - self._ttl_s
        old = [name for name, used_at_s in self._uses_in(f"{part:02x}") if used_at_s < limit]
        for name in old:
            if ID.match(name):
                with redis_errors():
                    self._redis.set(keys.gone(name), "1", ex=keys.GONE_TTL_S)
            (self.folder / f"{part:02x}" / name).unlink(missing_ok=True)
        return len(old)

    def _uses_in(self, folder: str) -> list[tuple[str, float]]:
        """Files of one folder and when each was last used."""
        found = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder / folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    found.append((entry.name, entry.stat().st_mtime))
        return found

    def check_identity(self) -> None:
        """Make sure every process that shares this Redis also shares this folder.

        Raises:
            InvalidRequest: another folder was here first; the message says what to do.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        mark = self.folder / "store-id"
        if not mark.exists():
            _write_whole(mark, uuid.uuid4().hex.encode())
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

    def ids(self) -> Iterator[str]:
        """Ids of all stored pictures."""
        return (path.name for path in self._files() if ID.match(path.name))

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("??/*") if path.is_file())

    def _path(self, artifact_id: str) -> Path:
        if not ID.match(artifact_id):
            raise NotFound(f"{artifact_id!r} is no picture id (img_ and 32 hexadecimal digits)")
        return self.folder / artifact_id[4:6] / artifact_id


class RedisStore:
    """Redis itself: no shared disk needed, RAM paid for every picture. It expires them itself, by each key's TTL."""

    parts = 0

    def __init__(self, client: "redis.Redis", ttl_s: int) -> None:
        self._redis: Any = client
        self._ttl_s = ttl_s

    def put(self, data: bytes) -> str:
        artifact_id = id_of(data)
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.set(keys.artifact(artifact_id), data, ex=self._ttl_s)
            pipe.set(keys.gone(artifact_id), "1", ex=self._ttl_s + keys.GONE_TTL_S)
            pipe.execute()
        return artifact_id

    def get(self, artifact_id: str) -> bytes:
        if not ID.match(artifact_id):
            raise NotFound(f"{artifact_id!r} is no picture id (img_ and 32 hexadecimal digits)")
        with redis_errors():
            data = self._redis.getex(keys.artifact(artifact_id), ex=self._ttl_s)
        if data is None:
            raise _absent(self._redis, artifact_id, self._ttl_s)
        return bytes(data)

    def renew(self, artifact_ids: Sequence[str]) -> set[str]:
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for artifact_id in artifact_ids:
                pipe.expire(keys.artifact(artifact_id), self._ttl_s)
            return {each for each, is_here in zip(artifact_ids, pipe.execute(), strict=True) if not is_here}

    def delete(self, artifact_id: str) -> None:
        with redis_errors():
            self._redis.delete(keys.artifact(artifact_id), keys.gone(artifact_id))

    def expire(self, part: int) -> int:
        return 0

    def check_identity(self) -> None:
        """Whoever shares the Redis shares the store."""

    def ids(self) -> Iterator[str]:
        with redis_errors():
            found = self._redis.scan_iter(keys.artifact("*"), count=1000)
            yield from (name.decode().removeprefix(keys.artifact("")) for name in found)


def _absent(client: Any, artifact_id: str, ttl_s: int) -> NotFound | Gone:
    with redis_errors():
        if client.exists(keys.gone(artifact_id)):
            return Gone(f"picture {artifact_id} has expired; pictures are kept {ttl_s} s after their last use")
    return NotFound(f"there is no picture {artifact_id}")


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
