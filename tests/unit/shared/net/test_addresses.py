"""Callers name addresses; only public ones are reached, and only the one that was checked."""

import pytest

from shared.errors import InvalidRequest
from shared.net.addresses import check_url, is_public, pin


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "2001:db8::1", "nonsense"),
    ],
)
def test_addresses_that_are_not_of_the_internet_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/", "ftp://example.org/", "https://", "example.org", "", "https://user:pw@example.org/"),
        *(
            "https://localhost/",
            "https://x.localhost./",
            "https://127.0.0.1/",
            "https://[::1]:8443/",
            "https://a.internal/",
        ),
        *("https://2130706433/", "https://0x7f000001/", "https://127.1/"),
    ],
)
def test_such_addresses_are_refused(url):
    with pytest.raises(InvalidRequest):
        pin(url, allow_private=False, resolve=lambda host, port: ["127.0.0.1"])


def test_a_public_https_address_passes():
    assert check_url("https://example.org/hook?x=1", allow_private=False).host == "example.org"


def test_a_name_with_one_private_address_among_public_ones_is_refused():
    with pytest.raises(InvalidRequest):
        pin("https://example.org/", allow_private=False, resolve=lambda host, port: ["1.1.1.1", "10.0.0.1"])


def test_the_request_goes_to_the_address_that_was_checked_and_still_names_the_host():
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])

    pinned = pin("https://example.org:8443/a?b=c", allow_private=False, resolve=lambda host, port: next(answers))

    assert pinned.url == "https://1.1.1.1:8443/a?b=c"
    assert pinned.as_request() == {
        "headers": {"Host": "example.org:8443"},
        "extensions": {"sni_hostname": "example.org"},
        "follow_redirects": False,
    }


def test_a_name_without_an_address_is_refused_as_the_callers_mistake():
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError("unknown")

    with pytest.raises(InvalidRequest, match="no address"):
        pin("https://example.invalid/", allow_private=False, resolve=nowhere)


def test_private_addresses_are_reached_where_the_settings_allow_it():
    pinned = pin("http://box.local/", allow_private=True, schemes=("http",), resolve=lambda host, port: ["10.0.0.1"])

    assert pinned.url == "http://10.0.0.1/"
