"""OpenAI's shape at our door: what a conversation comes to, what is refused by name, and how a stream survives a lost worker."""

import base64
import json
import threading

import pytest

from api.app import create_app
from api.services import build_services
from shared.contracts.jobs import Progress, State
from shared.jobs import lifecycle
from shared.jobs.token_stream import TokenStream, Words
from tests import pictures, workers_played

PHOTO = "data:image/png;base64," + base64.b64encode(pictures.png()).decode()
ASK = {"model": "moondream-toy", "messages": [{"role": "user", "content": "what?"}]}


def say(services, job_id: str, text: str, attempt: int = 1, token: str = "pen") -> bool:
    return TokenStream(services.store.redis).say(job_id, token, attempt, [Words(0, text)])


def end(services, job_id: str, text: str, token: str = "pen") -> None:
    row = {"task": "query", "ok": True, "engine": "moondream", "model": "moondream-toy", "took_ms": 1}
    answer = {"text": text, "finish_reason": "stop"}
    result = {"image": None, "width": None, "height": None, "vision_passes": 0}
    usage = {"prompt_tokens": 9, "completion_tokens": 3}
    services.store.move(
        job_id,
        lambda job, now_ms: lifecycle.end(
            job,
            now_ms,
            token=token,
            state=State.SUCCEEDED,
            result=result | {"answers": [row | {"answer": answer}], "usage": usage},
        ),
    )


class Asking:
    """A chat request in a thread of its own."""

    def __init__(self, app, body: dict) -> None:
        self.lines: list[str] = []
        self._app, self._body = app, body
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        answer = self._app.test_client().post("/v1/chat/completions", json=self._body)
        self.status, self.text = answer.status_code, answer.text

    def answer(self) -> tuple[int, str]:
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.status, self.text


def content(text: str) -> str:
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content", "") for event in events for choice in event.get("choices", []))


def test_a_plain_answer_waits_for_its_job(web, services):
    asking = Asking(web.application, ASK | {"service_tier": "priority", "user": "ann", "seed": 4, "max_tokens": 9})
    job_id = workers_played.next_queued(services)
    record = workers_played.start(services, job_id)
    end(services, job_id, "a cat")

    status, text = asking.answer()

    assert status == 200
    assert json.loads(text)["choices"][0]["message"]["content"] == "a cat"
    assert json.loads(text)["usage"] == {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    assert (record.priority, record.params["user"]) == ("high", "ann")
    assert (record.params["tasks"][0]["seed"], record.params["tasks"][0]["max_tokens"]) == (4, 9)


def test_a_second_worker_goes_on_where_the_first_one_stopped_talking(web, services):
    asking = Asking(web.application, ASK | {"stream": True})
    job_id = workers_played.next_queued(services)
    workers_played.start(services, job_id, token="one")
    assert say(services, job_id, " a ca", token="one")
    services.store.move(job_id, lambda job, now_ms: lifecycle.give_back(job, now_ms, token="one", reason="lost"))
    workers_played.start(services, job_id, token="two")
    for piece in (" a", " cat", " sleeps "):
        assert say(services, job_id, piece, attempt=2, token="two")
    end(services, job_id, "a cat sleeps", token="two")

    status, text = asking.answer()

    assert status == 200
    assert content(text) == "a cat sleeps"
    assert text.endswith("data: [DONE]\n\n")


def test_who_lost_the_pen_says_nothing_any_more(web, services):
    asking = Asking(web.application, ASK | {"stream": True})
    job_id = workers_played.next_queued(services)
    workers_played.start(services, job_id, token="mine")

    assert not say(services, job_id, "lies", token="stolen")
    assert say(services, job_id, "truth", token="mine")
    end(services, job_id, "truth", token="mine")
    assert not say(services, job_id, "late", token="mine")

    assert content(asking.answer()[1]) == "truth"


def test_a_job_that_fails_in_the_middle_ends_the_stream_with_its_error(web, services):
    asking = Asking(web.application, ASK | {"stream": True})
    job_id = workers_played.next_queued(services)
    services.store.move(job_id, lifecycle.cancel)

    status, text = asking.answer()

    assert status == 200
    assert f"job {job_id} was cancelled" in text
    assert "[DONE]" not in text


def test_past_the_deadline_the_answer_is_504_and_names_the_job(settings):
    services = build_services(settings.model_copy(update={"chat_deadline_s": 1}))
    answer = create_app(services).test_client().post("/v1/chat/completions", json=ASK)

    job_id = services.store.page(None, 1, None)[0][0].id
    assert answer.status_code == 504
    assert answer.json["error"]["code"] == "deadline_exceeded"
    assert job_id in answer.json["error"]["message"]
    assert services.store.get(job_id).state == "failed"


def test_a_stream_that_nobody_starts_to_read_still_gives_its_job_up(web, services):
    answer = web.post("/v1/chat/completions", json=ASK | {"stream": True}, buffered=False)
    job_id = workers_played.next_queued(services)
    answer.close()

    assert services.store.get(job_id).state == "cancelled"
    assert services.job_events.waiting() == 0


def test_when_all_seats_are_taken_nothing_is_sent(web, services):
    seats = services.settings.api_threads * 3 // 4
    watches = [services.job_events.watch("job") for _ in range(seats)]
    for watch in watches:
        watch.__enter__()
    answer = web.post("/v1/chat/completions", json=ASK)
    for watch in watches:
        watch.__exit__(None, None, None)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert services.store.counts()["queued"] == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("n", 2), ("n", True), ("tools", [{}]), ("tool_choice", "required"), ("functions", [{}]), ("logprobs", True)),
        *(("top_logprobs", 3), ("logit_bias", {"1": 2}), ("response_format", {"type": "json_schema"}), ("stop", "x")),
        *(
            ("audio", {}),
            ("modalities", ["audio"]),
            ("frequency_penalty", 1),
            ("presence_penalty", 0.5),
        ),
        *(("response_format", {"type": "json_object", "schema": {"type": "object"}}), ("response_format", "json")),
        *(("prediction", {}), ("web_search_options", {}), ("temperature", 3), ("top_p", 2)),
        *(("seed", -2), ("max_tokens", 0), ("stream_options", {"include_usage": True}), ("maxtokens", 3)),
        *(("model", "efficientnet-lite0"), ("model", "sdxl-toy"), ("temperature", "0.5"), ("messages", [])),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_its_name(web, services, field, value):
    answer = web.post("/v1/chat/completions", json=ASK | {field: value})

    assert answer.status_code == 422
    assert answer.json["error"]["field"] == field
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert services.store.counts()["queued"] == 0


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([{"role": "assistant", "content": "x"}], "messages"),
        ([{"role": "user", "content": "  "}], "messages"),
        ([{"role": "user", "content": []}], "messages.0.content"),
        ([{"role": "user", "content": None}], "messages.0.content"),
        ([{"role": "user"}], "messages.0.content"),
        ([{"role": "user", "content": "x", "nmae": "ann"}], "messages.0.nmae"),
        ([{"role": "tool", "content": "x", "tool_call_id": "1"}], "messages.0.role"),
        ([{"role": "user", "content": "x", "tool_calls": [{}]}], "messages.0.tool_calls"),
        ([{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}], "messages.0.content.0.type"),
        ([{"role": "user", "content": [{"type": "text", "txt": "x"}]}], "messages.0.content.0.text"),
        ([{"role": "user", "content": "x" * 9000}], "messages"),
    ],
)
def test_what_a_conversation_cannot_be_is_refused_where_it_stands(web, messages, field):
    answer = web.post("/v1/chat/completions", json=ASK | {"messages": messages})

    assert answer.status_code == 422
    assert answer.json["error"]["field"] == field


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("img_" + "0" * 32, 404),
        ("not base64!", 422),
        ("data:image/png;base64,AAAA", 422),
        ("http://example.org/a.png", 422),
    ],
)
def test_a_picture_that_is_none_is_refused_where_it_stands(web, url, status):
    parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url}}]

    answer = web.post("/v1/chat/completions", json=ASK | {"messages": [{"role": "user", "content": parts}]})

    assert answer.status_code == status
    assert answer.json["error"]["field"] == "messages.0.content.1.image_url.url"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/a.png", "http://169.254.169.254/", "http://localhost/", "http://[::1]/"]
)
def test_addresses_are_guarded_even_where_they_are_allowed(settings, url):
    open_to_urls = settings.model_copy(update={"allow_image_urls": True})
    web = create_app(build_services(open_to_urls)).test_client()
    parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": url}]

    answer = web.post("/v1/chat/completions", json=ASK | {"messages": [{"role": "user", "content": parts}]})

    assert answer.status_code == 422
    assert "private" in answer.json["error"]["message"]


def test_two_names_for_the_length_must_agree(web):
    answer = web.post("/v1/chat/completions", json=ASK | {"max_tokens": 3, "max_completion_tokens": 4})

    assert answer.status_code == 422


def test_progress_of_a_chat_job_is_that_of_any_job(web, services):
    asking = Asking(web.application, ASK)
    job_id = workers_played.next_queued(services)
    workers_played.start(services, job_id)
    services.store.beat(job_id, "pen", Progress(phase="running", step=3, steps=10, percent=30))

    shown = web.get(f"/v1/jobs/{job_id}").json
    end(services, job_id, "done")

    assert asking.answer()[0] == 200
    assert (shown["kind"], shown["progress"]["percent"]) == ("analyze", 30)
