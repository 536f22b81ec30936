"""What answers say to browsers and caches."""

import pytest

from tests.integration.door import bearer
from tests.pictures import png


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
    stored = web.post("/v1/images", data=png(), content_type="image/png", headers=bearer(ann)).json

    answer = web.get(stored["url"], headers=bearer(ann))

    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "cookie" in answer.vary.as_set()


def test_what_is_everybodys_varies_by_nobody(web):
    assert "cookie" not in web.get("/openapi.json").vary.as_set()
