"""An analysis job's answer as OpenAI streams it: server-sent events, one a delta, while the words come.

A job that is tried again begins anew; its words are passed on only beyond what was passed on already.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from api.compat.openai_chat.job import ChatJob, ClientLeft
from api.compat.openai_chat.response import Said, said_in
from api.compat.openai_chat.task import Translated
from api.errors import shown
from shared.errors import DarkroomError, EngineFailed, RedisUnavailable
from shared.jobs.token_stream import BEGINNING, TokenStream

DONE = b"data: [DONE]\n\n"
#: A line that clients ignore; it keeps proxies from closing a quiet connection.
STILL_HERE = b": still here\n\n"
#: Quiet looks at the job between two such lines: with `job.LOOK_EVERY_S`, at least 5 s.
QUIET_LOOKS = 20


@dataclass(frozen=True)
class Delta:
    """Some words that come next."""

    text: str
    is_reasoning: bool = False

    def as_body(self) -> dict[str, str]:
        """As a chunk has it."""
        return {"reasoning_content" if self.is_reasoning else "content": self.text}


@dataclass
class Told:
    """One kind of words of an answer: the reasoning, or the answer itself."""

    #: All that was said in this attempt.
    said: str = ""
    #: What of it was passed on, over all attempts.
    passed: str = ""


class Reading:
    """What of an answer was passed on, over several attempts of its job.

    White space at both ends is not part of an answer; what may still be its end is held back.
    """

    def __init__(self, stream: TokenStream, job_id: str) -> None:
        self._stream = stream
        self._job_id = job_id
        self._place = BEGINNING
        self._attempt = 0
        self._answer = Told()
        self._reasoning = Told()

    def news(self) -> list[Delta]:
        """New words in order.

        Raises:
            EngineFailed: a second attempt says something else than what was passed on.
        """
        found = []
        words, self._place = self._stream.read(self._job_id, self._place)
        for each in words:
            if each.attempt != self._attempt:
                self._attempt, self._answer.said, self._reasoning.said = each.attempt, "", ""
            told = self._reasoning if each.is_reasoning else self._answer
            told.said += each.text
            found += self._new(told, told.said.strip())
        return found

    def rest(self, text: str, reasoning: str) -> list[Delta]:
        """What is still missing of the whole answer."""
        return [*self.rest_of_reasoning(reasoning), *self._new(self._answer, text)]

    def rest_of_reasoning(self, reasoning: str) -> list[Delta]:
        """What is still missing of the reasoning alone."""
        return self._new(self._reasoning, reasoning.strip())

    def _new(self, told: Told, whole: str) -> list[Delta]:
        passed = told.passed
        if len(whole) <= len(passed) and passed.startswith(whole):
            return []  # a later attempt catches up
        if not whole.startswith(passed):
            raise EngineFailed(f"job {self._job_id} began again and says something else; ask again")
        told.passed = whole
        return [Delta(whole[len(passed) :], is_reasoning=told is self._reasoning)]


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
            yield from (self._chunk(delta.as_body()) for delta in news)
            if quiet and quiet % QUIET_LOOKS == 0:
                yield STILL_HERE

    def _news(self) -> list[Delta]:
        try:
            news = self._reading.news()
            # A JSON object is told whole: nobody can say whether words are one before the last of them.
            return [each for each in news if each.is_reasoning] if self._asked.is_json else news
        except RedisUnavailable:
            return []  # they come with the next look, or with the result

    def _ending(self) -> Iterator[bytes]:
        said = said_in(self._job.record, self._asked)
        yield from (self._chunk(delta.as_body()) for delta in self._rest(said))
        yield self._chunk({}, finish_reason=said.finish_reason, darkroom=self._asked.about())
        if self._include_usage:
            yield _event(self._about() | {"choices": [], "usage": said.usage.model_dump()})
        yield DONE

    def _rest(self, said: Said) -> list[Delta]:
        """What is still missing of the answer."""
        if not self._asked.is_json:
            return self._reading.rest(said.content, said.reasoning or "")
        return [*self._reading.rest_of_reasoning(said.reasoning or ""), Delta(said.content)]

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
