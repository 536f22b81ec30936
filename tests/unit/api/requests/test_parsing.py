"""What reading a request refuses, and how it says so."""

import pytest

from api.requests.parsing import parse_json
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


@pytest.mark.parametrize("written", ["7.0", "7", "7.000", "70e-1", "0.7e1"])
def test_a_whole_number_is_an_integer_however_it_is_written(written):
    value = parse_json(f'{{"steps": {written}}}')["steps"]

    assert (value, type(value)) == (7, int)


@pytest.mark.parametrize("written", ["7.5", "1e300", "9007199254740994.0", "-0.25"])
def test_what_is_not_whole_or_not_exact_stays_a_float(written):
    assert isinstance(parse_json(written), float)
