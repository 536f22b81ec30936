"""What a proxy says of the client behind it."""

import pytest

from api.services.trusted_proxies import PROXY_USER, trusted_proxies
from shared.errors import InvalidRequest
from shared.settings import Settings

PROXY, CLIENT, STRANGER = "10.0.0.7", "203.0.113.9", "198.51.100.4"


def resolved(peer: str = PROXY, *, user_header: str | None = "X-Forwarded-User", **headers: str) -> dict[str, str]:
    """The WSGI environment after the door has read what the proxy said; headers by their names in WSGI, without HTTP_."""
    settings = Settings(trusted_proxies="10.0.0.0/24,fd00::/8", proxy_user_header=user_header)
    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "HTTP_HOST": "inner:2020"}
    environ |= {f"HTTP_{name}": value for name, value in headers.items()}
    trusted_proxies(settings).resolve(environ)
    return environ


def test_behind_a_listed_proxy_the_client_is_who_it_says():
    seen = resolved(X_FORWARDED_FOR=CLIENT, X_FORWARDED_PROTO="https", X_FORWARDED_HOST="darkroom.example")

    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"], seen["HTTP_HOST"]) == (CLIENT, "https", "darkroom.example")


def test_from_anybody_else_none_of_it_counts_and_none_of_it_is_left():
    seen = resolved(
        STRANGER,
        X_FORWARDED_FOR="127.0.0.1",
        X_FORWARDED_PROTO="https",
        X_FORWARDED_HOST="localhost",
        X_FORWARDED_USER="ann",
        X_REAL_IP="127.0.0.1",
        FORWARDED="for=127.0.0.1",
    )

    assert seen == {"REMOTE_ADDR": STRANGER, "wsgi.url_scheme": "http", "HTTP_HOST": "inner:2020"}


@pytest.mark.parametrize(
    ("sent", "client"),
    [
        (CLIENT, CLIENT),
        # What the client itself wrote stands before what the proxy appended.
        (f"127.0.0.1, {CLIENT}", CLIENT),
        (f"10.0.0.9, {CLIENT}, 10.0.0.8", CLIENT),
        (f"{STRANGER},{CLIENT},10.0.0.8 , 10.0.0.9", CLIENT),
        ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        (f"{CLIENT}:4711", CLIENT),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        (f"::ffff:{CLIENT}", CLIENT),
        # What is no address ends the search: nobody before it is believed.
        (f"{STRANGER}, unknown", PROXY),
        (f"{STRANGER}, evil, 10.0.0.8", "10.0.0.8"),
        ("", PROXY),
        (" , ", PROXY),
        ("localhost", PROXY),
        ("127.1", PROXY),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy_of_ours(sent, client):
    assert resolved(X_FORWARDED_FOR=sent)["REMOTE_ADDR"] == client


@pytest.mark.parametrize("peer", ["fd00::1", "::ffff:10.0.0.7"])
def test_a_listed_proxy_is_known_by_any_spelling_of_its_address(peer):
    assert resolved(peer, X_FORWARDED_FOR=CLIENT)["REMOTE_ADDR"] == CLIENT


@pytest.mark.parametrize("peer", ["", "10.0.1.7", "unix:", "10.0.0.7.evil", "fe80::1%eth0"])
def test_who_is_not_listed_is_not_believed(peer):
    assert resolved(peer, X_FORWARDED_FOR=CLIENT)["REMOTE_ADDR"] == peer


@pytest.mark.parametrize(
    ("sent", "scheme"), [("HTTPS", "https"), ("http, https", "https"), ("https,http", "http"), ("wss", "http")]
)
def test_the_scheme_is_what_the_nearest_proxy_wrote_last(sent, scheme):
    assert resolved(X_FORWARDED_PROTO=sent)["wsgi.url_scheme"] == scheme


@pytest.mark.parametrize("host", ["evil.example, darkroom.example", "darkroom.example"])
def test_the_host_is_what_the_nearest_proxy_wrote_last(host):
    assert resolved(X_FORWARDED_HOST=host)["HTTP_HOST"] == "darkroom.example"


@pytest.mark.parametrize("host", ["a b", "user@darkroom.example", "darkroom.example/x", ""])
def test_what_is_no_host_is_none(host):
    assert resolved(X_FORWARDED_HOST=host)["HTTP_HOST"] == "inner:2020"


def test_the_person_is_whom_a_listed_proxy_names():
    assert resolved(X_FORWARDED_USER="ann")[PROXY_USER] == "ann"


def test_the_person_is_read_from_the_configured_header_only():
    assert resolved(user_header="X-Auth-Name", X_AUTH_NAME="ann", X_FORWARDED_USER="eve")[PROXY_USER] == "ann"
    assert PROXY_USER not in resolved(user_header="X-Auth-Name", X_FORWARDED_USER="eve")
    assert PROXY_USER not in resolved(user_header=None, X_FORWARDED_USER="eve")
    assert "HTTP_X_AUTH_NAME" not in resolved(STRANGER, user_header="X-Auth-Name", X_AUTH_NAME="eve")


def test_nobody_can_name_a_person_past_the_header():
    environ = {"REMOTE_ADDR": STRANGER, PROXY_USER: "ann"}

    trusted_proxies(Settings()).resolve(environ)

    assert PROXY_USER not in environ


@pytest.mark.parametrize("entry", ["10.0.0.1/24", "proxy.example", "10.0.0", "::g", "10.0.0.0/33"])
def test_what_is_no_address_is_refused_at_the_start(entry):
    with pytest.raises(InvalidRequest, match="DARKROOM_TRUSTED_PROXIES"):
        trusted_proxies(Settings(trusted_proxies=entry))


@pytest.mark.parametrize("proxies", ["none", "0.0.0.0/0", "10.0.0.7,::/0"])
def test_a_name_that_anybody_could_write_is_refused_at_the_start(proxies):
    with pytest.raises(InvalidRequest, match="DARKROOM_TRUSTED_PROXIES"):
        trusted_proxies(Settings(trusted_proxies=proxies, proxy_user_header="X-Forwarded-User"))
