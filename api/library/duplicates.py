"""Pictures of one owner that are nearly the same, in three notions that people keep apart.

*exact*: the same fingerprints (dHash, thumbhash) and size: the same pixels in other bytes; the same bytes are one asset of an
owner anyway. *near*: dHashes that differ in at most `NEAR_BITS` of 64 bits: saved again, a little smaller, a touch brighter.
*similar* is another thing and another list (`search.similar`): what looks alike, and a burst of shots does.

Pairs are found without comparing all with all: of two hashes that differ in at most 3 bits, one of four 16-bit bands is
equal (pigeonhole). What is near what is near belongs together, so a group may be wider than one pair. A picture without
contrast hashes to almost nothing and is like every other such one: hashes with fewer than `LEAST_BITS` bits set or unset
count for *exact* only.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.library.filters import AssetFilter, Viewer, conditions
from api.library.tables import Asset

Notion = Literal["exact", "near"]
NEAR_BITS = 3
LEAST_BITS = 6
BANDS, BAND_BITS = 4, 16
#: A band that so many share tells nothing: they are compared with their neighbours by hash only.
CROWD = 200
_MASK = 2**64 - 1


@dataclass(frozen=True)
class Print:
    """What of an asset is compared."""

    no: int
    dhash: int
    thumbhash: str
    width: int
    height: int


def groups(session: Session, notion: Notion, wanted: AssetFilter, viewer: Viewer) -> list[list[int]]:
    """Numbers of assets that belong together, the oldest of each group first; the group with the newest asset first.

    Only the viewer's own: duplicates are per owner.
    """
    read = select(Asset.no, Asset.dhash, Asset.thumbhash, Asset.width, Asset.height).where(
        *conditions(wanted, viewer), Asset.owner == viewer.person, Asset.dhash.is_not(None)
    )
    prints = [
        Print(row.no, row.dhash & _MASK, row.thumbhash, row.width, row.height)
        for row in session.execute(read)
        if row.dhash is not None
    ]
    found = exact_groups(prints) if notion == "exact" else near_groups(prints)
    return sorted((sorted(group) for group in found), key=lambda group: -group[-1])


def exact_groups(prints: Iterable[Print]) -> list[list[int]]:
    """Those with equal fingerprints and sizes."""
    same: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for each in prints:
        if each.thumbhash:
            same[(each.dhash, each.thumbhash, each.width, each.height)].append(each.no)
    return [group for group in same.values() if len(group) > 1]


def near_groups(prints: Sequence[Print]) -> list[list[int]]:
    """Those whose hashes are near, and those that are near them."""
    telling = [each for each in prints if LEAST_BITS <= each.dhash.bit_count() <= 64 - LEAST_BITS]
    parent = {each.no: each.no for each in telling}

    def top(no: int) -> int:
        while parent[no] != no:
            parent[no] = parent[parent[no]]
            no = parent[no]
        return no

    for first, second in _pairs(telling):
        if (first.dhash ^ second.dhash).bit_count() <= NEAR_BITS:
            parent[top(first.no)] = top(second.no)
    together: dict[int, list[int]] = defaultdict(list)
    for each in telling:
        together[top(each.no)].append(each.no)
    return [group for group in together.values() if len(group) > 1]


def _pairs(prints: Sequence[Print]) -> Iterator[tuple[Print, Print]]:
    """Those that share a band."""
    for band in range(BANDS):
        shared: dict[int, list[Print]] = defaultdict(list)
        for each in prints:
            shared[(each.dhash >> (band * BAND_BITS)) & (2**BAND_BITS - 1)].append(each)
        for crowd in shared.values():
            ordered = sorted(crowd, key=lambda each: each.dhash) if len(crowd) > CROWD else crowd
            reach = len(ordered) if len(crowd) <= CROWD else CROWD // 4
            for place, first in enumerate(ordered):
                for second in ordered[place + 1 : place + 1 + reach]:
                    yield first, second
