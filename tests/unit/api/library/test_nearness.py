"""Brute force over vectors, with and without what all of them have in common."""

import numpy as np

from api.library.nearness import Collection, centred

KEYS = np.array([1, 0, 3, 4], dtype=np.int64)
VECTORS = np.array([[1, 0], [1, 0], [0.8, 0.6], [-1, 0]], dtype=np.float32)
EAST = np.array([1, 0], dtype=np.float32)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def test_the_nearest_come_first_and_what_is_struck_out_never():
    found = Collection(KEYS, VECTORS).near(EAST, least=-2, most=10)

    assert [key for key, _ in found] == [1, 3, 4]
    np.testing.assert_allclose([score for _, score in found], [1, 0.8, -1], atol=1e-6)


def test_what_is_too_far_or_too_much_is_left_out():
    assert [key for key, _ in Collection(KEYS, VECTORS).near(EAST, least=0.5, most=10)] == [1, 3]
    assert [key for key, _ in Collection(KEYS, VECTORS).near(EAST, least=-2, most=1)] == [1]
    assert Collection(KEYS, VECTORS).near(EAST, least=-2, most=9, among=np.array([3, 9])) == [(3, np.float32(0.8))]


def test_without_what_all_have_in_common_groups_stand_apart():
    rng = np.random.default_rng(1)
    common = 5 * unit(rng.standard_normal(64))
    groups = unit(rng.standard_normal((2, 64)))
    table = unit(common + groups.repeat(100, 0) + 0.02 * rng.standard_normal((200, 64)))
    plain = Collection(np.arange(1, 201), table)

    apart = centred(plain)

    assert min(score for _, score in plain.near(table[0], -2, 200)) > 0.9
    found = dict(apart.near(table[0], -2, 200))
    assert min(found[key] for key in range(1, 101)) > 0.6
    assert max(found[key] for key in range(101, 201)) < 0.2


def test_one_vector_is_not_its_own_middle():
    alone = centred(Collection(np.array([1]), np.array([[1, 0]], dtype=np.float32)))

    assert alone.near(EAST, 0.9, 5)[0][0] == 1
    assert centred(Collection(KEYS[:0], VECTORS[:0])).near(EAST, -2, 5) == []


def test_the_middle_stays_while_little_changes():
    rows = unit(np.random.default_rng(2).standard_normal((100, 8)))
    first = centred(Collection(np.arange(1, 101), rows))

    grown = centred(Collection(np.arange(1, 104), np.concatenate([rows, rows[:3]])), first)
    doubled = centred(Collection(np.arange(1, 201), np.concatenate([rows, -rows])), first)

    assert grown.middle is first.middle
    assert len(grown.lengths) == 103
    assert not np.allclose(doubled.middle, first.middle)
