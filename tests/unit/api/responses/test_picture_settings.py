"""What a picture says → a request that is accepted, and a reason for everything that is not in it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.library.importing.foreign import Foreign
from api.responses.picture_settings import TAKEN, request_of
from shared.contracts.generation import GenerateRequest
from shared.models.catalogue import load_catalogue
from shared.models.effective import effective_params
from shared.settings import Settings

CATALOGUE = load_catalogue(Settings())
USUAL = {
    "prompt": "a cat",
    "negative_prompt": "blurry",
    "steps": 12,
    "guidance_scale": 5.0,
    "scheduler": "euler",
    "schedule": "karras",
    "seed": 7,
    "width": 128,
    "height": 128,
}


def said(**fields) -> Foreign:
    return Foreign("a1111", fields, "as it stands")


def reasons(left) -> dict[str, str]:
    return {each.field: each.reason for each in left}


def test_what_fits_is_taken_as_it_is_and_the_model_where_it_is_here():
    request, left = request_of(said(**USUAL, model="sdxl-toy", model_hash="31e35c80fc"), CATALOGUE)

    assert request == USUAL | {"model": "sdxl-toy"}
    assert left == ()


def test_a_model_that_is_not_here_is_named_and_the_rest_kept():
    request, left = request_of(said(**USUAL, model="juggernautXL_v9"), CATALOGUE)

    assert request == USUAL
    assert "unknown model 'juggernautXL_v9'" in reasons(left)["model"]


@pytest.mark.parametrize("model", ["opennsfw", "moondream-toy"])
def test_a_model_that_makes_no_pictures_is_not_asked_for_one(model):
    assert "makes no pictures" in reasons(request_of(said(prompt="x", model=model), CATALOGUE)[1])["model"]


def test_adapters_and_a_start_picture_are_named_as_missing():
    request, left = request_of(said(prompt="x", strength=0.4, loras=[{"name": "ink", "weight": 0.8}]), CATALOGUE)

    assert request == {"prompt": "x"}
    assert reasons(left).keys() == {"strength", "loras"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("width", 1001), ("steps", 100_000), ("guidance_scale", -1.0), ("scheduler", "restart"), ("prompt", "x" * 9000)],
)
def test_what_no_request_takes_is_left_out_with_its_value(field, value):
    _, left = request_of(said(**USUAL | {field: value}), CATALOGUE)

    assert [(each.field, each.value) for each in left if each.field == field] == [(field, value)]


def test_what_is_beyond_the_models_limits_is_left_out():
    request, left = request_of(said(**USUAL | {"width": 4096}, model="sdxl-toy"), CATALOGUE)

    assert "width" not in request
    assert "width" in reasons(left)


def test_a_file_without_a_prompt_says_nothing_to_repeat():
    assert request_of(Foreign(), CATALOGUE) == ({}, ())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(TAKEN),
        st.one_of(st.integers(-5, 5000), st.floats(0, 60), st.text(max_size=20), st.none()),
    ),
    st.sampled_from(["", "sdxl-toy", "sdxl", "nobody"]),
)
def test_whatever_a_file_says_the_request_is_one_that_is_accepted(fields, model):
    request, left = request_of(said(**fields, **({"model": model} if model else {})), CATALOGUE)

    assert {*request, *reasons(left)} >= ({*fields} if "prompt" in request else set())
    if request:
        card = CATALOGUE.get(request.get("model", "sdxl"))
        accepted = GenerateRequest.model_validate(request)
        if "model" in request:
            effective_params(accepted, card, image_id=None)
