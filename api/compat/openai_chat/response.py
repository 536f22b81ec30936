"""An analysis job's result in OpenAI's shape: whole, or as the deltas of a stream."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field

from api.compat.openai_chat.box_requests import as_reply
from api.compat.openai_chat.job import ChatJob, ClientLeft, failure
from api.compat.openai_chat.task import Translated
from api.errors import shown
from shared.contracts.jobs import JobRecord, State
from shared.contracts.vision import AnalysisResult, BoxesAnswer, TaskResult, WordsAnswer
from shared.errors import DarkroomError, EngineFailed, RedisUnavailable
from shared.jobs.token_stream import BEGINNING, TokenStream

DONE = b"data: [DONE]\n\n"
#: A line that clients ignore; it keeps proxies from closing a quiet connection.
STILL_HERE = b": still here\n\n"
#: Quiet looks at the job between two such lines: with `chat_job.LOOK_EVERY_S`, at least 5 s.
QUIET_LOOKS = 20


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
    said = _answer(record, asked)
    message = ChatAnswer(content=said.content, reasoning_content=said.reasoning)
    return ChatCompletion(
        id=record.id,
        created=record.created_at_ms // 1000,
        model=record.model,
        choices=[ChatChoice(message=message, finish_reason=said.finish_reason)],
        usage=said.usage,
        darkroom=ChatNotes(**asked.about()),
    )


def _answer(record: JobRecord, asked: Translated) -> Said:
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


class Reading:
    """What of an answer was passed on, over several attempts of its job.

    White space at both ends is not part of an answer; what may still be its end is held back.
    """

    def __init__(self, stream: TokenStream, job_id: str) -> None:
        self._stream = stream
        self._job_id = job_id
        self._place = BEGINNING
        self._attempt = 0
        #: By kind (answer, reasoning): all that was said in this attempt, and what was passed on.
        self._said = ["", ""]
        self._passed = ["", ""]

    def news(self) -> list[tuple[str, bool]]:
        """New words in order, each with whether they are reasoning.

        Raises:
            EngineFailed: a second attempt says something else than what was passed on.
        """
        found = []
        words, self._place = self._stream.read(self._job_id, self._place)
        for each in words:
            if each.attempt != self._attempt:
                self._attempt, self._said = each.attempt, ["", ""]
            kind = int(each.is_reasoning)
            self._said[kind] += each.text
            found += self._new(kind, self._said[kind].strip())
        return found

    def rest(self, text: str, reasoning: str) -> list[tuple[str, bool]]:
        """What is still missing of the whole answer."""
        return [*self.rest_of_reasoning(reasoning), *self._new(0, text)]

    def rest_of_reasoning(self, reasoning: str) -> list[tuple[str, bool]]:
        """What is still missing of the reasoning alone."""
        return self._new(1, reasoning.strip())

    def _new(self, kind: int, whole: str) -> list[tuple[str, bool]]:
        passed = self._passed[kind]
        if len(whole) <= len(passed) and passed.startswith(whole):
            return []  # a later attempt catches up
        if not whole.startswith(passed):
            raise EngineFailed(f"job {self._job_id} began again and says something else; ask again")
        self._passed[kind] = whole
        return [(whole[len(passed) :], bool(kind))]


class ChatStream:
    """The body of a streamed answer: server-sent events, one a delta. A server closes it when the client has gone."""

    def __init__(self, job: ChatJob, asked: Translated, *, include_usage: bool) -> None:
        self._job = job
        self._asked = asked
        self._include_usage = include_usage
        self._reading = Reading(TokenStream(job.ours.store.redis), job.record.id)
        self._events = self._written()

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        """Also before the first event was asked for."""
        self._job.close()

    def _written(self) -> Iterator[bytes]:
        try:
            yield self._chunk({"role": "assistant", "content": ""}, darkroom=self._asked.about())
            yield from self._deltas()
            yield from self._ending()
        except ClientLeft:
            return
        except DarkroomError as error:
            yield _event(shown(error.status, error.as_dict()))
        finally:
            self._job.close()

    def _deltas(self) -> Iterator[bytes]:
        quiet = 0
        for _ in self._job.records():
            news = self._news()
            quiet = 0 if news else quiet + 1
            for text, is_reasoning in news:
                yield self._chunk({"reasoning_content" if is_reasoning else "content": text})
            if quiet and quiet % QUIET_LOOKS == 0:
                yield STILL_HERE

    def _news(self) -> list[tuple[str, bool]]:
        try:
            news = self._reading.news()
            # A JSON object is told whole: nobody can say whether words are one before the last of them.
            return [each for each in news if each[1]] if self._asked.is_json else news
        except RedisUnavailable:
            return []  # they come with the next look, or with the result

    def _ending(self) -> Iterator[bytes]:
        said = _answer(self._job.record, self._asked)
        for text, is_reasoning in self._rest(said):
            yield self._chunk({"reasoning_content" if is_reasoning else "content": text})
        yield self._chunk({}, finish_reason=said.finish_reason, darkroom=self._asked.about())
        if self._include_usage:
            yield _event(self._about() | {"choices": [], "usage": said.usage.model_dump()})
        yield DONE

    def _rest(self, said: Said) -> list[tuple[str, bool]]:
        """What is still missing of the answer."""
        if not self._asked.is_json:
            return self._reading.rest(said.content, said.reasoning or "")
        return [*self._reading.rest_of_reasoning(said.reasoning or ""), (said.content, False)]

    def _chunk(self, delta: dict[str, str], finish_reason: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        usage = {"usage": None} if self._include_usage else {}
        return _event(self._about() | {"choices": [choice]} | usage | more)

    def _about(self) -> dict[str, Any]:
        record = self._job.record
        return {
            "id": record.id,
            "object": "chat.completion.chunk",
            "created": record.created_at_ms // 1000,
            "model": record.model,
        }


def _event(body: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
