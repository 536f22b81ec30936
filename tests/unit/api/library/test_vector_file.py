"""The file of vectors: what was counted stays, whatever happens; what was struck out is never found."""

import random
from pathlib import Path

import numpy as np
import pytest

from api.library.vector_file import VectorFile, VectorWriter

DIMENSIONS = 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "space.vectors"


def vector(number: float) -> list[float]:
    return [number % 1000, number % 1000 + 0.25, -number % 1000]


def put(path: Path, *keys: int, change: int = 0, by: float = 0) -> None:
    with VectorWriter(path, DIMENSIONS) as writer:
        writer.put(keys, np.array([vector(key + by) for key in keys]), change or max(keys))


def contents(path: Path) -> dict[int, list[float]]:
    file = VectorFile(path, DIMENSIONS)
    file.refresh()
    keys, vectors = file.rows()
    return {int(key): row.tolist() for key, row in zip(keys, vectors, strict=True) if key}


def test_what_is_put_is_there(path: Path):
    put(path, 5, 2**40 + 1, change=7)
    put(path, 6, change=8)

    assert contents(path) == {key: vector(key) for key in (5, 2**40 + 1, 6)}


def test_a_key_that_is_put_again_has_its_newest_vector(path: Path):
    put(path, 1, 2)
    put(path, 1, by=0.5)

    assert contents(path) == {1: vector(1.5), 2: vector(2)}


def test_what_is_deleted_is_gone_and_leaves_with_the_next_compaction(path: Path):
    put(path, 1, 2, 3)
    with VectorWriter(path, DIMENSIONS) as writer:
        writer.delete([2, 9])
        size = path.stat().st_size
        writer.compact()

        assert writer.rows == 2

    assert path.stat().st_size < size
    assert contents(path) == {1: vector(1), 3: vector(3)}
    put(path, 4)
    assert contents(path).keys() == {1, 3, 4}


def test_a_compaction_keeps_what_it_is_told(path: Path):
    put(path, 1, 2, 3, change=9)
    with VectorWriter(path, DIMENSIONS) as writer:
        writer.compact(keep=[3, 4])

        assert writer.change == 9

    assert contents(path) == {3: vector(3)}


def test_a_reader_sees_what_it_mapped_until_it_looks_again(path: Path):
    put(path, 1)
    reader = VectorFile(path, DIMENSIONS)
    assert reader.refresh()
    assert not reader.refresh()
    keys, vectors = reader.rows()

    put(path, 2)
    with VectorWriter(path, DIMENSIONS) as writer:
        writer.compact(keep=[2])

    assert (keys.tolist(), vectors.tolist()) == ([1], [vector(1)])
    assert reader.refresh()
    assert reader.rows()[0].tolist() == [2]


def test_of_two_writers_one_is_refused(path: Path):
    with VectorWriter(path, DIMENSIONS), pytest.raises(BlockingIOError):
        VectorWriter(path, DIMENSIONS).__enter__()

    put(path, 1)
    assert contents(path).keys() == {1}


def test_vectors_of_another_length_are_another_file(path: Path):
    put(path, 1)

    with VectorWriter(path, 2) as writer:
        assert writer.rows == 0
        writer.put([4], np.array([[1.0, 2.0]]), 1)

    assert contents(path) == {}


@pytest.mark.parametrize("damage", ["cut", "newest_header", "both_headers", "garbage"])
def test_a_damaged_file_is_never_believed_further_than_it_is_whole(path: Path, damage: str):
    put(path, 1)
    put(path, 2)
    raw = bytearray(path.read_bytes())
    if damage == "cut":
        raw = raw[:-4]
    elif damage == "newest_header":  # the first writing went to the second slot, so the second went to the first
        raw[8] ^= 0xFF
    elif damage == "both_headers":
        raw[8] ^= 0xFF
        raw[520] ^= 0xFF
    else:
        raw = bytearray(random.Random(1).randbytes(len(raw)))
    path.write_bytes(raw)

    survivors = {"cut": {1}, "newest_header": {1}, "both_headers": set(), "garbage": set()}[damage]
    assert contents(path).keys() == survivors
    put(path, 3)
    assert contents(path).keys() == survivors | {3}


def test_whoever_dies_before_the_header_has_written_nothing(path: Path):
    put(path, 1)
    with path.open("ab") as stream:  # rows that no header counts
        stream.write(b"\x07" * 57)

    assert contents(path).keys() == {1}
    put(path, 2)
    assert contents(path) == {1: vector(1), 2: vector(2)}


def test_whoever_dies_before_striking_out_leaves_no_double(path: Path):
    put(path, 1, 2)
    strike, VectorWriter._strike = VectorWriter._strike, lambda self, places: None
    try:
        put(path, 1, by=0.5)
    finally:
        VectorWriter._strike = strike

    put(path, 3)

    assert contents(path) == {1: vector(1.5), 2: vector(2), 3: vector(3)}
