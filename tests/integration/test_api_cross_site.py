"""What comes from other sites' pages, under names that are not ours, and from other machines."""

import base64

import pytest

from tests.integration.door import (
    EVIL,
    OURS,
    OWN,
    SEND,
    app_of,
    bearer,
    signed_in,
)

# -- other sites' pages ------------------------------------------------------------------------------------------------


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


# -- names -------------------------------------------------------------------------------------------------------------


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


# -- other machines ----------------------------------------------------------------------------------------------------


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
