"""What a conversation comes to, where the model cannot do everything."""

import json

import pytest

from api.compat.openai_chat.contract import ChatRequest
from api.compat.openai_chat.conversation import asked
from api.compat.openai_chat.task import DESCRIBE, translate
from shared.models.catalogue import Analysis, load_catalogue
from shared.settings import Settings

CARD = load_catalogue(Settings()).get("moondream-toy")
PICTURE = {"type": "image_url", "image_url": {"url": "img_1"}}


def task_of(text: str, *tasks: str, **more):
    content = [{"type": "text", "text": text}, PICTURE]
    body = ChatRequest.model_validate_json(json.dumps({"messages": [{"role": "user", "content": content}]} | more))
    card = CARD.model_copy(update={"analysis": Analysis(tasks=tasks)})
    return translate(body, asked(body.messages), card)


@pytest.mark.parametrize(("text", "question"), [("Describe this image", "Describe this image"), ("", DESCRIBE)])
def test_a_model_that_cannot_caption_is_asked_in_words(text, question):
    assert task_of(text, "query").task.question == question
    assert task_of(text, "query", "caption").task.task == "caption"


def test_a_model_that_cannot_detect_is_asked_in_words():
    text = "Detect the cat: ymin, xmin, ymax, xmax as JSON"

    assert task_of(text, "query").task.question == text
    assert task_of(text, "query", "detect").task.object == "cat"


@pytest.mark.parametrize("seed", [-1, None])
def test_a_seed_is_drawn_where_everybody_would_have_one_drawn(seed):
    assert task_of("How many cats?", "query", seed=seed).task.seed is None
    assert task_of("How many cats?", "query", seed=4).task.seed == 4


def test_a_box_that_is_asked_for_by_its_sides_is_told_in_json_without_a_response_format():
    assert task_of("Detect the cat: ymin, xmin, ymax, xmax", "query", "detect").is_json
    assert not task_of("Detect the cat", "query", "detect").is_json
