"""A key becomes a cookie, and what ends it. Over a real Valkey."""

import base64
import time

import pytest

from shared.accounts.audit import COMMAND_LINE
from shared.accounts.sessions import digest_of
from shared.contracts.access import Key, Person, Role
from shared.redis import keys
from tests.integration.door import (
    COOKIE,
    END_S,
    OURS,
    app_of,
    bearer,
    browser,
    raw,
    signed_in,
    with_cookie,
)


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
    ended_at = asked_at = time.monotonic()
    while raw(web).get("/v1/jobs", headers=with_cookie(token)).status_code != 401:
        assert asked_at < ended_at + END_S  # a request that began later had to be refused, however slow it was
        asked_at = time.monotonic()

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
