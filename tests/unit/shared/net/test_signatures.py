"""A receiver can tell our webhooks from others', and new ones from repeated ones."""

import pytest

from shared.net.signatures import is_genuine, signature

SECRET, BODY = "a secret of sixteen", b'{"event": "batch.ended"}'


def test_what_we_signed_is_genuine():
    assert is_genuine(signature(SECRET, BODY, 1_700_000_000), SECRET, BODY, now_s=1_700_000_010)


@pytest.mark.parametrize(
    ("secret", "body", "now_s"),
    [
        ("another secret of us", BODY, 1_700_000_000),
        (SECRET, BODY + b" ", 1_700_000_000),
        (SECRET, BODY, 1_700_000_000 + 301),
        (SECRET, BODY, 1_700_000_000 - 301),
    ],
)
def test_another_secret_another_body_or_another_time_is_not(secret, body, now_s):
    assert not is_genuine(signature(SECRET, BODY, 1_700_000_000), secret, body, now_s=now_s)


@pytest.mark.parametrize("header", ["", "t=,v1=", "t=1", "v1=ab", "t=x,v1=y", "t=1700000000,v1=é", "t=²,v1=a", "a,b"])
def test_nonsense_is_not(header):
    assert not is_genuine(header, SECRET, BODY, now_s=1_700_000_000)


def test_a_changed_time_breaks_the_signature():
    _, _, digest = signature(SECRET, BODY, 1_700_000_000).partition(",")

    assert not is_genuine(f"t=1700000005,{digest}", SECRET, BODY, now_s=1_700_000_005)
