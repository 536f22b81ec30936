"""The reference hashes were computed by thumbhash 0.1.1 of npm from the same pixels."""

import base64

import numpy as np
import pytest
from PIL import Image, ImageFilter

from shared.pictures.fingerprints import fingerprints, signed, thumbhash, unsigned


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((100, 60), "6529063c965f8777f47179b8757844fbc50c58"),
        ((60, 100), "a0f8092c1468f89bc767777878872d0803ea95"),
        ((64, 64), "19680a3f0efe67878c878854887887887877679d70ff470c"),
        ((100, 7), "6208063986418878a979a7303601230e3c"),
        ((3, 90), "95b8093116f963a988887788535007d699"),
        ((1, 1), "9de8392f0608f708888788708f7088f80888808008f7870f"),
    ],
)
def test_a_thumbhash_is_that_of_the_reference_implementation(size: tuple[int, int], expected: str):
    assert thumbhash(_pictures()[size]).hex() == expected


def test_the_same_picture_encoded_again_differs_in_few_bits_and_another_in_many():
    picture = _drawn(1)
    softer = picture.resize((300, 200)).filter(ImageFilter.GaussianBlur(1))

    first, again, other = (fingerprints(each).dhash for each in (picture, softer, _drawn(2)))

    assert _distance(first, again) <= 3
    assert _distance(first, other) >= 10


def test_fingerprints_name_the_size_of_the_whole_picture():
    found = fingerprints(_drawn(1))

    assert (found.width, found.height) == (600, 400)
    assert len(base64.b64decode(found.thumbhash)) <= 25
    assert len(found.dhash) == 16


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (8, 8)])
def test_no_size_is_too_odd(size: tuple[int, int]):
    found = fingerprints(Image.new("RGB", size, "white"))

    assert found.dhash == "0" * 16
    assert found.thumbhash


@pytest.mark.parametrize("digits", ["0" * 16, "f" * 16, "8000000000000000", "7fffffffffffffff"])
def test_a_hash_survives_a_database_that_knows_signed_numbers_only(digits: str):
    assert unsigned(signed(digits)) == digits


def _pictures() -> dict[tuple[int, int], Image.Image]:
    rng = np.random.default_rng(1)
    sizes = [(100, 60), (60, 100), (64, 64), (100, 7), (3, 90), (1, 1)]
    return {
        size: Image.fromarray(rng.integers(0, 255, (3, 3, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
        for size in sizes
    }


def _drawn(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((600, 400), Image.Resampling.BICUBIC)


def _distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()
