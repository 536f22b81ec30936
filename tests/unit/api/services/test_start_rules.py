"""Closed beyond this machine unless somebody says otherwise."""

import pytest

from api.services.start_rules import addresses_beyond, check_listening, host_of, may_be_open
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
def test_others_reach_every_address_but_loopback(address):
    assert addresses_beyond([address, "127.0.0.1:2020"]) == [host_of(address)]


@pytest.mark.parametrize("address", LOOPBACK)
def test_on_loopback_nobody_else_does(address):
    assert addresses_beyond([address]) == []


@pytest.mark.parametrize(
    "settings",
    [
        Settings(insecure=True),
        Settings(api_keys="root:key"),
        Settings(trusted_proxies="10.0.0.7", proxy_user_header="X-Forwarded-User"),
    ],
    ids=["insecure", "a key of the environment", "a proxy that names people"],
)
def test_where_nothing_depends_on_a_key_redis_is_not_asked(settings):
    """There is none: asking would be refused."""
    check_listening(settings, BEYOND)


def test_while_redis_is_away_it_starts_for_nobody_comes_in_anyway():
    check_listening(Settings(redis_url="redis://127.0.0.1:1/0"), BEYOND)


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
