"""The official OpenAI client against a real stack: plain, streaming, gone in the middle."""

import base64
import json
from collections.abc import Iterator

import httpx
import openai
import pytest

from tests import pictures, talker
from tests.rig import Rig, running_stack, wait_for

PHOTO = "data:image/png;base64," + base64.b64encode(pictures.png(90, 60)).decode()
#: Takes seconds, so that a client can leave in the middle.
LONG = {"max_tokens": 1200, "temperature": 1.5, "top_p": 1.0, "seed": 7}
SHORT = {"max_tokens": 24, "temperature": 1.5, "top_p": 1.0, "seed": 7}


@pytest.fixture(scope="module")
def rig(tmp_path_factory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("chat")
    with running_stack(folder, DARKROOM_MODELS_FILE=str(talker.catalogue_with(folder))) as stack:
        yield stack


@pytest.fixture
def client(rig) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"http://127.0.0.1:{rig.port}/v1", api_key="none", max_retries=0, timeout=90) as made:
        yield made


def question(text: str = "what is this?") -> list:
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": PHOTO}}]
    return [{"role": "user", "content": parts}]


def newest_job(rig) -> dict:
    return rig.http.get("/v1/jobs?limit=1").json()["jobs"][0]


def test_a_plain_answer_has_text_and_real_token_counts(client, rig):
    answer = client.chat.completions.create(model="talker", messages=question(), **SHORT)

    job = rig.job(answer.id)
    assert answer.choices[0].message.content == job["result"]["answers"][0]["answer"]["text"]
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 24
    assert answer.usage.prompt_tokens == job["result"]["usage"]["prompt_tokens"] > 65
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 24
    assert job["state"] == "succeeded"


def test_a_stream_says_the_same_as_a_plain_answer_word_by_word(client):
    plain = client.chat.completions.create(model="talker", messages=question(), **SHORT)

    chunks = list(
        client.chat.completions.create(
            model="talker", messages=question(), stream=True, stream_options={"include_usage": True}, **SHORT
        )
    )

    deltas = [chunk.choices[0].delta for chunk in chunks[:-1]]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == plain.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-1].usage == plain.usage


def test_words_come_while_the_job_runs_and_the_stream_ends_with_done(rig):
    body = {"model": "talker", "messages": question(), "stream": True, **LONG, "max_tokens": 300}
    lines: list[str] = []
    with rig.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            lines += [line] if line.startswith("data: ") else []
            if len(lines) == 4:
                state = rig.job(json.loads(lines[1].removeprefix("data: "))["id"])["state"]

    assert state == "running"
    assert lines[-1] == "data: [DONE]"
    assert len(lines) > 10


def test_a_client_that_drops_its_stream_cancels_its_job(client, rig):
    stream = client.chat.completions.create(model="talker", messages=question(), stream=True, **LONG)
    first = next(chunk for chunk in stream if chunk.choices[0].delta.content)
    stream.close()

    ended = rig.finish(first.id, limit_s=60)

    assert ended["state"] == "cancelled"
    assert ended["progress"]["step"] < LONG["max_tokens"]
    assert client.chat.completions.create(model="talker", messages=question(), **SHORT).choices[0].message.content


def test_a_client_that_hangs_up_while_it_waits_cancels_its_job(client, rig):
    before = newest_job(rig)["id"]
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"http://127.0.0.1:{rig.port}/v1/chat/completions",
            json={"model": "talker", "messages": question(), **LONG},
            timeout=1.0,
        )
    job = wait_for(lambda: (seen := newest_job(rig))["id"] != before and seen, what="the job of the lost client")

    assert rig.finish(job["id"], limit_s=60)["state"] == "cancelled"
    assert client.chat.completions.create(model="talker", messages=question(), **SHORT).choices[0].message.content


def test_a_question_without_a_picture_and_with_reasoning(client):
    answer = client.chat.completions.create(
        model="talker", messages=[{"role": "user", "content": "why?"}], reasoning_effort="low", **SHORT
    )

    assert answer.choices[0].message.reasoning_content
    assert answer.usage.completion_tokens > 24


def test_a_stored_picture_and_an_earlier_turn(client, rig):
    stored = rig.http.post("/v1/images", content=pictures.png(), headers={"Content-Type": "image/png"}).json()["id"]
    messages = [
        {"role": "system", "content": "Be short."},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": stored}}, {"type": "text", "text": "hi"}],
        },
        {"role": "assistant", "content": "A red picture."},
        {"role": "user", "content": "Which colour?"},
    ]

    answer = client.chat.completions.create(model="talker", messages=messages, **SHORT)

    params = rig.job(answer.id)["params"]
    assert params["image"] == stored
    assert params["tasks"][0]["question"] == (
        "Be short.\n\nEarlier in this conversation:\nUser: hi\nAssistant: A red picture.\n\nWhich colour?"
    )


def test_the_models_that_chat_are_listed(client):
    listed = {model.id for model in client.models.list()}

    assert {"talker", "moondream-toy"} <= listed
    assert "sdxl-toy" not in listed


def test_refusals_are_errors_that_the_client_understands(client):
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-oh", messages=question())
    with pytest.raises(openai.UnprocessableEntityError) as two:
        client.chat.completions.create(model="talker", messages=question(), n=2)
    with pytest.raises(openai.ConflictError) as missing:
        client.chat.completions.create(model="moondream-2", messages=question())

    assert (unknown.value.code, unknown.value.type) == ("not_found", "invalid_request_error")
    assert "one answer per request" in two.value.message
    assert "darkroom pull moondream-2" in missing.value.message


def test_many_questions_at_once_share_passes_and_change_no_answer(client, rig):
    alone = [client.chat.completions.create(model="talker", messages=question(f"n{i}?"), **SHORT) for i in range(3)]
    said = [answer.choices[0].message.content for answer in alone]
    task = {"task": "query", "max_tokens": 24, "temperature": 1.5, "top_p": 1.0, "seed": 7}
    jobs = [
        rig.http.post("/v1/analyze", json={"image": PHOTO, "model": "talker", "tasks": [task | {"question": f"n{i}?"}]})
        for i in range(3)
    ]
    done = [rig.finish(job.json()["id"]) for job in jobs]

    assert [job["result"]["answers"][0]["answer"]["text"] for job in done] == said
    assert [job["result"]["vision_passes"] for job in done] == [0, 0, 0]
