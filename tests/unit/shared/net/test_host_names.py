"""Host and Origin headers, read strictly."""

import pytest

from shared.net.host_names import Origin, Place, is_loopback, read_address, read_origin, read_place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("darkroom.example", Place("darkroom.example", 80)),
        ("Darkroom.Example:8443", Place("darkroom.example", 8443)),
        ("127.0.0.1:2020", Place("127.0.0.1", 2020)),
        ("[::1]:2020", Place("::1", 2020)),
        ("[0:0:0:0:0:0:0:1]", Place("::1", 80)),
        ("[::ffff:127.0.0.1]:1", Place("127.0.0.1", 1)),
        ("my_host:1", Place("my_host", 1)),
    ],
)
def test_a_name_and_a_port_have_one_spelling(text, place):
    assert read_place(text) == place


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", ":80", "a b", "a,b", "a:80,b:80", "user@host", "user:pw@host:80", "host/", "host#", "host?x"),
        *(
            "::1",
            "[::1",
            "[::1%eth0]",
            "[fe80::1%25lo]",
            "[localhost]",
            "[]",
            "[::1]x",
            "host:",
            "host:x",
            "host:99999",
        ),
        *("host:-1", "höst", "host\n", "host\x00", "host:80:80", "a" * 254),
    ],
)
def test_what_is_no_name_and_port_names_nobody(text):
    assert read_place(text) is None


def test_without_a_port_the_schemes_own_counts():
    assert read_place("a", "https") == Place("a", 443)
    assert read_origin("https://a") == Origin("https", Place("a", 443)) == read_origin("HTTPS://A:443")


@pytest.mark.parametrize(
    "text",
    [
        *("null", "", "a.example", "//a.example", "ftp://a.example", "file://", "http://", "https://a.example/"),
        *("https://u@a.example", "https://u:p@a.example", "https://a.example https://b.example"),
        *(
            "https://a.example,https://b.example",
            "https://a.example?x",
            "https://a.example\\b",
            "chrome-extension://abc",
        ),
    ],
)
def test_what_is_no_origin_of_a_web_page_is_none(text):
    assert read_origin(text) is None


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LocalHost", "localhost.", "app.localhost", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"),
        *("127.0.0.1.",),
    ],
)
def test_names_of_this_machine_are_known(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost.example", "notlocalhost", "127.0.0.1.nip.io", "0.0.0.0", "::", "10.0.0.1", "127.1", "0x7f.1", ""),
        *("2130706433", "localhost..", "::ffff:10.0.0.1"),
    ],
)
def test_what_only_looks_like_it_is_not(host):
    assert not is_loopback(host)


def test_an_ipv4_address_in_ipv6_is_the_ipv4_one():
    assert str(read_address("::ffff:10.0.0.7")) == "10.0.0.7"
    assert read_address("fe80::1%eth0") is None
