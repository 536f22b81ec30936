from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from api.library.filters import AssetFilter, milliseconds, tag_name


def test_a_day_means_its_first_moment_in_utc():
    wanted = AssetFilter.model_validate_json('{"after": "2026-11-01"}')

    assert wanted.after == datetime(2026, 11, 1, tzinfo=UTC)
    assert milliseconds(wanted.after) == 1_793_491_200_000


def test_a_filter_survives_being_saved():
    wanted = AssetFilter(model=("a", "b"), tag=("x",), without=(AssetFilter(favourite=True),), nsfw_max=0.5)

    assert AssetFilter.model_validate_json(wanted.model_dump_json(exclude_defaults=True)) == wanted


@pytest.mark.parametrize(
    "said",
    [
        '{"colour": "red"}',
        '{"stars_min": 6}',
        '{"stars_min": "4"}',
        '{"after": "yesterday"}',
        '{"after": 5}',
        '{"tag": ["a\\u0000b"]}',
        '{"ids": ["ast_1"]}',
        '{"model": [""]}',
        '{"without": [{"colour": 1}]}',
        '{"seed": 9223372036854775808}',
        '{"without": [{"without": [{"without": [{"without": [{}]}]}]}]}',
        '{"also": [' + ", ".join(['{"also": [{}, {}, {}]}'] * 30) + "]}",
    ],
)
def test_what_is_no_filter_is_refused(said: str):
    with pytest.raises(ValidationError):
        AssetFilter.model_validate_json(said)


def test_a_tag_has_one_spelling():
    assert tag_name("  Golden   RETRIEVER ") == "golden retriever"
