"""No request, however malformed, answers 500; each is refused by its cause, in the one shape."""

import base64
import json

import pytest

from tests.pictures import png

PROMPT = '"prompt": "x"'
PICTURE = base64.b64encode(png()).decode()

#: What is wrong with it → body, status, field to blame (None: nothing in particular).
BODIES = {
    "nothing": (b"", 400, None),
    "blanks": (b"  \n ", 400, None),
    "not json": (b"prompt=x", 400, None),
    "half an object": (b'{"prompt": "x"', 400, None),
    "two objects": (b'{"prompt": "x"} {}', 400, None),
    "a trailing comma": (b'{"prompt": "x",}', 400, None),
    "bad utf-8": (b'{"prompt": "\xff\xfe"}', 400, None),
    "utf-16": ('{"prompt": "x"}'.encode("utf-16"), 400, None),
    "a byte order mark inside": (b'{\xef\xbb\xbf"prompt": "x"}', 400, None),
    "UTF-16": ('{"prompt": "x"}'.encode("utf-16"), 400, None),
    "NaN": (b'{"prompt": "x", "guidance_scale": NaN}', 400, None),
    "Infinity": (b'{"prompt": "x", "strength": -Infinity}', 400, None),
    "an integer of 5,000 digits": (b'{"prompt": "x", "seed": ' + b"9" * 5000 + b"}", 400, None),
    "100,000 brackets": (b'{"prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, None),
    "a key twice": (b'{"prompt": "x", "prompt": "y"}', 400, None),
    "a list": (b'[{"prompt": "x"}]', 422, "body"),
    "a string": (b'"prompt"', 422, "body"),
    "a string of json": (json.dumps('{"prompt": "x"}').encode(), 422, "body"),
    "a number": (b"7", 422, "body"),
    "null": (b"null", 422, "body"),
    "an empty object": (b"{}", 422, "prompt"),
    "a prompt that is null": (b'{"prompt": null}', 422, "prompt"),
    "a prompt that is a number": (b'{"prompt": 7}', 422, "prompt"),
    "a prompt too long": (json.dumps({"prompt": "x" * 4001}).encode(), 422, "prompt"),
    "half a surrogate pair": (b'{"prompt": "\\ud800"}', 422, "prompt"),
    "half a pair in a key": (b'{"prompt": "x", "\\udfff": 1}', 422, None),
    "an integer of 400 digits": (b'{"prompt": "x", "seed": ' + b"9" * 400 + b"}", 422, "seed"),
    "a seed below -1": (b'{"prompt": "x", "seed": -2}', 422, "seed"),
    "a seed in words": (b'{"prompt": "x", "seed": "-1"}', 422, "seed"),
    "a broken seed": (b'{"prompt": "x", "seed": 7.5}', 422, "seed"),
    "a seed that is true": (b'{"prompt": "x", "seed": true}', 422, "seed"),
    "half a step": (b'{"prompt": "x", "steps": 0.5}', 422, "steps"),
    "an unknown schedule": (b'{"prompt": "x", "schedule": "magic"}', 422, "schedule"),
    "two schedules": (b'{"prompt": "x", "scheduler": "DPM++ 2M Karras", "schedule": "beta"}', 422, "schedule"),
    "a schedule the sampler knows not": (
        b'{"prompt": "x", "scheduler": "ddim", "schedule": "karras"}',
        422,
        "schedule",
    ),
    "both in one word": (b'{"prompt": "x", "scheduler": "DDIM Karras"}', 422, "scheduler"),
    "a number too large for a float": (b'{"prompt": "x", "guidance_scale": 1e999}', 422, "guidance_scale"),
    "a number as text": (b'{"prompt": "x", "steps": "20"}', 422, "steps"),
    "a boolean as number": (b'{"prompt": "x", "steps": true}', 422, "steps"),
    "no steps": (b'{"prompt": "x", "steps": 0}', 422, "steps"),
    "a width that is no multiple of 8": (b'{"prompt": "x", "width": 65}', 422, "width"),
    "a width the model cannot make": (b'{"prompt": "x", "model": "sdxl-toy", "width": 4096}', 422, "width"),
    "seventeen pictures": (b'{"prompt": "x", "n": 17}', 422, "n"),
    "an unknown scheduler": (b'{"prompt": "x", "scheduler": "magic"}', 422, "scheduler"),
    "an unknown priority": (b'{"prompt": "x", "priority": "urgent"}', 422, "priority"),
    "strength without a picture": (b'{"prompt": "x", "strength": 0.5}', 422, "strength"),
    "a strength that leaves no step": (
        json.dumps({"prompt": "x", "image": PICTURE, "steps": 1, "strength": 0.05}).encode(),
        422,
        "strength",
    ),
    "a guidance that would do what 1 does": (b'{"prompt": "x", "guidance_scale": 0.5}', 422, "guidance_scale"),
    "a negative prompt without guidance": (
        b'{"prompt": "x", "guidance_scale": 1, "negative_prompt": "fog"}',
        422,
        "negative_prompt",
    ),
    "a picture that is no base64": (b'{"prompt": "x", "image": "!!"}', 422, "image"),
    "a data uri that is not base64": (b'{"prompt": "x", "image": "data:image/png,abc"}', 422, "image"),
    "base64 that is no picture": (b'{"prompt": "x", "image": "aGVsbG8="}', 422, "image"),
    "a picture nobody stored": (json.dumps({"prompt": "x", "image": "img_" + "0" * 32}).encode(), 404, "image"),
    "a model with a NUL": (b'{"prompt": "x", "model": "\\u0000"}', 404, "model"),
    "a nested object": (b'{"prompt": {"a": {"b": 1}}}', 422, "prompt"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_by_its_cause(web, name):
    body, status, field = BODIES[name]

    answer = web.post("/v1/generate", data=body, content_type="application/json")

    assert answer.status_code == status, answer.text
    assert set(answer.json) == {"error"}
    assert {"code", "message", "retryable"} <= set(answer.json["error"])
    if field is not None:
        assert answer.json["error"]["field"] == field


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ('{"prompt": "x", "widht": 64}', "did you mean width?"),
        ('{"promt": "x"}', "prompt"),
        ('{"prompt": "x", "cfg": 7}', "guidance_scale"),
        ('{"prompt": "x", "steps": 151}', "150"),
        ('{"prompt": "x", "width": 12}', "multiple of 8"),
        ('{"prompt": "x", "scheduler": "magic"}', "euler_ancestral"),
    ],
)
def test_a_refusal_tells_the_way_out(web, body, hint):
    answer = web.post("/v1/generate", data=body, content_type="application/json")

    assert answer.status_code == 422
    assert hint in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "nonsense", "a/b;"]
)
def test_a_body_that_does_not_say_it_is_json_is_refused(web, content_type):
    answer = web.post("/v1/generate", data=b'{"prompt": "x"}', content_type=content_type)

    assert answer.status_code == 415
    assert "application/json" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/problem+json", "APPLICATION/JSON"]
)
def test_every_way_to_say_json_is_understood(web, content_type):
    assert web.post("/v1/generate", data=b'{"prompt": "x"}', content_type=content_type).status_code == 202


#: Method and path → statuses that are right for it.
REQUESTS = {
    ("GET", "/v1/jobs/%00"): {404},
    ("GET", "/v1/jobs/job_%ff%fe"): {404},
    ("GET", "/v1/jobs/%"): {404},
    ("GET", "/v1/jobs/%zz"): {404},
    ("GET", "/v1/jobs/" + "x" * 5000): {404},
    ("GET", "/v1/jobs/../../etc/passwd"): {404},
    ("GET", "/v1/jobs/job_" + "0" * 24 + "%0a"): {404},
    ("DELETE", "/v1/jobs/*"): {404},
    ("GET", "/v1/images/..%2f..%2fetc%2fpasswd"): {404},
    ("GET", "/v1/images/img_" + "G" * 32): {404},
    ("GET", "/v1/images/img_" + "0" * 32 + "?width=-1"): {422},
    ("GET", "/v1/images/img_" + "0" * 32 + "?width=1e3"): {422},
    ("GET", "/v1/images/img_" + "0" * 32 + "?width=" + "9" * 5000): {422},
    ("GET", "/v1/jobs?limit=0"): {422},
    ("GET", "/v1/jobs?limit=abc"): {422},
    ("GET", "/v1/jobs?limit=5&limit=6"): {422},
    ("GET", "/v1/jobs?state=dancing"): {422},
    ("GET", "/v1/jobs?stat=queued"): {422},
    ("GET", "/v1/jobs?cursor=-1"): {422},
    ("GET", "/v1/jobs?cursor=99999999999999999999"): {422},
    ("GET", "/v1/jobs?%ff=%fe"): {422},
    ("GET", "/v1/jobs?ids=%00"): {200, 422},
    ("GET", "/v1/jobs?ids=%ff,,,*"): {200},
    ("GET", "/v1/jobs?ids=&state="): {200},
    ("GET", "/v1/jobs/job_" + "0" * 24 + "?wait=nan"): {422},
    ("GET", "/v1/jobs/job_" + "0" * 24 + "?wait=1e999"): {422},
    ("GET", "/v1/jobs/job_" + "0" * 24 + "?wait=-1"): {422},
    ("GET", "/v1/jobs/job_" + "0" * 24 + "?wait=1&wait=2"): {422},
    ("GET", "/nowhere"): {404},
    ("GET", "/v1"): {404},
    ("POST", "/v1/jobs"): {405},
    ("GET", "/v1/generate"): {405},
    ("GET", "/docs/assets/../../__init__.py"): {404},
    ("GET", "/docs/assets/%2e%2e/%2e%2e/__init__.py"): {404},
}


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_a_strange_request_is_answered_for_what_it_is(web, method, path):
    answer = web.open(path, method=method)

    assert answer.status_code in REQUESTS[method, path], answer.text
    if answer.status_code >= 400:
        assert set(answer.json) == {"error"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Idempotency-Key": "k" * 256}, 422),
        ({"Idempotency-Key": "k\xe9"}, 422),
        ({"Idempotency-Key": "k" * 255}, 202),
        ({"Prefer": "wait=forever"}, 202),
        ({"Prefer": "wait=-1, wait"}, 202),
        ({"Prefer": ";;;,=,wait=" + "9" * 400}, 202),
        ({"If-None-Match": '"\xff'}, 202),
        ({"Origin": "\xff\x00"}, 403),
    ],
)
def test_strange_headers_do_no_harm(web, headers, status):
    answer = web.post("/v1/generate", data=b'{"prompt": "x"}', content_type="application/json", headers=headers)

    assert answer.status_code == status, answer.text


def test_a_body_beyond_the_limit_answers_413(web):
    web.application.config["MAX_CONTENT_LENGTH"] = 1000

    answer = web.post("/v1/generate", data=b'{"prompt": "' + b"x" * 2000 + b'"}', content_type="application/json")

    assert answer.status_code == 413
    assert answer.json["error"]["code"] == "too_large"


def test_a_bug_of_ours_tells_the_caller_nothing_about_itself(web, monkeypatch):
    def broken(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("api.blueprints.models.choose_model", broken)

    answer = web.get("/v1/models")

    assert answer.status_code == 500
    assert answer.json["error"]["code"] == "internal_error"
    assert "secret" not in answer.text
