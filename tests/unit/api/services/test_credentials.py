"""What a request shows of a key."""

import base64

import pytest

from api.services.credentials import UNREADABLE, shown_key


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"Authorization": "Bearer s3cret"}, "s3cret"),
        ({"Authorization": "bearer  with:colons "}, "with:colons"),
        ({"Authorization": basic("anybody:s3cret")}, "s3cret"),
        ({"Authorization": basic(":with:colons")}, "with:colons"),
        ({"X-Api-Key": "s3cret"}, "s3cret"),
        ({"Authorization": "Bearer one", "X-Api-Key": "other"}, "one"),
        ({}, None),
    ],
)
def test_a_key_is_read_from_where_it_may_stand(headers, key):
    assert shown_key(headers) == key


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "s3cret",
        "Basic s3cret",
        "Basic",
        "Basic ????",
        "Basic \udcff",
        basic("no colon"),
        "Digest x",
    ],
)
def test_what_cannot_be_read_is_no_key_and_no_other_header_stands_in_for_it(authorization):
    assert shown_key({"Authorization": authorization, "X-Api-Key": "s3cret"}) == UNREADABLE
