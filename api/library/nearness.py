"""How near vectors are, by brute force over all of them: pure arithmetic on numpy arrays.

Features of pictures have much in common, whatever the picture shows; without it they tell pictures apart. So where it is
asked for, everything is measured from the middle of the collection. A middle of few says little and of one nothing (it
would be that picture itself), so it counts by how many it is of.
"""

from dataclasses import dataclass

import numpy as np

#: So many vectors have half the say over where the middle is.
HALF_SAY = 32
#: The middle is found anew when the collection has grown (or shrunk) by this share.
DRIFT = 0.05
#: Nearer than this to the middle a vector has no direction.
LEAST_LENGTH = 1e-6


@dataclass(frozen=True)
class Collection:
    """Vectors with their keys, as they stand in a file: key 0 is a row that was struck out."""

    keys: np.ndarray
    vectors: np.ndarray

    def near(
        self, query: np.ndarray, least: float, most: int, among: np.ndarray | None = None
    ) -> list[tuple[int, float]]:
        """Keys and cosines of the nearest, best first.

        Args:
            query: of length 1.
            least: cosines below are left out.
            among: only these keys; None: all.
        """
        return self._best(self.vectors @ query, least, most, among)

    def _best(self, scores: np.ndarray, least: float, most: int, among: np.ndarray | None) -> list[tuple[int, float]]:
        is_wanted = (scores >= least) & (self.keys != 0)
        if among is not None:
            is_wanted &= np.isin(self.keys, among)
        places = np.flatnonzero(is_wanted)
        if len(places) > most:
            places = places[np.argpartition(-scores[places], most - 1)[:most]]
        places = places[np.argsort(-scores[places], kind="stable")]
        return [(int(self.keys[place]), float(scores[place])) for place in places]


@dataclass(frozen=True)
class CentredCollection(Collection):
    """The same, measured from the middle."""

    middle: np.ndarray
    #: How far each is from the middle.
    lengths: np.ndarray
    #: How many rows there were when the middle was found.
    found_at: int

    def near(
        self, query: np.ndarray, least: float, most: int, among: np.ndarray | None = None
    ) -> list[tuple[int, float]]:
        off = query - self.middle
        length = float(np.linalg.norm(off))
        if length < LEAST_LENGTH:
            return []
        scores = (self.vectors @ off - float(self.middle @ off)) / (self.lengths * length)
        return self._best(scores, least, most, among)


def centred(collection: Collection, before: CentredCollection | None = None) -> CentredCollection:
    """A collection measured from its middle; from the one that was found before, where it has hardly changed."""
    rows = len(collection.keys)
    if before is not None and abs(rows - before.found_at) <= DRIFT * before.found_at:
        middle, found_at = before.middle, before.found_at
    else:
        middle, found_at = _middle(collection), rows
    squares = 1.0 - 2.0 * (collection.vectors @ middle) + float(middle @ middle)
    lengths = np.sqrt(np.maximum(squares, LEAST_LENGTH**2))
    return CentredCollection(collection.keys, collection.vectors, middle, lengths, found_at)


def _middle(collection: Collection) -> np.ndarray:
    is_live = (collection.keys != 0).astype(np.float32)
    count = float(is_live.sum())
    return (is_live @ collection.vectors) / (count + HALF_SAY)
