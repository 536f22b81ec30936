"""Tokens of links: only who has the secret makes one, and none outlives its second."""

import pytest

from api.services.share_links import id_in, token_of
from shared.contracts.share_links import Share, new_share_id

SECRET = b"s" * 32
SHARE = Share(id=new_share_id(), person="anna", picture="img_" + "0" * 32, created_at_ms=0, expires_at_ms=2_000_000)


def test_a_token_names_its_share_until_its_second():
    token = token_of(SHARE, SECRET)

    assert id_in(token, SECRET, 1999.9) == SHARE.id
    assert id_in(token, SECRET, 2000.0) is None


def test_another_secret_makes_no_link():
    assert id_in(token_of(SHARE, b"other"), SECRET, 0.0) is None


@pytest.mark.parametrize("place", [0, 23, 25, 28, -1])
def test_a_changed_letter_makes_no_link(place):
    token = list(token_of(SHARE, SECRET))
    token[place] = "1" if token[place] != "1" else "2"

    assert id_in("".join(token), SECRET, 0.0) is None


@pytest.mark.parametrize("token", ["", "x", "0" * 24, "../..", "0" * 24 + "-9-" + "0" * 32, "é" * 70, "\n"])
def test_what_is_no_token_names_nothing(token):
    assert id_in(token, SECRET, 0.0) is None


def test_a_newline_behind_a_token_makes_another_text_of_it():
    assert id_in(token_of(SHARE, SECRET) + "\n", SECRET, 0.0) is None
