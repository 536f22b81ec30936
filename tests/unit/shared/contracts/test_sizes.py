"""Pictures that start from another one keep its aspect, within what the model can do; and it is known what was cut off."""

import pytest

from shared.contracts.generation import GenerateRequest
from shared.contracts.sizes import SizeRule, seen_part
from shared.models.catalogue import load_catalogue
from shared.models.effective import effective_params
from shared.settings import Settings

CATALOGUE = load_catalogue(Settings())
MAKERS = [card.id for card in CATALOGUE.of_kind("generate")]


def made_size(model, size, **wishes):
    request = GenerateRequest(prompt="a fox", **wishes)
    params = effective_params(request, CATALOGUE.get(model), image_id="img_1", image_size=size)
    return params.width, params.height


@pytest.mark.parametrize(
    ("model", "picture", "made"),
    [
        ("sdxl", (1024, 1024), (1024, 1024)),
        ("sdxl", (3000, 4000), (896, 1152)),
        ("sdxl", (4032, 3024), (1152, 896)),
        ("sdxl", (1920, 1080), (1344, 768)),
        ("sdxl", (10, 10), (1024, 1024)),
        ("sdxl-anime", (500, 500), (1024, 1024)),
        ("sdxl-starter", (120, 160), (112, 144)),
        ("sdxl-starter", (160, 120), (144, 112)),
        ("sdxl-starter", (64, 64), (128, 128)),
    ],
)
def test_without_a_size_the_pictures_aspect_is_kept_at_the_models_count_of_pixels(model, picture, made):
    assert made_size(model, picture) == made


@pytest.mark.parametrize("model", MAKERS)
@pytest.mark.parametrize("picture", [(65_500, 1), (1, 65_500), (8_000, 1_000), (3, 2), (1, 1), (16_383, 16_383)])
def test_a_size_that_follows_a_picture_is_always_one_the_model_makes(model, picture):
    limits = CATALOGUE.get(model).limits

    width, height = made_size(model, picture)

    assert limits.min_side_px <= min(width, height)
    assert max(width, height) <= limits.max_side_px
    assert width * height <= max(limits.max_megapixels * 1e6, limits.min_side_px**2)
    assert width % limits.size_step_px == height % limits.size_step_px == 0


def test_a_picture_too_long_for_the_model_gets_its_longest_side():
    assert made_size("sdxl", (8_000, 1_000)) == (2048, 384)
    assert made_size("sdxl-starter", (1_000, 50)) == (256, 64)


def test_a_size_that_is_asked_for_counts():
    assert made_size("sdxl", (3000, 4000), width=512, height=768) == (512, 768)
    assert made_size("sdxl", (3000, 4000), width=512) == (512, 1024)


def test_pixels_are_given_up_where_rounding_would_pass_the_limit():
    rule = SizeRule(pixels=1_000_000, step_px=64, min_side_px=64, max_side_px=2048, max_pixels=1_000_000)

    width, height = rule.size_for(1000, 1000)

    assert width * height <= 1_000_000


def test_limits_between_two_multiples_are_met_in_smaller_steps():
    rule = SizeRule(pixels=10_000, step_px=64, min_side_px=72, max_side_px=120, max_pixels=20_000)

    assert rule.size_for(100, 100) == (104, 104)


@pytest.mark.parametrize(
    ("picture", "made", "seen"),
    [
        ((200, 100), (64, 64), (50, 0, 150, 100)),
        ((100, 200), (64, 64), (0, 50, 100, 150)),
        ((200, 100), (128, 64), None),
        ((64, 48), (128, 96), None),
        ((3000, 4000), (896, 1152), (0, 71, 3000, 3929)),
    ],
)
def test_what_is_seen_of_a_picture_is_known_in_its_own_pixels(picture, made, seen):
    assert seen_part(picture, made) == seen
