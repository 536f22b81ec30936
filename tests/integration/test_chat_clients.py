"""What today's chat clients send: their hints never refuse a good request, and the answer names what changed nothing."""

import base64
import json
import threading

import pytest

from shared.contracts.jobs import State
from shared.jobs import lifecycle
from shared.jobs.token_stream import TokenStream, Words
from tests import pictures, workers_played

PHOTO = "data:image/png;base64," + base64.b64encode(pictures.png()).decode()
SHOWN = {"type": "image_url", "image_url": {"url": PHOTO}}
BOX = 'Detect {}. Return the bounding box coordinates as a JSON object: {{"ymin": 0, "xmin": 0, "ymax": 1, "xmax": 1}}.'
JSON = {"response_format": {"type": "json_object"}}


def user(*parts) -> dict:
    return {"role": "user", "content": [{"type": "text", "text": p} if isinstance(p, str) else p for p in parts]}


class Chat:
    """Sends requests in a thread while the test plays their worker."""

    def __init__(self, web, services) -> None:
        self._app, self._services = web.application, services
        self.task: dict = {}

    def ask(self, *messages, answer=None, told: str = "", **more):
        """The answer of a request whose task is answered so."""
        body = {"model": "moondream-toy", "messages": list(messages), **more}
        answers: list = []
        path = "/v1/chat/completions"
        thread = threading.Thread(target=lambda: answers.append(self._app.test_client().post(path, json=body)))
        thread.start()
        try:
            job_id = workers_played.next_queued(self._services, limit_s=30)
            self._play(job_id, answer or {"text": "a cat", "finish_reason": "stop"}, told)
        finally:
            thread.join(60)
        return answers[0]

    def _play(self, job_id: str, answer: dict, told: str) -> None:
        self.task = workers_played.start(self._services, job_id).params["tasks"][0]
        if told:
            TokenStream(self._services.store.redis).say(job_id, "pen", 1, [Words(0, told)])
        row = {
            "task": self.task["task"],
            "ok": True,
            "engine": "moondream",
            "model": "m",
            "took_ms": 1,
            "answer": answer,
        }
        result = {"image": None, "width": 9, "height": 9, "vision_passes": 0, "answers": [row]}
        result["usage"] = {"prompt_tokens": 9, "completion_tokens": 3}
        self._services.store.move(
            job_id, lambda job, now_ms: lifecycle.end(job, now_ms, token="pen", state=State.SUCCEEDED, result=result)
        )


@pytest.fixture
def chat(web, services) -> Chat:
    return Chat(web, services)


def events(answer) -> list[dict]:
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]


# -- hints ---------------------------------------------------------------------------------------------------------------


def test_hints_are_taken_and_named_and_what_exceeds_the_model_is_clamped(chat):
    answer = chat.ask(user("what?"), top_k=40, store=True, metadata={"a": "b"}, verbosity="low", n=1, max_tokens=10**6)

    assert answer.status_code == 200
    assert chat.task["max_tokens"] == 2048
    assert answer.json["darkroom"]["ignored"] == ["metadata", "store", "verbosity", "top_k", "max_tokens"]
    assert answer.json["darkroom"]["clamped"] == {"max_tokens": 2048}


def test_messages_and_parts_bring_what_clients_hang_on_them(chat):
    earlier = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [], "annotations": []}
    marked = {"type": "text", "text": "what?", "cache_control": {"type": "ephemeral"}}

    answer = chat.ask(
        {"role": "system", "content": "Be short.", "name": "rules"},
        user("hi"),
        earlier,
        {"role": "assistant", "content": "hello", "reasoning_content": "I greet", "id": "msg_1"},
        {**user(marked), "name": "ann"},
    )

    assert answer.status_code == 200
    assert sorted(answer.json["darkroom"]["ignored"]) == [
        "messages.0.name",
        "messages.3.id",
        "messages.3.reasoning_content",
        "messages.4.content.0.cache_control",
        "messages.4.name",
    ]
    assert chat.task["question"] == "Be short.\n\nEarlier in this conversation:\nUser: hi\nAssistant: hello\n\nwhat?"


def test_parts_of_the_newer_shape_are_read(chat):
    parts = [{"type": "input_text", "text": "what?"}, {"type": "input_image", "image_url": PHOTO, "detail": "auto"}]

    assert chat.ask({"role": "user", "content": parts}).status_code == 200
    assert chat.task["question"] == "what?"


def test_a_stream_names_what_it_ignores_too(chat):
    answer = chat.ask(
        user("what?"), stream=True, top_k=5, max_tokens=9999, stream_options={"include_obfuscation": True}
    )

    told = [event["darkroom"] for event in events(answer) if "darkroom" in event]
    assert answer.status_code == 200
    assert len(told) == 2
    for each in told:
        assert sorted(each["ignored"]) == ["max_tokens", "stream_options.include_obfuscation", "top_k"]
        assert each["clamped"] == {"max_tokens": 2048}


# -- what is meant -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Describe this image", "CAPTION THIS!", "", "please describe the photo"])
def test_a_bare_request_is_a_caption(chat, text):
    answer = chat.ask(user(text, SHOWN), temperature=0.25, max_tokens=50, seed=3)

    assert answer.status_code == 200
    assert (chat.task["task"], chat.task["seed"], chat.task["max_tokens"]) == ("caption", 3, 50)
    assert answer.json["darkroom"]["task"] == "caption"


def test_a_picture_without_a_text_is_a_caption(chat):
    chat.ask(user(SHOWN))

    assert chat.task["task"] == "caption"


@pytest.mark.parametrize("text", ["Describe the lighting.", "Describe this image in three words", "What is in it?"])
def test_what_asks_for_more_stays_a_question(chat, text):
    chat.ask(user(text, SHOWN))

    assert (chat.task["task"], chat.task["question"]) == ("query", text)


def test_instructions_make_a_bare_request_a_question(chat):
    chat.ask({"role": "system", "content": "Answer in rhymes."}, user("Describe this image", SHOWN))

    assert chat.task["question"] == "Answer in rhymes.\n\nDescribe this image"


def test_neutral_instructions_and_an_earlier_picture_do_not_and_are_named(chat):
    turns = [user("what?", SHOWN), {"role": "assistant", "content": "a cat"}]

    answer = chat.ask(
        {"role": "system", "content": "You are a helpful assistant."}, *turns, user("Describe this", SHOWN)
    )

    assert chat.task["task"] == "caption"
    assert answer.json["darkroom"]["ignored"] == ["messages.0", "messages.1", "messages.2"]


def test_a_bare_request_about_an_earlier_picture_belongs_to_its_conversation(chat):
    turns = [user("what?", SHOWN), {"role": "assistant", "content": "a cat"}]

    chat.ask(*turns, user("Describe it"))

    assert chat.task["task"] == "query"
    assert "Assistant: a cat" in chat.task["question"]


def test_a_bare_request_that_shall_be_thought_about_is_a_question(chat):
    chat.ask(user(SHOWN), reasoning_effort="low")

    assert (chat.task["task"], chat.task["reasoning"]) == ("query", True)
    assert chat.task["question"]


def test_without_a_picture_there_is_nothing_to_describe(web):
    answer = web.post("/v1/chat/completions", json={"model": "moondream-toy", "messages": [user("  ")]})

    assert (answer.status_code, answer.json["error"]["field"]) == (422, "messages")


# -- JSON ----------------------------------------------------------------------------------------------------------------


def found(*sides) -> dict:
    names = ("x_min", "y_min", "x_max", "y_max")
    pixels = dict.fromkeys(names, 1)
    return {"objects": [{**dict(zip(names, s, strict=True)), "pixels": pixels} for s in sides], "finish_reason": "stop"}


def test_a_request_for_a_box_in_json_is_detected(chat):
    answer = chat.ask(
        user(BOX.format("main subject"), SHOWN), answer=found((0.1, 0.2, 0.3, 0.4)), **JSON, max_tokens=256
    )

    assert (chat.task["task"], chat.task["object"]) == ("detect", "main subject")
    content = json.loads(answer.json["choices"][0]["message"]["content"])
    assert content == {"ymin": 0.2, "xmin": 0.1, "ymax": 0.4, "xmax": 0.3}
    assert answer.json["darkroom"]["task"] == "detect"
    assert answer.json["darkroom"]["ignored"] == ["max_tokens"]


def test_a_stream_tells_the_box_whole(chat):
    answer = chat.ask(user(BOX.format("face"), SHOWN), answer=found((0, 0, 1, 1)), stream=True, **JSON)

    content = "".join(c["delta"].get("content", "") for event in events(answer) for c in event["choices"])
    assert json.loads(content) == {"ymin": 0, "xmin": 0, "ymax": 1, "xmax": 1}
    assert answer.text.endswith("data: [DONE]\n\n")


def test_nothing_found_is_an_answer(chat):
    answer = chat.ask(user(BOX.format("face"), SHOWN), answer=found(), **JSON)

    assert json.loads(answer.json["choices"][0]["message"]["content"]) == {"boxes": []}


@pytest.mark.parametrize(("text", "content"), [("a cat", {"answer": "a cat"}), ('{"cat": 1}', {"cat": 1})])
def test_other_answers_are_a_json_object_where_one_is_asked_for(chat, text, content):
    answer = chat.ask(user("what? in JSON", SHOWN), answer={"text": text, "finish_reason": "stop"}, **JSON)

    assert json.loads(answer.json["choices"][0]["message"]["content"]) == content


def test_a_stream_of_json_is_one_object_however_its_words_came(chat):
    words = {"text": "a cat", "finish_reason": "stop"}

    answer = chat.ask(user("what?", SHOWN), answer=words, told="a ca", stream=True, **JSON)

    content = "".join(c["delta"].get("content", "") for event in events(answer) for c in event["choices"])
    assert json.loads(content) == {"answer": "a cat"}
