"""Three notions of "the same picture", of which two are told by fingerprints."""

import random

from api.library.database import Database
from api.library.duplicates import NEAR_BITS, Print, exact_groups, groups, near_groups
from api.library.filters import AssetFilter, Viewer
from tests.unit.api.library.assets import put

HASH = 0x0F0F_1234_5678_9ABC


def a_print(no: int, dhash: int = HASH, thumbhash: str = "t", width: int = 64) -> Print:
    return Print(no, dhash, thumbhash, width, 64)


def flipped(dhash: int, bits: int, seed: int = 1) -> int:
    for bit in random.Random(seed).sample(range(64), bits):
        dhash ^= 1 << bit
    return dhash


def test_the_same_fingerprints_and_size_are_exact():
    prints = [a_print(1), a_print(2), a_print(3, width=65), a_print(4, thumbhash="u"), a_print(5, HASH ^ 1)]

    assert exact_groups(prints) == [[1, 2]]
    assert exact_groups([a_print(1, thumbhash=""), a_print(2, thumbhash="")]) == []


def test_every_hash_within_the_bits_is_near_and_none_beyond():
    for seed in range(200):
        other = flipped(HASH, seed % 6, seed)
        is_near = (HASH ^ other).bit_count() <= NEAR_BITS

        assert near_groups([a_print(1), a_print(2, other)]) == ([[1, 2]] if is_near else []), seed


def test_what_is_near_what_is_near_belongs_together():
    middle = flipped(HASH, 3)
    far = middle ^ 0b111 << 60

    assert [sorted(group) for group in near_groups([a_print(1), a_print(2, middle), a_print(3, far)])] == [[1, 2, 3]]


def test_pictures_without_contrast_are_like_each_other_and_not_near():
    assert near_groups([a_print(1, 0), a_print(2, 1), a_print(3, 2**64 - 1), a_print(4, 2**64 - 2)]) == []


def test_groups_are_per_owner_and_begin_with_the_oldest(library: Database):
    with library.writing() as session:
        one, two = (put(session, dhash=5_000_000_123_456_789, thumbhash="t") for _ in range(2))
        put(session, "bob", dhash=5_000_000_123_456_789, thumbhash="t", visibility="rack")
        three, four = (put(session, dhash=-7_000_000_123_456_789 + step, thumbhash="v") for step in (0, 1))
        put(session, dhash=None)
    ada = Viewer("ada", sees_all=True)

    with library.reading() as session:
        assert groups(session, "exact", AssetFilter(scope="all"), ada) == [[one.no, two.no]]
        assert groups(session, "near", AssetFilter(scope="all"), ada) == [[three.no, four.no], [one.no, two.no]]
        assert groups(session, "near", AssetFilter(), Viewer("bob")) == []
