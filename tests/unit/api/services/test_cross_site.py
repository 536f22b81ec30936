"""Requests that another site's page may have sent, and names that are not ours."""

import pytest

from api.services.cross_site import Sent, foreign_page, listed_origins, unknown_host
from shared.errors import InvalidRequest
from shared.settings import Settings

SHIPPED = listed_origins(Settings.model_fields["cors_origins"].default)
NONE = listed_origins(())


def sent(
    method: str = "POST",
    *,
    origin: str | None = None,
    site: str | None = None,
    host: str | None = "127.0.0.1:2020",
    scheme: str = "http",
) -> Sent:
    return Sent(method, scheme, host, origin, site)


def is_foreign(request: Sent, listed=NONE, *, shows_cookie: bool = False) -> bool:
    return foreign_page(request, listed, shows_cookie=shows_cookie) is not None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_mere_reading_may_come_from_anywhere(method):
    assert not is_foreign(sent(method, origin="https://evil.example", site="cross-site"), shows_cookie=True)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "MKCOL", "TRACE", "BREW", "post", ""])
def test_every_other_method_from_a_foreign_page_is_caught(method):
    assert is_foreign(sent(method, origin="https://evil.example"))
    assert is_foreign(sent(method, site="cross-site"))


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "null",
            "NULL",
            "",
            "https://evil.example",
            "http://127.0.0.1",
            "http://127.0.0.1:2021",
            "http://127.0.0.2:2020",
        ),
        *("http://localhost:2020", "http://127.0.0.1:2020.evil.example", "http://127.0.0.1.evil.example:2020"),
        *("http://127.0.0.1:2020@evil.example", "http://u@127.0.0.1:2020", "http://127.0.0.1:2020/", "127.0.0.1:2020"),
        *("http://127.0.0.1:2020,http://evil.example", "http://evil.example,http://127.0.0.1:2020", "file://"),
        *("http://127.0.0.1.:2020", "ftp://127.0.0.1:2020"),
    ],
)
def test_an_origin_that_is_not_ours_is_caught_whatever_else_is_said(origin):
    assert is_foreign(sent(origin=origin))
    assert is_foreign(sent(origin=origin, site="same-origin"))
    assert is_foreign(sent(origin=origin, site="none"), shows_cookie=True)


@pytest.mark.parametrize(
    "site",
    ["cross-site", "same-site", "CROSS-SITE", "", "nonsense", "same-origin, cross-site", "none,none", "same-origin\t"],
)
def test_a_browser_that_names_another_site_is_caught(site):
    assert is_foreign(sent(site=site))
    assert is_foreign(sent(site=site, origin="http://127.0.0.1:2020"))


@pytest.mark.parametrize(
    ("host", "origin", "scheme"),
    [
        ("127.0.0.1:2020", "http://127.0.0.1:2020", "http"),
        ("LOCALHOST:2020", "http://localhost:2020", "http"),
        ("[::1]:2020", "http://[::1]:2020", "http"),
        ("[0:0::1]:2020", "http://[::1]:2020", "http"),
        ("localhost.:2020", "http://localhost.:2020", "http"),
        ("darkroom.example", "https://darkroom.example", "https"),
        ("darkroom.example:443", "https://darkroom.example", "https"),
        # TLS ends at a proxy that nobody told us of.
        ("darkroom.example", "https://darkroom.example", "http"),
        ("darkroom.example:8443", "https://darkroom.example:8443", "http"),
    ],
)
def test_our_own_page_passes(host, origin, scheme):
    own = sent(host=host, origin=origin, scheme=scheme)

    assert not is_foreign(own, shows_cookie=True)
    assert not is_foreign(sent(host=host, origin=origin, scheme=scheme, site="same-origin"), shows_cookie=True)


def test_behind_tls_a_page_without_it_is_not_ours():
    assert is_foreign(sent(host="darkroom.example", origin="http://darkroom.example", scheme="https"))


@pytest.mark.parametrize("site", ["same-origin", "none", "Same-Origin"])
def test_what_the_browser_calls_our_own_passes(site):
    assert not is_foreign(sent(site=site), shows_cookie=True)


def test_a_program_says_nothing_and_passes_unless_it_shows_a_cookie():
    assert not is_foreign(sent())
    assert is_foreign(sent(), shows_cookie=True)


def test_without_a_host_no_page_is_ours():
    assert is_foreign(sent(host=None, origin="http://127.0.0.1:2020"))


# -- the list ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["http://localhost:5173", "http://127.0.0.1:3000", "https://localhost", "HTTP://LOCALHOST"]
)
def test_as_shipped_pages_of_this_machine_may_call(origin):
    assert not is_foreign(sent(origin=origin, site="cross-site"), SHIPPED)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost.evil.example",
        "http://localhost:5173.evil.example",
        "http://evil-localhost",
        "null",
        "http://[::1]:1",
    ],
)
def test_as_shipped_nothing_that_only_looks_like_this_machine_may(origin):
    assert is_foreign(sent(origin=origin), SHIPPED)


def test_a_listed_expression_counts_only_for_the_whole_origin():
    listed = listed_origins([r"https://.*\.gallery\.example", "https://exact.example"])

    assert listed.has("https://a.gallery.example")
    assert listed.has("https://EXACT.example")
    assert not listed.has("https://a.gallery.example.evil.example")
    assert not listed.has("https://exact.example.evil.example")
    assert not listed.has("https://exactXexample")


def test_a_star_lists_every_web_page_but_not_null():
    assert listed_origins(["*"]).has("https://any.example")
    assert not listed_origins(["*"]).has("null")


@pytest.mark.parametrize("entry", ["https://(", "[", "*.example"])
def test_what_is_no_expression_is_refused_at_the_start(entry):
    with pytest.raises(InvalidRequest, match="DARKROOM_CORS_ORIGINS"):
        listed_origins([entry])


# -- names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:2020", "localhost", "LOCALHOST:9", "localhost.:2020", "[::1]:2020", "a.localhost:1", "127.4.4.4", None],
)
def test_this_machines_names_are_known(host):
    assert unknown_host(host, (), is_beyond_loopback=False) is None


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:2020",
            "127.0.0.1.nip.io",
            "localhost.evil.example",
            "0.0.0.0:2020",
            "192.168.1.5",
        ),
        *("", "a,b", "localhost,evil.example", "user@localhost", "[::1%lo]", "127.1", "myhost", "localhost:x"),
    ],
)
def test_every_other_name_is_refused(host):
    assert unknown_host(host, (), is_beyond_loopback=False)


def test_more_names_can_be_allowed():
    allowed = ("darkroom.lan", "*.example.org")

    assert unknown_host("Darkroom.LAN.:2020", allowed, is_beyond_loopback=False) is None
    assert unknown_host("a.b.example.org", allowed, is_beyond_loopback=False) is None
    assert unknown_host("example.org", allowed, is_beyond_loopback=False)
    assert unknown_host("evilexample.org", allowed, is_beyond_loopback=False)


@pytest.mark.parametrize("host", ["192.168.1.5:2020", "[fd00::5]:2020", "api:2020", "myhost"])
def test_beyond_loopback_addresses_and_short_names_are_ours_for_dns_cannot_move_them(host):
    assert unknown_host(host, (), is_beyond_loopback=True) is None


@pytest.mark.parametrize("host", ["evil.example", "rack.evil.example:2020", "1.2.3.4.nip.io"])
def test_beyond_loopback_a_name_of_dns_must_be_allowed(host):
    assert unknown_host(host, (), is_beyond_loopback=True)
