"""Closed beyond this machine unless somebody says otherwise."""

import pytest

from api.services.start_rules import FIRST_KEY, check_start, host_of, may_be_open
from shared.errors import InvalidRequest
from shared.settings import Settings

LOOPBACK = ["127.0.0.1", "localhost", "::1", "[::1]:2020", "127.0.0.1:2020", "127.0.0.2", "localhost:80"]
BEYOND = [
    "0.0.0.0",
    "::",
    "0.0.0.0:2020",
    "[::]:2020",
    "192.168.1.5",
    "rack.example",
    "rack.example:80",
    "",
    "10.0.0.1:1",
]


@pytest.mark.parametrize("address", BEYOND)
def test_beyond_loopback_it_does_not_start_without_a_key_and_says_how_to_make_one(address):
    with pytest.raises(InvalidRequest) as refused:
        check_start(Settings(), [address], has_key=False)

    assert FIRST_KEY in refused.value.message
    assert "--insecure" in refused.value.message


@pytest.mark.parametrize("address", LOOPBACK)
def test_on_loopback_it_starts(address):
    check_start(Settings(), [address], has_key=False)


def test_one_address_beyond_is_enough():
    with pytest.raises(InvalidRequest, match=r"10\.0\.0\.1"):
        check_start(Settings(), ["127.0.0.1:2020", "10.0.0.1:2020"], has_key=False)


def test_with_a_key_or_on_demand_it_starts_anywhere():
    check_start(Settings(), BEYOND, has_key=True)
    check_start(Settings(insecure=True), BEYOND, has_key=False)
    check_start(Settings(trusted_proxies="10.0.0.7", proxy_user_header="X-Forwarded-User"), BEYOND, has_key=False)


def test_it_may_be_open_on_loopback_or_on_demand_only():
    assert may_be_open(Settings())
    assert may_be_open(Settings(host="0.0.0.0", insecure=True))
    assert not may_be_open(Settings(host="0.0.0.0"))
    assert not may_be_open(Settings(trusted_proxies="10.0.0.7", proxy_user_header="X-Forwarded-User"))


@pytest.mark.parametrize(
    ("address", "host"), [("a:1", "a"), ("[::1]:2", "::1"), ("::1", "::1"), ("unix:/x", "unix:/x")]
)
def test_an_address_to_listen_on_is_read(address, host):
    assert host_of(address) == host
