"""An analysis job's result as OpenAI's `chat.completion`."""

import json
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field

from api.compat.openai_chat.box_requests import as_reply
from api.compat.openai_chat.job import failure
from api.compat.openai_chat.task import Translated
from shared.contracts.jobs import JobRecord, State
from shared.contracts.vision import AnalysisResult, BoxesAnswer, TaskResult, WordsAnswer
from shared.errors import EngineFailed


class ChatUsage(BaseModel):
    """Real tokens: with the picture's, and with the reasoning."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatAnswer(BaseModel):
    """What the model said."""

    role: Literal["assistant"] = "assistant"
    content: str
    reasoning_content: str | None = None
    refusal: None = None


class ChatChoice(BaseModel):
    """The one answer."""

    index: int = 0
    message: ChatAnswer
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class ChatNotes(BaseModel):
    """What Darkroom says beside OpenAI's fields."""

    task: str = Field(description="What the request was taken for: caption, query or detect")
    ignored: list[str] = Field(description="What was given and changed nothing, or was clamped, by its path")
    clamped: dict[str, int] = Field(description="Given beyond a limit → what was taken instead")


class ChatCompletion(BaseModel):
    """OpenAI's `chat.completion`."""

    id: str = Field(description="The job's id: `GET /v1/jobs/{id}` shows its record")
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage
    darkroom: ChatNotes


@dataclass(frozen=True)
class Said:
    """An answer as a chat tells it."""

    content: str
    reasoning: str | None
    finish_reason: Literal["stop", "length"]
    usage: ChatUsage


def completion(record: JobRecord, asked: Translated) -> ChatCompletion:
    """The answer of a job that has ended.

    Raises:
        DarkroomError: it has none.
    """
    said = said_in(record, asked)
    message = ChatAnswer(content=said.content, reasoning_content=said.reasoning)
    return ChatCompletion(
        id=record.id,
        created=record.created_at_ms // 1000,
        model=record.model,
        choices=[ChatChoice(message=message, finish_reason=said.finish_reason)],
        usage=said.usage,
        darkroom=ChatNotes(**asked.about()),
    )


def said_in(record: JobRecord, asked: Translated) -> Said:
    """What the model said in a job that has ended.

    Raises:
        DarkroomError: nothing.
    """
    if record.state != State.SUCCEEDED:
        raise failure(record)
    result = AnalysisResult.model_validate(record.result)
    task: TaskResult = result.answers[0]
    used = result.usage
    usage = ChatUsage(**used.model_dump(), total_tokens=used.prompt_tokens + used.completion_tokens)
    if isinstance(task.answer, BoxesAnswer):
        return Said(json.dumps(as_reply(task.answer.objects)), None, task.answer.finish_reason, usage)
    if not isinstance(task.answer, WordsAnswer):
        raise EngineFailed(f"job {record.id} answered in {type(task.answer).__name__}")
    reasoning = task.answer.reasoning.text.strip() if task.answer.reasoning else None
    content = _as_object(task.answer.text) if asked.is_json else task.answer.text
    return Said(content, reasoning, task.answer.finish_reason, usage)


def _as_object(text: str) -> str:
    """Words as a JSON object; those that are one stay as they are."""
    try:
        is_object = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        is_object = False
    return text if is_object else json.dumps({"answer": text}, ensure_ascii=False)
