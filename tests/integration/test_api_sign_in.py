"""Signing in: wrong keys, counted failures, bad bodies, what is told and what is not."""

import pytest
from structlog.testing import capture_logs

from shared.accounts.audit import COMMAND_LINE
from shared.contracts.access import Key
from shared.contracts.audit import Deed
from tests.integration.door import OURS, bearer, secret_of, signed_in


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
