"""Pictures that are no postcards: of one size, the same for the same chance, photographs from a folder among them."""

import random
from pathlib import Path

import pytest
from PIL import Image

from workers.starter.foreign import DRAWINGS, foreign_picture, load_photos
from workers.starter.paint import paint
from workers.starter.pictures import worn
from workers.starter.world import SIDE_PX, scene_from_seed


@pytest.mark.parametrize("drawing", dict.fromkeys(DRAWINGS))
def test_every_sort_of_drawing_is_a_picture_and_follows_its_chance(drawing):
    pictures = [drawing(random.Random(seed)) for seed in (1, 1, 2, 3)]

    assert {picture.size for picture in pictures} == {(SIDE_PX, SIDE_PX)}
    assert {picture.mode for picture in pictures} == {"RGB"}
    assert pictures[0].tobytes() == pictures[1].tobytes()
    assert len({picture.tobytes() for picture in pictures}) > 1


def test_photographs_come_from_the_folder_and_other_files_are_left_alone(tmp_path: Path):
    Image.new("RGB", (900, 300), (200, 10, 30)).save(tmp_path / "one.jpg")
    (tmp_path / "README.txt").write_text("no picture")
    photos = load_photos(tmp_path)

    assert [max(photo.size) for photo in photos] == [480]
    assert foreign_picture(random.Random(0), photos).size == (SIDE_PX, SIDE_PX)


def test_a_worn_card_is_changed_but_little():
    card = paint(scene_from_seed(5))
    copies = [worn(card, random.Random(seed)).resize(card.size) for seed in range(12)]

    assert all(copy.mode == "RGB" for copy in copies)
    differences = [
        sum(abs(a - b) for a, b in zip(card.tobytes(), copy.tobytes(), strict=True)) / (3 * SIDE_PX**2)
        for copy in copies
    ]
    assert 0 < max(differences) < 30
