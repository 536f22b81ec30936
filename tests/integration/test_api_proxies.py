"""What proxies say of their clients, and who believes it."""

import pytest

from shared.accounts.audit import COMMAND_LINE
from shared.contracts.access import Person, Role
from tests.integration.door import EVIL, app_of

PROXY = {"REMOTE_ADDR": "10.0.0.7"}


@pytest.fixture
def proxied(settings):
    """A web app behind a proxy that names people."""
    return app_of(
        settings,
        host="0.0.0.0",
        trusted_proxies=("10.0.0.7",),
        proxy_user_header="X-Forwarded-User",
        proxy_user_role="viewer",
    ).test_client()


def test_whom_a_listed_proxy_names_is_a_person_from_then_on(proxied, services):
    state = proxied.get("/v1/session", headers={"X-Forwarded-User": "Eve@Example.org"}, environ_base=PROXY).json

    assert (state["person"], state["role"]) == ("eve@example.org", "viewer")
    assert services.people.get("eve@example.org").role == Role.VIEWER


def test_a_role_that_an_administrator_gave_stays(proxied, services):
    services.people.add(Person(name="eve", role=Role.OPERATOR), COMMAND_LINE)

    assert (
        proxied.get("/v1/session", headers={"X-Forwarded-User": "eve"}, environ_base=PROXY).json["role"] == "operator"
    )


def test_a_disabled_person_does_not_come_in_by_a_proxy(proxied, services):
    services.people.add(Person(name="eve", is_disabled=True), COMMAND_LINE)

    assert proxied.get("/v1/jobs", headers={"X-Forwarded-User": "eve"}, environ_base=PROXY).status_code == 401


def test_a_header_from_anybody_else_names_nobody(proxied, services):
    for peer in ("10.0.0.8", "127.0.0.1", "203.0.113.1"):
        answer = proxied.get(
            "/v1/jobs",
            headers={"X-Forwarded-User": "root", "X-Forwarded-For": "10.0.0.7"},
            environ_base={"REMOTE_ADDR": peer},
        )
        assert answer.status_code == 401
    assert services.people.page(10)[0] == []


@pytest.mark.parametrize(
    "name", ["ann,root", "root,ann", "", " ", "a b", "root;", "../x", "é", "x" * 64, "darkroom:job:1"]
)
def test_a_name_that_is_no_name_is_refused_and_nobody_is_made(proxied, services, name):
    answer = proxied.get("/v1/jobs", headers={"X-Forwarded-User": name}, environ_base=PROXY)

    assert answer.status_code == 401
    assert services.people.page(10)[0] == []


def test_two_headers_name_nobody(proxied):
    headers = [("X-Forwarded-User", "ann"), ("X-Forwarded-User", "root")]

    assert proxied.get("/v1/jobs", headers=headers, environ_base=PROXY).status_code == 401


def test_a_person_of_a_proxy_has_a_browser_so_its_pages_are_asked_for(proxied):
    named = {"X-Forwarded-User": "eve"}
    job = "/v1/jobs/job_" + "0" * 24

    assert proxied.delete(job, headers=named | {"Origin": EVIL}, environ_base=PROXY).status_code == 403
    assert proxied.delete(job, headers=named, environ_base=PROXY).json["error"]["code"] == "cross_site"
    own = named | {"Origin": "https://rack.example", "X-Forwarded-Host": "rack.example", "X-Forwarded-Proto": "https"}
    assert proxied.delete(job, headers=own, environ_base=PROXY).json["error"]["code"] == "role_needed"


def test_behind_tls_of_a_listed_proxy_the_cookie_is_for_tls_only(settings, services, ann):
    web = app_of(settings, trusted_proxies=("10.0.0.7",)).test_client()
    headers = {"X-Forwarded-Proto": "https"}

    listed = web.post("/v1/session", json={"key": ann}, headers=headers, environ_base=PROXY)
    stranger = web.post("/v1/session", json={"key": ann}, headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.8"})

    assert "Secure" in listed.headers["Set-Cookie"]
    assert "Secure" not in stranger.headers["Set-Cookie"]
