"""Picture bytes by content hash: what every back end promises, and what an id is.

An id is `img_` and 128 bits of SHA-256 (the underscore never stands in base64, so a field can hold either). The same
bytes have the same id, so storing twice is harmless. Each back end is a file of its own (`folder_store`, `redis_store`);
`stores` opens the one that the settings name.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Protocol

import redis

from shared.errors import Gone, NotFound
from shared.redis import keys
from shared.redis.client import redis_errors

ID = re.compile(r"^img_[0-9a-f]{32}$")


def id_of(data: bytes) -> str:
    """The id of these bytes."""
    return "img_" + hashlib.sha256(data).hexdigest()[:32]


def checked_id(artifact_id: str) -> str:
    """The same id; raises NotFound for what cannot be one."""
    if not ID.match(artifact_id):
        raise NotFound(f"{artifact_id!r} is no picture id (img_ and 32 hexadecimal digits)")
    return artifact_id


class ArtifactStore(Protocol):
    """Where pictures lie. Each stays for `artifact_ttl_s` after its last use; one that is marked as *kept* stays until
    whoever keeps it lets go. The mark lies with the bytes, so that what happens to Redis does not touch it."""

    @property
    def parts(self) -> int:
        """Parts that are swept one at a time (`expire`); 0 where nothing needs sweeping."""
        ...

    def check_identity(self) -> None:
        """Make sure that every process on this Redis uses this very store; asked before a process begins to serve.

        Raises:
            InvalidRequest: it is another one, in which results would be lost; the message says what to do.
        """
        ...

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

    def absent(self, artifact_ids: Sequence[str]) -> set[str]:
        """Those that are not here. Asking is no use of the others: their time goes on."""
        ...

    def delete(self, artifact_id: str) -> None:
        """Forget the bytes, if they are there and nobody keeps them."""
        ...

    def keep(self, artifact_ids: Sequence[str]) -> set[str]:
        """Mark these as kept, before anything that relies on it is written down; returns those that are not here.

        Raises:
            ArtifactStoreFull, ArtifactStoreDown: some may be marked and others not; ask again.
        """
        ...

    def let_go(self, artifact_ids: Sequence[str]) -> None:
        """Take the marks away: from now on these expire like any other."""
        ...

    def kept(self, artifact_ids: Sequence[str]) -> set[str]:
        """Which of these are marked, whether their bytes are here or not."""
        ...

    def kept_ids(self) -> Iterator[str]:
        """Everything that is marked, in any order."""
        ...

    def expire(self, part: int) -> int:
        """Drop from this part (0 up to `parts`) what nobody keeps or used for so long; returns how many.

        What is dropped is marked as gone, so that `get` can tell it from what never was.
        """
        ...

    def ids(self) -> Iterator[str]:
        """Ids of all stored pictures, in any order."""
        ...

    def smaller(self, artifact_id: str, size: str) -> bytes | None:
        """The smaller one of this name that was laid beside a picture; None: there is none, it is to be made anew."""
        ...

    def put_smaller(self, artifact_id: str, size: str, data: bytes) -> None:
        """Lay a smaller one beside a picture, where there is room for such: nobody relies on it, and nothing is raised.

        It goes when the picture is deleted, and `artifact_ttl_s` after it was made in any case. One that is laid there
        while its picture is deleted stays that long, though nobody can ask for it.

        Args:
            size: what tells it from others of the picture; letters, digits and dashes.
        """
        ...


def absence_of(artifact_id: str, client: "redis.Redis", ttl_s: int) -> NotFound | Gone:
    """Why a picture is not in a store: the error to raise, by the mark that expired ones leave in Redis."""
    with redis_errors():
        if client.exists(keys.gone(artifact_id)):
            return Gone(f"picture {artifact_id} has expired; pictures are kept {ttl_s} s after their last use")
    return NotFound(f"there is no picture {artifact_id}")
