"""The contract of a chat request: what is taken, what is named as ignored or clamped, what keeps its meaning."""

import json

import pytest
from pydantic import ValidationError

from api.compat.openai_chat.contract import ChatRequest


def request(**more) -> ChatRequest:
    return ChatRequest.model_validate_json(json.dumps({"messages": [{"role": "user", "content": "what?"}]} | more))


HINTS = {
    "safety_identifier": "user-1",
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "verbosity": "low",
    "top_k": 40,
    "min_p": 0.05,
    "repetition_penalty": 1.1,
    "metadata": {"trace": "7"},
    "store": True,
    "cache_control": {"type": "ephemeral"},
    "chat_id": "c",
    "session_id": "s",
    "keep_alive": "5m",
}


@pytest.mark.parametrize(("field", "value"), HINTS.items())
def test_a_hint_is_taken_and_named(field, value):
    assert request(**{field: value}).ignored() == [field]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("n", 1), ("n", None), ("logit_bias", {}), ("logit_bias", None), ("presence_penalty", 0), ("seed", None)),
        ("seed", -1),
        *(
            ("frequency_penalty", 0.0),
            ("stream_options", None),
            ("tools", []),
            ("tools", None),
            ("tool_choice", "auto"),
        ),
        *(("tool_choice", "none"), ("parallel_tool_calls", True), ("response_format", {"type": "text"})),
        *(("response_format", None), ("modalities", ["text"]), ("stop", None), ("stop", []), ("logprobs", False)),
        *(("top_logprobs", None), ("store", False), ("metadata", {}), ("metadata", None), ("user", "ann")),
        *(
            ("service_tier", "auto"),
            ("service_tier", "scale"),
            ("max_tokens", None),
            ("max_tokens", -1),
            ("audio", None),
        ),
    ],
)
def test_a_neutral_value_needs_no_word(field, value):
    taken = request(**{field: value})

    assert taken.ignored() == []
    assert taken.clamped() == {}
    assert taken.most_tokens() is None


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_more_tokens_than_the_model_can_say_are_clamped(field):
    taken = request(**{field: 1_000_000})

    assert taken.most_tokens() == 2048
    assert taken.clamped() == {field: 2048}


@pytest.mark.parametrize(
    ("detail", "ignored"),
    [("low", ["messages.0.content.0.image_url.detail"]), ("auto", []), ("high", []), (None, [])],
)
def test_every_detail_is_taken(detail, ignored):
    part = {"type": "image_url", "image_url": {"url": "img_1", "detail": detail}}

    assert request(messages=[{"role": "user", "content": [part]}]).ignored() == ignored


@pytest.mark.parametrize("role", ["system", "developer", "user"])
def test_only_an_assistants_turn_may_be_without_content(role):
    with pytest.raises(ValidationError, match="content"):
        request(messages=[{"role": role, "content": None}])

    assert request(messages=[{"role": "assistant", "content": None}]).messages[0].parts == []


@pytest.mark.parametrize("name", ["topk", "max_token", "stram", "temprature"])
def test_a_typing_error_is_no_hint(name):
    with pytest.raises(ValidationError, match="extra_forbidden"):
        request(**{name: None})
