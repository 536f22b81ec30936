"""Encode a picture once, ask many times: prefixes by picture hash within a byte budget, the longest unused leaving first.

The cache counts vision passes, so that a job's record can show what its answers cost.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from workers.engines.moondream.requests import Prefix

Encode = Callable[[list[Image.Image]], list[Prefix]]


@dataclass(frozen=True)
class Lookup:
    """The prefixes asked for, in order, and how many pictures had to be encoded for them."""

    prefixes: list[Prefix]
    vision_passes: int


@dataclass(frozen=True)
class CacheCounts:
    """Since the cache was made."""

    hits: int = 0
    vision_passes: int = 0  #: pictures encoded
    evicted: int = 0


class PrefixCache:
    """Not for several threads: a worker's child runs one job or GPU batch at a time."""

    def __init__(self, encode: Encode, budget_bytes: int) -> None:
        self._encode = encode
        self._budget_bytes = budget_bytes
        self._held: OrderedDict[str, Prefix] = OrderedDict()
        self._held_bytes = 0
        self.counts = CacheCounts()

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    def __contains__(self, picture_hash: str) -> bool:
        return picture_hash in self._held

    def look_up(self, pictures: Sequence[tuple[str, Image.Image]]) -> Lookup:
        """The prefixes of pictures given with their hashes; what is not held is encoded in one pass and held.

        A prefix beyond the whole budget is given out and not held. If encoding raises, the cache is as before.
        """
        missing = {key: picture for key, picture in pictures if key not in self._held}
        fresh = dict(zip(missing, self._encode(list(missing.values())), strict=True)) if missing else {}
        found = {key: fresh.get(key) or self._held[key] for key, _ in pictures}
        for key, prefix in found.items():
            self._hold(key, prefix)
        self._count(hits=len(pictures) - len(missing), vision_passes=len(missing))
        return Lookup([found[key] for key, _ in pictures], len(missing))

    def clear(self) -> None:
        """Let go of everything, as when its memory is wanted elsewhere."""
        self._held.clear()
        self._held_bytes = 0

    def _hold(self, key: str, prefix: Prefix) -> None:
        if key in self._held:
            self._held.move_to_end(key)
            return
        if prefix.nbytes > self._budget_bytes:
            return
        while self._held_bytes + prefix.nbytes > self._budget_bytes:
            _, gone = self._held.popitem(last=False)
            self._held_bytes -= gone.nbytes
            self._count(evicted=1)
        self._held[key] = prefix
        self._held_bytes += prefix.nbytes

    def _count(self, hits: int = 0, vision_passes: int = 0, evicted: int = 0) -> None:
        so_far = self.counts
        self.counts = CacheCounts(so_far.hits + hits, so_far.vision_passes + vision_passes, so_far.evicted + evicted)
