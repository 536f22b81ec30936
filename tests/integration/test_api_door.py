"""Who comes in, and by what: sessions, other sites' pages, names that are not ours, proxies. Over a real Valkey."""

import base64
import time

import pytest
from structlog.testing import capture_logs

from api.app import create_app
from api.services import build_services
from shared.accounts.audit import COMMAND_LINE
from shared.accounts.sessions import digest_of
from shared.contracts.access import Key, Person, Role
from shared.contracts.audit import Deed
from shared.redis import keys

COOKIE = "darkroom_session"
EVIL = "https://evil.example"
OWN = "http://localhost"
OURS = {"Origin": OWN}
#: Longest that a key or a session which was ended may still open anything.
END_S = 1.0


def app_of(settings, **update):
    """A web app over these settings, as if they had been given by hand."""
    given = settings.model_dump(exclude_unset=True) | update
    return create_app(build_services(type(settings)(**given)))


@pytest.fixture
def ann(services):
    """A user with a key; returns its text."""
    services.people.add(Person(name="ann", role=Role.USER), COMMAND_LINE)
    return str(services.keys.add(Key(id="", person="ann", digest=""), COMMAND_LINE)[1])


def secret_of(key: str) -> str:
    """It may have underscores, too."""
    return key.split("_", 2)[2]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def signed_in(web, key: str) -> str:
    """Sign in; returns the token. The test client keeps the cookie, as a browser does."""
    answer = web.post("/v1/session", json={"key": key}, headers=OURS)
    assert answer.status_code == 201, answer.text
    return web.get_cookie(COOKIE).value


def with_cookie(*tokens: str) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{COOKIE}={token}" for token in tokens)}


def browser(services):
    """Another browser."""
    return create_app(services).test_client()


def raw(web):
    """A client of the same process that sends the cookies it is told, and keeps none."""
    return web.application.test_client(use_cookies=False)


# -- sessions ------------------------------------------------------------------------------------------------------------


def test_a_key_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(web, ann):
    answer = web.post("/v1/session", json={"key": ann}, headers=OURS)

    cookie = answer.headers["Set-Cookie"]
    assert answer.status_code == 201
    assert cookie.startswith(f"{COOKIE}=")
    for word in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"):
        assert word in cookie
    assert "Secure" not in cookie
    assert answer.headers["Cache-Control"] == "no-store"
    assert ann not in answer.text + cookie


def test_over_tls_the_cookie_is_for_tls_only(web, ann):
    answer = web.post("/v1/session", json={"key": ann}, base_url="https://localhost")

    assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("header", ["bearer", "x-api-key", "basic"])
def test_the_key_may_stand_in_a_header(web, ann, header):
    shown = {
        "bearer": bearer(ann),
        "x-api-key": {"X-Api-Key": ann},
        "basic": {"Authorization": "Basic " + base64.b64encode(f"x:{ann}".encode()).decode()},
    }[header]

    assert web.post("/v1/session", headers=shown | OURS).status_code == 201


def test_the_cookie_opens_what_the_key_opens_and_says_who_one_is(web, ann):
    signed_in(web, ann)

    state = web.get("/v1/session").json

    assert (state["person"], state["role"]) == ("ann", "user")
    assert state["session"]["is_this"]
    assert state["sessions"] == [state["session"]]
    assert web.post("/v1/generate", json={"prompt": "x", "model": "sdxl-toy"}, headers=OURS).status_code == 202
    assert web.post("/v1/models/unload", json={"model_id": "sdxl-toy"}, headers=OURS).status_code == 403


@pytest.mark.parametrize(
    "token",
    ["", "x", "x" * 43, "é", "%00", '"quoted"', "a" * 4000, "../../x", "null", "session:*", "x" * 43 + ";", "\\073"],
)
def test_a_forged_cookie_opens_nothing(web, ann, token):
    answer = raw(web).get("/v1/jobs", headers=with_cookie(token))

    assert answer.status_code == 401
    assert "sign in" in answer.json["error"]["message"] or "key" in answer.json["error"]["message"]


def test_a_cookie_that_opens_nothing_is_taken_out_of_the_browser(web, ann):
    answer = raw(web).get("/v1/jobs", headers=with_cookie("x" * 43))

    assert f"{COOKIE}=;" in answer.headers["Set-Cookie"]
    assert "Max-Age=0" in answer.headers["Set-Cookie"]


def test_what_redis_knows_of_a_session_opens_nothing(web, services, ann):
    token = signed_in(web, ann)

    for shown in (digest_of(token), digest_of(token)[:43], digest_of(token)[:16]):
        assert raw(web).get("/v1/jobs", headers=with_cookie(shown)).status_code == 401


def test_two_different_cookies_of_one_name_are_nobodys(web, services, ann):
    token = signed_in(web, ann)
    other = raw(web)

    assert other.get("/v1/jobs", headers=with_cookie("x" * 43, token)).status_code == 401
    assert other.get("/v1/jobs", headers=with_cookie(token, "x" * 43)).status_code == 401
    assert other.get("/v1/jobs", headers=with_cookie(token, token)).status_code == 200


def test_a_session_that_was_signed_out_cannot_be_replayed(web, services, ann):
    token = signed_in(web, ann)
    assert web.get("/v1/jobs").status_code == 200

    answer = web.delete("/v1/session", headers=OURS)

    assert (answer.status_code, answer.json) == (200, {"ended": 1})
    assert web.get_cookie(COOKIE) is None
    assert raw(web).get("/v1/jobs", headers=with_cookie(token)).status_code == 401
    assert not services.store.redis.exists(keys.session(digest_of(token)))


def test_all_browsers_of_a_person_are_signed_out_at_once(web, services, ann):
    tokens = [signed_in(browser(services), ann) for _ in range(3)]

    ended = browser(services).delete("/v1/session?all=true", headers=bearer(ann)).json

    assert ended == {"ended": 3}
    for token in tokens:
        assert raw(web).get("/v1/jobs", headers=with_cookie(token)).status_code == 401


def test_who_signs_in_anew_leaves_no_session_behind(web, services, ann):
    before = signed_in(web, ann)
    signed_in(web, ann)

    assert len(services.sessions.of_person("ann")) == 1
    assert raw(web).get("/v1/jobs", headers=with_cookie(before)).status_code == 401
    assert web.get("/v1/jobs").status_code == 200


def test_one_browser_signs_another_out(web, services, ann):
    other = browser(services)
    signed_in(other, ann)
    signed_in(web, ann)
    (theirs,) = [row for row in web.get("/v1/session").json["sessions"] if not row["is_this"]]

    answer = web.delete(f"/v1/session?id={theirs['id']}", headers=OURS)

    assert answer.json == {"ended": 1}
    assert "Set-Cookie" not in answer.headers
    assert other.get("/v1/jobs").status_code == 401
    assert web.get("/v1/jobs").status_code == 200


def test_nobody_sees_or_ends_anothers_session(web, services, ann):
    services.people.add(Person(name="bob", role=Role.ADMIN), COMMAND_LINE)
    bob = str(services.keys.add(Key(id="", person="bob", digest=""), COMMAND_LINE)[1])
    token = signed_in(web, ann)

    foreign = web.get("/v1/session").json["session"]["id"]
    refused = browser(services).delete(f"/v1/session?id={foreign}", headers=bearer(bob))
    unknown = browser(services).delete(f"/v1/session?id={'0' * 16}", headers=bearer(bob))

    assert (refused.status_code, unknown.status_code) == (404, 404)
    assert refused.json["error"]["message"].replace(foreign, "0" * 16) == unknown.json["error"]["message"]
    assert browser(services).get("/v1/session", headers=bearer(bob)).json["sessions"] == []
    # A cookie beside a key does not count.
    beside = raw(web).delete("/v1/session", headers=bearer(bob) | with_cookie(token))
    assert beside.status_code == 404
    assert web.get("/v1/jobs").status_code == 200


@pytest.mark.parametrize("how", ["revoked", "rotated", "disabled"])
def test_a_session_ends_with_its_key_and_its_person_within_a_second_and_for_ever(web, services, ann, how):
    token = signed_in(web, ann)
    assert web.get("/v1/jobs").status_code == 200
    key_id = ann.split("_")[1]

    match how:
        case "revoked":
            services.keys.revoke(key_id, COMMAND_LINE)
        case "rotated":
            services.keys.rotate(key_id, COMMAND_LINE)
        case "disabled":
            services.people.change("ann", {"is_disabled": True}, {}, COMMAND_LINE)
    ended_at = time.monotonic()
    while raw(web).get("/v1/jobs", headers=with_cookie(token)).status_code != 401:
        assert time.monotonic() < ended_at + END_S

    services.people.change("ann", {"is_disabled": False}, {}, COMMAND_LINE)
    assert raw(web).get("/v1/jobs", headers=with_cookie(token)).status_code == 401
    assert services.sessions.of_person("ann") == []


@pytest.mark.parametrize("left", ["root:new", "other:old"])
def test_a_session_of_an_environment_key_ends_with_that_key(settings, left):
    first = app_of(settings, api_keys=("root:old",)).test_client()
    token = signed_in(first, "old")
    role = first.get("/v1/session").json["role"]

    later = app_of(settings, api_keys=(left,)).test_client()

    assert role == "admin"
    assert raw(later).get("/v1/jobs", headers=with_cookie(token)).status_code == 401


def test_another_key_of_the_environment_keeps_the_session(settings):
    token = signed_in(app_of(settings, api_keys=("root:old",)).test_client(), "old")

    kept = app_of(settings, api_keys=("root:new", "root:old")).test_client()

    assert raw(kept).get("/v1/jobs", headers=with_cookie(token)).status_code == 200


def test_a_narrowed_key_gives_a_narrowed_session(web, services, ann):
    narrow = services.keys.add(Key(id="", person="ann", digest="", role=Role.VIEWER), COMMAND_LINE)[1]
    signed_in(web, str(narrow))

    assert web.get("/v1/jobs").status_code == 200
    assert web.post("/v1/generate", json={"prompt": "x"}, headers=OURS).status_code == 403


def test_a_wrong_key_is_refused_although_a_good_cookie_stands_beside_it(web, ann):
    signed_in(web, ann)

    assert web.get("/v1/jobs", headers=bearer(ann[:-1] + "x")).status_code == 401


def test_a_key_never_counts_in_an_address(web, ann):
    for query in (f"?key={ann}", f"?api_key={ann}", f"?access_token={ann}", f"?token={ann}", f"?{COOKIE}={ann}"):
        assert web.get(f"/v1/jobs{query}").status_code == 401
        assert web.post(f"/v1/session{query}").status_code in (401, 422)


# -- signing in ----------------------------------------------------------------------------------------------------------


def wrong_keys(ann: str) -> dict[str, str]:
    """What is wrong with it → a key that is no good one."""
    return {
        "another secret": ann[:-4] + "xxxx",
        "an id of nobody": "dr_" + "0" * 8 + ann[11:],
        "malformed": "hello",
        "not latin": "schlüssel\u2603",
        "long": "x" * 500,
    }


def test_every_wrong_key_gets_the_same_words(web, services, ann):
    revoked = services.keys.add(Key(id="", person="ann", digest=""), COMMAND_LINE)[1]
    services.keys.revoke(revoked.id, COMMAND_LINE)
    answers = [
        web.post("/v1/session", json={"key": key}, headers=OURS) for key in [*wrong_keys(ann).values(), str(revoked)]
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert all("Set-Cookie" not in answer.headers for answer in answers)


def test_failed_sign_ins_are_counted_by_address_and_a_good_key_waits_too(web, services, ann):
    for number in range(services.settings.sign_in_attempts):
        web.post("/v1/session", json={"key": f"wrong{number}"}, headers=OURS)

    answer = web.post("/v1/session", json={"key": ann}, headers=OURS)

    assert (answer.status_code, answer.json["error"]["code"]) == (429, "too_many_sign_ins")
    assert 1 <= int(answer.headers["Retry-After"]) <= services.settings.sign_in_window_s
    # The key itself works on.
    assert web.get("/v1/jobs", headers=bearer(ann)).status_code == 200


def test_failed_sign_ins_are_counted_by_key_from_wherever_they_come(web, services, ann):
    for number in range(services.settings.sign_in_attempts):
        web.post("/v1/session", json={"key": ann[:-4] + "xxxx"}, environ_base={"REMOTE_ADDR": f"10.0.0.{number}"})

    elsewhere = web.post("/v1/session", json={"key": ann}, environ_base={"REMOTE_ADDR": "10.9.9.9"})

    assert elsewhere.status_code == 429


def test_an_invented_forwarded_address_escapes_no_count(web, services, ann):
    for number in range(services.settings.sign_in_attempts):
        web.post("/v1/session", json={"key": "wrong"}, headers={"X-Forwarded-For": f"10.0.0.{number}"})

    assert web.post("/v1/session", json={"key": "wrong"}, headers={"X-Forwarded-For": "10.9.9.9"}).status_code == 429


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"json": {"key": ""}}, 422),
        ({"json": {}}, 422),
        ({"json": {"key": "x" * 501}}, 422),
        ({"json": {"key": 7}}, 422),
        ({"json": {"key": "x", "user": "ann"}}, 422),
        ({"data": b"key=x", "content_type": "application/x-www-form-urlencoded"}, 415),
        ({"data": b'{"key": "x"}', "content_type": "text/plain"}, 415),
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b"", "content_type": "application/json"}, 400),
        ({}, 401),
    ],
)
def test_a_bad_sign_in_is_refused_by_its_cause(web, ann, body, status):
    assert web.post("/v1/session", headers=OURS, **body).status_code == status


def test_a_key_is_given_once(web, ann):
    answer = web.post("/v1/session", json={"key": ann}, headers=bearer(ann))

    assert (answer.status_code, answer.json["error"]["field"]) == (422, "key")


def test_where_no_key_is_needed_there_is_nothing_to_sign_in_to(web):
    assert web.post("/v1/session", json={"key": "x"}).status_code == 409
    assert web.get("/v1/session").json == {"person": "local", "role": "admin", "session": None, "sessions": []}
    assert web.delete("/v1/session").status_code == 404


def test_sign_ins_are_told_to_the_audit_stream_without_a_secret(web, services, ann):
    web.post("/v1/session", json={"key": ann[:-4] + "xxxx"}, headers=OURS)
    signed_in(web, ann)
    web.delete("/v1/session", headers=OURS)

    told = services.audit.page(3)[0]

    assert [(entry.what, entry.outcome) for entry in reversed(told)] == [
        (Deed.SIGN_IN_REFUSED, "refused"),
        (Deed.SIGNED_IN, "done"),
        (Deed.SIGNED_OUT, "done"),
    ]
    assert secret_of(ann) not in str(told)


def test_nothing_of_a_key_or_a_cookie_is_logged(web, ann, caplog):
    caplog.set_level("DEBUG")
    with capture_logs() as events:
        token = signed_in(web, ann)
        web.post("/v1/session", json={"key": ann[:-4] + "xxxx"}, headers=OURS)
        web.get("/v1/jobs", headers=bearer("dr_secret"))

    logged = f"{events} {caplog.text}"
    assert "sign_in.refused" in logged
    for secret in (secret_of(ann)[:-4], token, "dr_secret"):
        assert secret not in logged


# -- other sites' pages --------------------------------------------------------------------------------------------------

SEND = {"json": {"prompt": "x", "model": "sdxl-toy"}}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"origin": EVIL},
        {"ORIGIN": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"sec-fetch-site": "CROSS-SITE"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
        {"Origin": f"{OWN},{EVIL}"},
    ],
    ids=str,
)
def test_where_no_key_is_needed_another_sites_page_sends_nothing(web, headers):
    answers = [
        web.post("/v1/generate", headers=headers, **SEND),
        web.post("/v1/generate", headers=headers, data=b'{"prompt": "x"}', content_type="text/plain"),
        web.post("/v1/images", headers=headers, data=b"x", content_type="image/png"),
        web.post("/v1/workers/gpu0/drain", headers=headers),
        web.delete("/v1/jobs/job_" + "0" * 24, headers=headers),
        web.open("/v1/jobs", method="PROPFIND", headers=headers),
        web.open("/v1/generate", method="BREW", headers=headers),
    ]

    assert [(answer.status_code, answer.json["error"]["code"]) for answer in answers] == [(403, "cross_site")] * 7


def test_duplicate_origins_are_no_origin(web):
    headers = [("Origin", OWN), ("Origin", EVIL)]

    assert web.post("/v1/generate", headers=headers, **SEND).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, OURS, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost:5173"}],
    ids=str,
)
def test_programs_our_own_pages_and_this_machines_pages_send_as_before(web, headers):
    assert web.post("/v1/generate", headers=headers, **SEND).status_code == 202


def test_other_sites_pages_may_ask_what_they_may_and_read_nothing(web):
    asked = web.options("/v1/generate", headers={"Origin": EVIL, "Access-Control-Request-Method": "POST"})
    read = web.get("/v1/jobs", headers={"Origin": EVIL, "Sec-Fetch-Site": "cross-site"})

    for answer in (asked, read):
        assert answer.status_code == 200
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_listed_page_sends_and_one_that_only_looks_like_it_does_not(settings):
    web = app_of(settings, cors_origins=(r"https://.*\.gallery\.example", "https://exact.example")).test_client()

    assert web.post("/v1/generate", headers={"Origin": "https://a.gallery.example"}, **SEND).status_code == 202
    assert web.post("/v1/generate", headers={"Origin": "https://exact.example"}, **SEND).status_code == 202
    for origin in ("https://a.gallery.example.evil.example", "https://exact.example.evil", "http://localhost:5173"):
        answer = web.post("/v1/generate", headers={"Origin": origin}, **SEND)
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_with_a_cookie_only_our_own_page_sends(web, ann):
    signed_in(web, ann)

    allowed = [
        web.post("/v1/generate", headers=headers, **SEND) for headers in (OURS, {"Sec-Fetch-Site": "same-origin"})
    ]
    refused = [
        web.post("/v1/generate", headers=headers, **SEND)
        # As shipped, pages of this machine are listed; that does not make them this person's.
        for headers in (
            {},
            {"Origin": EVIL},
            {"Origin": "null"},
            {"Origin": "http://localhost:5173"},
            {"Origin": "https://"},
        )
    ]

    assert [answer.status_code for answer in allowed] == [202, 202]
    assert [answer.json["error"]["code"] for answer in refused] == ["cross_site"] * 5


def test_with_a_cookie_an_origin_that_an_operator_listed_sends(settings, services, ann):
    web = app_of(settings, cors_origins=("http://localhost:5173",)).test_client()
    signed_in(web, ann)

    assert web.post("/v1/generate", headers={"Origin": "http://localhost:5173"}, **SEND).status_code == 202


def test_another_sites_page_signs_nobody_in_or_out(web, services, ann):
    assert web.post("/v1/session", json={"key": ann}, headers={"Origin": EVIL}).status_code == 403
    signed_in(web, ann)
    assert web.delete("/v1/session?all=true", headers={"Origin": EVIL}).status_code == 403
    assert len(services.sessions.of_person("ann")) == 1


def test_a_basic_password_is_added_by_browsers_too(web, ann):
    basic = {"Authorization": "Basic " + base64.b64encode(f"x:{ann}".encode()).decode()}

    assert web.post("/v1/generate", headers=basic | {"Origin": EVIL}, **SEND).status_code == 403
    assert web.post("/v1/generate", headers=basic, **SEND).status_code == 202


def test_a_key_in_a_header_of_its_own_no_page_can_add_unasked(web, ann):
    for shown in (bearer(ann), {"X-Api-Key": ann}):
        assert web.post("/v1/generate", headers=shown | {"Origin": EVIL}, **SEND).status_code == 202


# -- names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:2020", "127.0.0.1.nip.io", "localhost.evil.example", "0.0.0.0:2020", "192.168.1.5"],
)
def test_a_page_whose_name_was_pointed_here_gets_nothing(web, host):
    sent = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}

    answers = [web.get("/v1/jobs", headers=sent), web.post("/v1/generate", headers=sent, **SEND)]

    assert [(answer.status_code, answer.json["error"]["code"]) for answer in answers] == [(403, "unknown_host")] * 2
    assert "DARKROOM_ALLOWED_HOSTS" in answers[0].json["error"]["message"]


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1:2020", "[::1]:2020", "LOCALHOST.", "app.localhost"])
def test_by_this_machines_names_it_answers(web, host):
    assert web.get("/v1/jobs", headers={"Host": host}).status_code == 200


def test_more_names_can_be_allowed(settings):
    web = app_of(settings, allowed_hosts=("darkroom.lan",)).test_client()

    assert web.get("/v1/jobs", headers={"Host": "darkroom.lan:2020"}).status_code == 200


def test_where_keys_are_needed_any_name_will_do(web, ann):
    assert web.get("/v1/jobs", headers=bearer(ann) | {"Host": "rack.example"}).status_code == 200


# -- other machines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["10.0.0.9", "2001:db8::1", "", "127.0.0.1.evil"])
def test_without_a_key_nobody_comes_in_from_another_machine_whatever_the_server_thinks_it_listens_on(web, address):
    answer = web.get("/v1/jobs", environ_base={"REMOTE_ADDR": address})

    assert answer.status_code == 401
    assert "darkroom key add" in answer.json["error"]["message"]


def test_listening_beyond_loopback_it_is_closed_also_before_there_is_a_key(settings):
    web = app_of(settings, host="0.0.0.0").test_client()

    assert web.get("/v1/jobs").status_code == 401
    assert web.get("/healthz").status_code == 200


def test_on_demand_it_is_open_to_all_and_the_status_says_so(settings):
    web = app_of(settings, host="0.0.0.0", insecure=True).test_client()
    there = {"REMOTE_ADDR": "10.0.0.9"}

    status = web.get("/v1/status", environ_base=there, headers={"Host": "192.168.1.5:2020"}).json

    assert status["insecure"] is True
    assert "darkroom key add" in status["warning"]
    assert web.get("/v1/jobs", environ_base=there, headers={"Host": "rack.evil.example"}).status_code == 403
    assert web.post("/v1/generate", environ_base=there, headers={"Origin": EVIL}, **SEND).status_code == 403


def test_with_a_key_there_is_nothing_insecure_left(settings, ann):
    web = app_of(settings, host="0.0.0.0", insecure=True).test_client()

    status = web.get("/v1/status", headers=bearer(ann)).json

    assert (status["insecure"], status["warning"]) == (False, None)
    assert web.get("/v1/jobs").status_code == 401


# -- proxies -------------------------------------------------------------------------------------------------------------

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


# -- what answers say ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/v1/jobs", "/v1/models", "/v1/nothing", "/healthz", "/docs", "/", "/openapi.json", "/v1/jobs/x"]
)
def test_every_answer_tells_browsers_not_to_guess_and_not_to_frame(web, path):
    for answer in (web.get(path), web.open(path, method="BREW")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer")


def test_what_is_personal_is_kept_by_that_persons_browser_only(web, ann):
    answers = [
        web.get("/v1/jobs", headers=bearer(ann)),
        web.get("/v1/session", headers=bearer(ann)),
        web.get("/v1/jobs"),
        web.get("/v1/jobs/job_" + "0" * 24, headers=bearer(ann)),
    ]

    for answer in answers:
        assert {"no-cache", "private"} <= set(answer.headers["Cache-Control"].replace(",", " ").split())
        assert {"cookie", "authorization", "x-api-key"} <= set(answer.vary.as_set())


def test_a_picture_is_kept_for_ever_but_by_that_persons_browser(web, ann):
    from tests.pictures import png

    stored = web.post("/v1/images", data=png(), content_type="image/png", headers=bearer(ann)).json

    answer = web.get(stored["url"], headers=bearer(ann))

    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "cookie" in answer.vary.as_set()


def test_what_is_everybodys_varies_by_nobody(web):
    assert "cookie" not in web.get("/openapi.json").vary.as_set()
