"""Keys as text."""

import pytest

from shared.accounts.key_text import digest_of, new_key_text, parse_key_text


def test_a_key_is_read_as_it_was_written():
    made = new_key_text()

    assert parse_key_text(str(made)) == made


def test_no_two_keys_are_alike_and_their_secrets_have_256_bits():
    made = [new_key_text() for _ in range(200)]

    assert len({each.id for each in made}) == len({each.secret for each in made}) == 200
    assert all(len(each.secret) == 43 for each in made)


def test_another_secret_of_a_key_keeps_its_id():
    assert new_key_text("abcd1234").id == "abcd1234"


def test_what_a_log_shows_of_a_key_has_no_secret():
    made = new_key_text()

    assert made.secret not in repr(made)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dr_",
        "dr_short_x",
        "DR_abcdefgh_" + "x" * 43,
        "dr_abcdefgh_" + "x" * 44,
        "dr_abcdefgh_" + "é" * 43,
        "s3cret",
    ],
)
def test_anything_else_is_no_key(text):
    assert parse_key_text(text) is None


def test_any_text_has_a_digest():
    assert len(digest_of("\udcff")) == 64
    assert digest_of("a") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
