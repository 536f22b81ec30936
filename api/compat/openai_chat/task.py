"""What a conversation asks the model to do: describe the picture, box something in it, or answer a question.

A text that is nothing but a request to describe is a caption, whose prompt the model was trained with. A request for a box
in JSON goes to the detector. Whatever of the request such a task has no use for is named in the answer.
"""

from dataclasses import dataclass
from typing import Any

from api.compat.openai_chat.bare_requests import is_bare, is_neutral
from api.compat.openai_chat.box_requests import object_in, wants_box
from api.compat.openai_chat.contract import ChatRequest
from api.compat.openai_chat.conversation import Asked
from shared.contracts.vision import AnyTask, CaptionTask, DetectTask, QueryTask
from shared.models.catalogue import ModelCard

#: How words are chosen; a detector has no use for it.
SAMPLING = ("temperature", "top_p", "seed", "max_tokens", "max_completion_tokens")

#: What a picture without a word asks, where the model shall think first.
DESCRIBE = "Describe this image."


@dataclass(frozen=True)
class Translated:
    """One task of ours, and what is to be said about the request beside its answer."""

    task: AnyTask
    is_json: bool
    ignored: tuple[str, ...] = ()
    #: Given beyond a limit → what was taken instead.
    clamped: dict[str, int] | None = None

    def about(self) -> dict[str, Any]:
        """What Darkroom says beside OpenAI's fields."""
        return {"task": self.task.task, "ignored": list(self.ignored), "clamped": self.clamped or {}}


def translate(body: ChatRequest, question: Asked, card: ModelCard) -> Translated:
    """The task of a conversation with a model that answers questions; what else it cannot do is asked in words.

    Raises:
        InvalidRequest: two lengths that differ.
    """
    given = {"temperature": body.temperature, "top_p": body.top_p, "max_tokens": body.most_tokens(), "seed": body.seed}
    wishes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if question.picture is not None and card.does("detect") and wants_box(question.last, as_json=body.is_json):
        task: AnyTask = DetectTask(task="detect", object=object_in(question.last))
        unused = [name for name in SAMPLING if getattr(body, name) is not None]
        return _translated(body, task, [*unused, *_dropped(body, question)], is_json=True)
    if card.does("caption") and _is_caption(body, question):
        return _translated(body, CaptionTask(task="caption", **wishes), _dropped(body, question), is_json=body.is_json)
    task = QueryTask(task="query", question=question.question or DESCRIBE, reasoning=body.reasons, **wishes)
    return _translated(body, task, [], is_json=body.is_json)


def _translated(body: ChatRequest, task: AnyTask, unused: list[str], *, is_json: bool) -> Translated:
    clamped = {} if isinstance(task, DetectTask) else body.clamped()
    ignored = dict.fromkeys([*body.ignored(), *unused, *clamped])
    return Translated(task, is_json, tuple(ignored), clamped)


def _is_caption(body: ChatRequest, question: Asked) -> bool:
    """A picture and a bare request. What came before counts only where the picture was there already."""
    return (
        question.picture is not None
        and not body.reasons
        and is_bare(question.last)
        and all(is_neutral(text) for text in question.system)
        and (question.is_fresh or not question.last)
    )


def _dropped(body: ChatRequest, question: Asked) -> list[str]:
    """Messages before the last one, and an effort: neither a caption nor a box takes them into account."""
    last = len(body.messages) - 1
    texts = [
        f"messages.{at}" for at in range(last) if any(part.type.endswith("text") for part in body.messages[at].parts)
    ]
    return [*texts, *(["reasoning_effort"] if body.reasons else [])]
