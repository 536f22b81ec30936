"""Single sign-on with a real provider on this machine: there, back, and in."""

import builtins
import re
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import pytest
from structlog.testing import capture_logs

from api.app import create_app
from api.services import build_services
from shared.accounts.audit import COMMAND_LINE
from shared.contracts.access import Person, Role

SESSION, BEGUN = "darkroom_session", "darkroom_oidc"
OURS = {"Origin": "http://localhost"}
PEOPLE = [
    oidc_provider_mock.User(sub="s-ann", claims={"preferred_username": "Ann", "groups": ["artists", "everybody"]}),
    oidc_provider_mock.User(sub="s-root", claims={"preferred_username": "boss", "groups": ["admins"]}),
    oidc_provider_mock.User(sub="s-eve", claims={"preferred_username": "ann", "groups": ["artists"]}),
    oidc_provider_mock.User(sub="s-out", claims={"preferred_username": "out", "groups": ["everybody"]}),
]


@pytest.fixture(scope="module")
def provider():
    with oidc_provider_mock.run_server_in_thread(user_claims=PEOPLE, require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def given(settings, provider):
    """Settings of a server that knows this provider."""
    wanted = {
        "oidc_issuer": provider,
        "oidc_client_id": "darkroom",
        "oidc_client_secret": "of darkroom",
        "oidc_role_claim": "groups",
        "oidc_roles": ("artists=user", "admins=admin"),
    }
    return type(settings)(**settings.model_dump(exclude_unset=True), **wanted)


@pytest.fixture
def ours(given):
    return build_services(given)


@pytest.fixture
def browser(ours):
    return create_app(ours).test_client()


def sign_in_there(url: str, subject: str, **form: str) -> str:
    """What a person does at the provider; returns where it sends the browser, as path and query."""
    answer = httpx.post(url, data={"sub": subject} | form)
    assert answer.status_code in (302, 303), answer.text
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def sign_in(browser, subject: str, next_path: str = "/"):
    gone = browser.get("/v1/oidc/login", query_string={"next": next_path})
    assert gone.status_code == 302, gone.text
    return browser.get(sign_in_there(gone.headers["Location"], subject))


def test_whom_the_provider_knows_comes_in_with_the_role_of_their_group(browser, ours):
    answer = sign_in(browser, "s-ann", "/gallery?x=1&y=2")

    state = browser.get("/v1/session").json
    assert answer.status_code == 200
    assert (state["person"], state["role"], state["session"]["is_this"]) == ("ann", "user", True)
    assert ours.people.get("ann").role == Role.USER
    sent = {"prompt": "x", "model": "sdxl-toy"}
    assert browser.post("/v1/generate", json=sent, headers=OURS).status_code == 202
    assert browser.post("/v1/generate", json=sent, headers={"Origin": "https://evil.example"}).status_code == 403


def test_the_way_back_ends_on_a_page_of_ours_so_that_the_strict_cookie_is_sent_from_there(browser):
    answer = sign_in(browser, "s-ann", '/a?b="c"&d=<e>')

    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith(SESSION))
    assert answer.mimetype == "text/html"
    assert 'content="0;url=/a?b=&quot;c&quot;&amp;d=&lt;e&gt;"' in answer.text
    assert "SameSite=Strict" in cookie
    assert "HttpOnly" in cookie
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<script" not in answer.text


def test_a_sign_in_that_has_begun_is_kept_by_that_browser_alone(browser):
    answer = browser.get("/v1/oidc/login")

    cookie = answer.headers["Set-Cookie"]
    for word in ("HttpOnly", "SameSite=Lax", "Path=/v1/oidc", "Max-Age=600"):
        assert word in cookie
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == ["http://localhost/v1/oidc/callback"]


def test_another_browser_cannot_finish_what_one_began(browser, ours):
    """Else somebody could have a visitor sign in as somebody else (login CSRF)."""
    back = sign_in_there(browser.get("/v1/oidc/login").headers["Location"], "s-root")
    other = create_app(ours).test_client()

    unasked = other.get(back)
    other.get("/v1/oidc/login")
    mixed = other.get(back)

    for answer in (unasked, mixed):
        assert (answer.status_code, answer.json["error"]["code"]) == (403, "sign_in_refused")
        assert other.get_cookie(SESSION) is None
    assert ours.sessions.of_person("boss") == []


def test_a_way_back_counts_once(browser):
    back = sign_in_there(browser.get("/v1/oidc/login").headers["Location"], "s-ann")
    kept = browser.get_cookie(BEGUN, path="/v1/oidc").value
    assert browser.get(back).status_code == 200

    replayed = browser.get(back)
    browser.set_cookie(BEGUN, kept, path="/v1/oidc")
    replayed_with_its_cookie = browser.get(back)

    assert (replayed.status_code, replayed_with_its_cookie.status_code) == (403, 403)


@pytest.mark.parametrize(
    "query",
    ["", "?code=x", "?state=x", "?state=x&code=y", "?error=access_denied", "?state=%00&code=%00", "?code=x&code=y"],
)
def test_an_invented_way_back_is_refused(browser, query):
    browser.get("/v1/oidc/login")

    answer = browser.get(f"/v1/oidc/callback{query}")

    assert answer.status_code in (403, 422)
    assert browser.get_cookie(SESSION) is None


def test_an_invented_code_is_refused(browser):
    asked = parse_qs(urlsplit(browser.get("/v1/oidc/login").headers["Location"]).query)

    answer = browser.get("/v1/oidc/callback", query_string={"state": asked["state"][0], "code": "invented"})

    assert (answer.status_code, answer.json["error"]["code"]) == (403, "sign_in_refused")


def test_invented_codes_are_counted_like_failed_sign_ins(browser, ours):
    def invent() -> int:
        asked = parse_qs(urlsplit(browser.get("/v1/oidc/login").headers["Location"]).query)
        return browser.get(f"/v1/oidc/callback?state={asked['state'][0]}&code=invented").status_code

    answers = [invent() for _ in range(ours.settings.sign_in_attempts + 1)]

    assert answers == [403] * ours.settings.sign_in_attempts + [429]


def test_who_says_no_at_the_provider_is_told_so(browser):
    asked = parse_qs(urlsplit(browser.get("/v1/oidc/login").headers["Location"]).query)

    answer = browser.get("/v1/oidc/callback", query_string={"state": asked["state"][0], "error": "access_denied"})

    assert answer.status_code == 403
    assert "access_denied" in answer.json["error"]["message"]


def test_the_answer_of_another_provider_is_refused(browser):
    back = sign_in_there(browser.get("/v1/oidc/login").headers["Location"], "s-ann")

    assert browser.get(f"{back}&iss=https://evil.example").status_code == 403


def test_whose_groups_name_no_role_does_not_get_in(browser, ours):
    answer = sign_in(browser, "s-out")

    assert (answer.status_code, answer.json["error"]["code"]) == (403, "sign_in_refused")
    assert ours.people.page(10)[0] == []


def test_a_name_that_another_identity_has_is_not_given_again(browser, ours):
    sign_in(browser, "s-ann")
    other = create_app(ours).test_client()

    answer = sign_in(other, "s-eve")

    assert answer.status_code == 403
    assert other.get("/v1/session").status_code == 401


def test_a_person_who_is_here_already_is_not_taken_over_unless_an_operator_says_so(browser, ours, given):
    ours.people.add(Person(name="ann", role=Role.VIEWER), COMMAND_LINE)

    refused = sign_in(browser, "s-ann")
    linking = build_services(type(given)(**given.model_dump(exclude_unset=True), oidc_link_existing=True))
    linked = create_app(linking).test_client()
    sign_in(linked, "s-ann")

    assert refused.status_code == 403
    assert "DARKROOM_OIDC_LINK_EXISTING" in refused.json["error"]["message"]
    assert linked.get("/v1/session").json["person"] == "ann"


def test_a_name_of_a_key_of_the_environment_is_not_taken_over(given):
    services = build_services(type(given)(**given.model_dump(exclude_unset=True), api_keys=("ann:key",)))

    assert sign_in(create_app(services).test_client(), "s-ann").status_code == 403


def test_who_is_called_otherwise_later_is_the_same_person(browser, ours):
    sign_in(browser, "s-ann")
    renamed = oidc_provider_mock.User(sub="s-ann", claims={"preferred_username": "annette", "groups": ["admins"]})
    provider = ours.settings.oidc_issuer
    try:
        httpx.put(f"{provider}/users/s-ann", json=renamed.claims).raise_for_status()

        later = create_app(ours).test_client()
        sign_in(later, "s-ann")

        state = later.get("/v1/session").json
    finally:
        httpx.put(f"{provider}/users/s-ann", json=PEOPLE[0].claims).raise_for_status()
    assert (state["person"], state["role"]) == ("ann", "admin")


@pytest.mark.parametrize("how", ["signed out", "disabled", "ended by an administrator"])
def test_a_session_ends_like_any_other(browser, ours, how):
    sign_in(browser, "s-ann")
    admin = create_app(ours).test_client()
    sign_in(admin, "s-root")

    match how:
        case "signed out":
            browser.delete("/v1/session", headers=OURS)
        case "disabled":
            admin.patch("/v1/people/ann", json={"is_disabled": True}, headers=OURS)
        case "ended by an administrator":
            assert admin.delete("/v1/people/ann/sessions", headers=OURS).json == {"ended": 1}

    assert wait_for_401(browser)


def test_who_is_disabled_does_not_come_in_again(browser, ours):
    sign_in(browser, "s-ann")
    ours.people.change("ann", {"is_disabled": True}, {}, COMMAND_LINE)

    assert sign_in(create_app(ours).test_client(), "s-ann").status_code == 403


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/\t/x"])
def test_one_goes_on_to_a_path_of_ours_only(browser, path):
    assert browser.get("/v1/oidc/login", query_string={"next": path}).status_code == 422


def test_where_single_sign_on_is_set_nobody_is_a_local_administrator(browser):
    assert browser.get("/v1/jobs").status_code == 401


def test_where_it_is_not_set_the_routes_say_so(web):
    for path in ("/v1/oidc/login", "/v1/oidc/callback?code=x&state=y"):
        answer = web.get(path)
        assert answer.status_code == 404
        assert "DARKROOM_OIDC_ISSUER" in answer.json["error"]["message"]


def test_without_the_extra_the_routes_say_what_to_install(browser, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **named):
        if name.startswith("authlib"):
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    answer = browser.get("/v1/oidc/login")

    assert (answer.status_code, answer.json["error"]["code"]) == (501, "not_installed")
    assert "darkroom[oidc]" in answer.json["error"]["message"]


def test_a_provider_that_is_away_is_503_and_says_when_to_come_back(given):
    away = type(given)(**(given.model_dump(exclude_unset=True) | {"oidc_issuer": "http://127.0.0.1:1"}))

    answer = create_app(build_services(away)).test_client().get("/v1/oidc/login")

    assert (answer.status_code, answer.json["error"]["code"]) == (503, "identity_provider_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


def test_nothing_secret_of_a_sign_in_is_logged(browser):
    with capture_logs() as events:
        back = sign_in_there(browser.get("/v1/oidc/login").headers["Location"], "s-out")
        begun = browser.get_cookie(BEGUN, path="/v1/oidc").value
        browser.get(back)

    logged = str(events)
    assert "sign_in.refused" in logged
    for secret in (begun, "of darkroom", re.search(r"code=([^&]+)", back)[1]):
        assert secret not in logged


def wait_for_401(browser) -> bool:
    """Within the second that it may take."""
    ends_at = time.monotonic() + 1.0
    while time.monotonic() < ends_at:
        if browser.get("/v1/jobs").status_code == 401:
            return True
    return False
