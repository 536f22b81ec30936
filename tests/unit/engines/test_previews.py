"""The small picture shows what the latents show."""

import torch

from workers.sdxl.previews import RGB_BIAS, preview


def test_empty_latents_are_the_bias_colour():
    assert preview(torch.zeros(4, 2, 3)).getpixel((0, 0)) == RGB_BIAS


def test_a_preview_has_the_size_of_the_latents_and_any_precision_will_do():
    picture = preview(torch.randn(4, 5, 7, dtype=torch.bfloat16) * 100)

    assert (picture.size, picture.mode) == ((7, 5), "RGB")


def test_the_first_channel_is_light():
    dark, light = (sum(preview(torch.tensor([v, 0.0, 0.0, 0.0]).view(4, 1, 1)).getpixel((0, 0))) for v in (-1.0, 1.0))

    assert dark < light


def test_broken_numbers_still_give_a_picture():
    assert preview(torch.full((4, 1, 1), float("nan"))).size == (1, 1)
