"""Pictures that have left the store count for nobody any more.

What counts for each person is walked through a part at a time and held beside the store; so whatever made a picture leave it
(its time, a person, a disk that was emptied), its bytes are given back within a round. The store is only asked, never touched.

The limit we know of: an upload that is stored in the very moment in which it is looked for may be given back, and is then
not counted.
"""

from shared.accounts.quotas import Quotas
from shared.pictures.artifact_store import ArtifactStore

#: Pictures looked at in one look, about: some hundred ms on a slow disk.
A_LOOK = 5000


class PictureCounts:
    """Walks through what counts for whom. Raises `RedisUnavailable`, `ArtifactStoreDown`; the next look goes on."""

    def __init__(self, quotas: Quotas, artifacts: ArtifactStore) -> None:
        self._quotas = quotas
        self._artifacts = artifacts
        #: Whose pictures the next look goes on with, and where in them.
        self._person = ""
        self._cursor = 0

    def look(self, at_once: int = A_LOOK) -> int:
        """Give back what is gone among the next pictures; returns how many bytes."""
        freed = looked = 0
        people = self._quotas.storing()
        following = [person for person in people if person >= self._person] or people
        for person in following:
            if person != self._person:
                self._person, self._cursor = person, 0
            while True:
                pictures, self._cursor = self._quotas.counted(person, self._cursor)
                looked += len(pictures)
                freed += self._quotas.let_go(person, sorted(self._artifacts.absent(pictures)))
                if not self._cursor:
                    break
                if looked >= at_once:
                    return freed
            self._person = person + "\0"  # the next name there can be
            if looked >= at_once:
                return freed
        self._person = ""
        return freed
