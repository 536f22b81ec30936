"""What reading a request refuses, and how it says so."""

import pytest

from api.requests.parsing import nearest, parse_json
from api.requests.submission import body_hash, preferred_wait_s
from shared.contracts.generation import GenerateRequest
from shared.errors import MalformedRequest


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "{]",
        '{"a": NaN}',
        '{"a": -Infinity}',
        "[" * 100_000,
        '{"a": 1, "a": 2}',
        "1" * 5000,
        "'a'",
        "{a: 1}",
    ],
)
def test_what_is_not_strict_json_is_malformed(text):
    with pytest.raises(MalformedRequest):
        parse_json(text)


def test_strict_json_is_read_as_it_is():
    assert parse_json('{"a": [1, 2.5, "\\u00e9", null, true]}') == {"a": [1, 2.5, "é", None, True]}


def test_a_slip_of_the_keyboard_is_met_with_the_right_name():
    assert nearest("guidence_scale", ["guidance_scale", "steps"]) == "did you mean guidance_scale?"


def test_a_name_like_no_other_is_met_with_all_of_them():
    assert nearest("zzz", ["prompt", "steps"]) == "known: prompt, steps"


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        ("wait=10", 10),
        ("respond-async, wait=10", 10),
        ('WAIT="5"; foo=bar', 5),
        (" wait = 7 ", 7),
        ("wait=1,wait=9", 1),
        ("", 0),
        ("wait", 0),
        ("wait=soon", 0),
        ("wait=-1", 0),
        ("wait=1.5", 0),
        ("handling=lenient", 0),
    ],
)
def test_the_prefer_header_is_read_leniently(prefer, wait_s):
    assert preferred_wait_s(prefer) == wait_s


def test_bodies_that_mean_the_same_have_the_same_hash():
    one = GenerateRequest.model_validate_json('{"prompt": "x", "scheduler": "Euler a", "seed": 1}')
    other = GenerateRequest.model_validate_json('{"seed":1,"scheduler":"euler_ancestral","prompt":"x"}')

    assert body_hash(one) == body_hash(other)


def test_another_prompt_is_another_body():
    assert body_hash(GenerateRequest(prompt="x")) != body_hash(GenerateRequest(prompt="y"))


@pytest.mark.parametrize("written", ["7.0", "7", "7.000", "70e-1", "0.7e1"])
def test_a_whole_number_is_an_integer_however_it_is_written(written):
    value = parse_json(f'{{"steps": {written}}}')["steps"]

    assert (value, type(value)) == (7, int)


@pytest.mark.parametrize("written", ["7.5", "1e300", "9007199254740994.0", "-0.25"])
def test_what_is_not_whole_or_not_exact_stays_a_float(written):
    assert isinstance(parse_json(written), float)
