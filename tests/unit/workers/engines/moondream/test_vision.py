"""Tiling, cutting and stitching, and that pictures do not see their neighbours in a batch."""

import numpy as np
import pytest
import torch
from PIL import Image

from workers.engines.moondream.config import CROPS_PER_PASS, MOONDREAM_2B, TINY
from workers.engines.moondream.vision import choose_tiling, cut, patches, scale_pixels, stitch

# Worked out by hand from the rule: window 266 px, margins 112 px in all, at most 12 crops.
TILINGS = [
    (378, 378, (1, 1)),  # exactly one crop
    (200, 3000, (1, 1)),  # one side within a window: one crop, however long the other
    (379, 379, (3, 3)),  # needs 2×2; twelve crops allow 3×3
    (644, 1120, (2, 4)),  # needs 2×4; the aspect allows 2×4
    (1120, 644, (4, 2)),
    (800, 1000, (3, 4)),  # needs 3×4 = 12
    (1000, 1000, (3, 3)),  # needs 4×4 = 16: shrunk to 3×3
    (2000, 4000, (2, 4)),  # needs 8×15 = 120: shrunk by sqrt(12/120)
    (400, 3000, (1, 8)),  # needs 2×11 = 22: shrunk
    (400, 1500, (2, 6)),  # aspect gives 1×7, needs 2×6: the larger is cut to 12 // 2
    (1500, 400, (6, 2)),
]


@pytest.mark.parametrize(("height", "width", "tiling"), TILINGS)
def test_the_tiling_of_a_picture_is_the_one_the_weights_were_trained_with(height, width, tiling):
    assert choose_tiling(height, width, MOONDREAM_2B.vision) == tiling


def test_no_usual_shape_gets_more_crops_than_allowed():
    config = MOONDREAM_2B.vision
    sides = [1, 112, 378, 379, 500, 777, 1200, 2500, 7000]

    counts = [rows * columns for h in sides for w in sides for rows, columns in [choose_tiling(h, w, config)]]

    assert max(counts) <= config.max_crops
    assert min(counts) == 1


def test_a_cut_picture_starts_with_the_whole_one_and_overlaps_its_crops():
    config = TINY.vision
    gradient = Image.fromarray(np.tile(np.arange(96, dtype=np.uint8)[:, None, None], (1, 96, 3)))

    crops = cut(gradient, config)

    margins = 2 * config.margin * config.patch_px
    assert (crops.rows, crops.columns) == (2, 2)
    assert crops.pixels.shape == (5, 3, 64, 64)
    assert torch.equal(crops.pixels[1][:, -margins:], crops.pixels[3][:, :margins])


def test_grey_transparent_and_palette_pictures_are_cut_as_rgb():
    modes = ["L", "RGBA", "P", "CMYK"]

    cut_up = [cut(Image.new(mode, (80, 70)), TINY.vision) for mode in modes]

    assert all(crops.pixels.shape[1] == 3 for crops in cut_up)


def test_patches_are_flattened_colour_by_colour():
    pixels = torch.arange(3 * 4 * 4).reshape(1, 3, 4, 4)

    flat = patches(pixels, 2)

    assert flat.shape == (1, 4, 12)
    assert flat[0, 1].tolist() == [2, 3, 6, 7, 18, 19, 22, 23, 34, 35, 38, 39]


def test_stitching_the_windows_of_a_plane_gives_the_plane_back():
    grid, margin, rows, columns = 8, 2, 2, 3
    window = grid - 2 * margin
    plane = torch.randn(rows * window + 2 * margin, columns * window + 2 * margin, 5)
    crops = [plane[r * window :, c * window :][:grid, :grid] for r in range(rows) for c in range(columns)]

    stitched = stitch(torch.stack(crops), rows, columns, margin)

    assert torch.equal(stitched, plane)


def test_pixels_are_scaled_to_minus_one_and_one():
    assert scale_pixels(torch.tensor([0, 255], dtype=torch.uint8), torch.float32).tolist() == [-1.0, 1.0]


def test_a_picture_has_the_same_tokens_alone_and_among_others(moondream, pictures):
    crops = [cut(picture, moondream.config.vision) for picture in pictures * 3]
    assert sum(len(one.pixels) for one in crops) > CROPS_PER_PASS

    with torch.inference_mode():
        together = moondream.network.vision.encode(crops)
        alone = [moondream.network.vision.encode([one])[0] for one in crops]

    torch.testing.assert_close(together, torch.stack(alone), rtol=0, atol=1e-5)


def test_a_one_crop_picture_is_looked_at_once(moondream):
    crops = cut(Image.radial_gradient("L").resize((64, 64)), moondream.config.vision)

    assert (crops.rows, crops.columns) == (1, 1)
    assert len(crops.pixels) == 1


@pytest.mark.parametrize("size", [(64, 64), (20, 64), (300, 40), (1, 1), (63, 500)])
def test_looking_once_gives_the_tokens_of_looking_twice(moondream, size):
    vision = moondream.network.vision
    crops = cut(Image.effect_noise(size, 80), vision.config)
    pixels = scale_pixels(crops.pixels, torch.float32)

    with torch.inference_mode():
        whole, local = vision.features(pixels)[0], vision.features(pixels)[0].unflatten(0, (8, 8))[None]
        pooled = torch.nn.functional.adaptive_avg_pool2d(stitch(local, 1, 1, vision.config.margin).permute(2, 0, 1), 8)
        twice = vision.proj_mlp(torch.cat([whole, pooled.flatten(1).T], dim=-1))
        once = vision.encode([crops])[0]

    torch.testing.assert_close(once, twice, rtol=0, atol=1e-6)


def test_one_and_many_crops_in_one_call_keep_their_order(moondream):
    vision = moondream.network.vision
    crops = [cut(Image.effect_noise(size, 80), vision.config) for size in ((64, 64), (150, 200), (20, 30), (200, 90))]

    with torch.inference_mode():
        together = vision.encode(crops)
        alone = torch.stack([vision.encode([one])[0] for one in crops])

    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_a_one_crop_picture_has_the_same_tokens_in_training(moondream):
    crops = cut(Image.radial_gradient("L").resize((64, 64)), moondream.config.vision)
    pixels = scale_pixels(crops.pixels[:1], torch.float32)

    with torch.inference_mode():
        trained = moondream.network.vision.tokens_of_one_crop(pixels)
        encoded = moondream.network.vision.encode([crops])

    torch.testing.assert_close(trained, encoded, rtol=0, atol=1e-5)
