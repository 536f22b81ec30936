"""Starting pictures keep their aspect."""

from PIL import Image

from tests.unit.workers.engines.parts import levels_apart, rings
from workers.engines.sdxl.vae_encoding import fit


def test_a_picture_of_the_right_size_passes_untouched():
    assert levels_apart(fit(rings(64, 48), 64, 48), rings(64, 48)) == 0


def test_a_wide_picture_loses_its_sides_evenly():
    wide = Image.new("RGB", (120, 40), "red")
    wide.paste(Image.new("RGB", (40, 40), "blue"), (40, 0))

    assert fit(wide, 40, 40).getcolors() == [(1600, (0, 0, 255))]


def test_a_tall_picture_loses_top_and_bottom_evenly():
    tall = Image.new("RGB", (40, 120), "red")
    tall.paste(Image.new("RGB", (40, 40), "blue"), (0, 40))

    assert fit(tall, 40, 40).getcolors() == [(1600, (0, 0, 255))]


def test_a_small_picture_is_enlarged_to_cover():
    assert fit(rings(10, 20), 64, 48).size == (64, 48)


def test_other_modes_become_rgb():
    assert fit(Image.new("LA", (8, 8)), 8, 8).mode == "RGB"
