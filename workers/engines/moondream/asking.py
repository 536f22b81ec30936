"""One task on its way through Moondream: its request, its strand, the words so far, its outcome."""

import time
from collections.abc import Hashable, Sequence
from dataclasses import replace

from shared.contracts.vision import AnyTask, Usage
from shared.errors import CancelRequested, DarkroomError, EngineFailed, NotFinite
from workers.engines.base import AnalyzeWork, TaskOutcome, Watch
from workers.engines.moondream.requests import Answer, CaptionRequest, QueryRequest, Request
from workers.engines.moondream.strands import Strand
from workers.engines.moondream.tasks import Frame, answer_of, is_silent, most_turns


class Asked:
    """One task on its way: what was asked, and what came of it. It is a `stepping.Sample`."""

    #: All answers of a model may share a pass, and each takes a row of it.
    key: Hashable = "answers"
    rows = 1

    def __init__(self, work: AnalyzeWork, index: int, request: Request, strand: Strand) -> None:
        self.work = work
        self.index = index
        self.request = request
        self.strand = strand
        self.outcome: TaskOutcome | None = None
        #: Whether its picture was encoded for it.
        self.vision_passes = 0
        #: Whether it ended without a word once; asked again, it must say one.
        self.is_second_try = False
        self.steps = most_turns(request)
        self._began_s = time.monotonic()
        self._spent_tokens = self._spent_turns = 0
        #: Characters that its strand has said, by what they are part of.
        self._said: dict[str, int] = {}

    @property
    def task(self) -> AnyTask:
        return self.work.tasks[self.index]

    @property
    def step(self) -> int:
        """Turns it has taken; as many as there may be once it is answered."""
        return self.steps if self.is_done else min(self._spent_turns + self.strand.turns, self.steps - 1)

    @property
    def is_done(self) -> bool:
        return self.outcome is not None

    def look(self) -> None:
        """Pass on what its strand has said since the last turn; if that has ended, it is answered, was cancelled, or is to be
        asked again: then its request is another one, and it has no outcome yet."""
        script = self.strand.script
        for text, is_reasoning in script.deltas():
            self._hear(text, is_reasoning)
        if self.strand.has_ended:
            self._end(script.answer(self.strand.prompt_tokens))

    def fail(self, why: DarkroomError) -> None:
        """It has no answer."""
        self.outcome = TaskOutcome(error=why, took_ms=self._took_ms)

    @property
    def _took_ms(self) -> int:
        return round((time.monotonic() - self._began_s) * 1000)

    def _hear(self, text: str, is_reasoning: bool) -> None:
        kind = "reasoning" if is_reasoning else "second answer" if self.is_second_try else "answer"
        passed, begin = self.work.heard.get((self.index, kind), 0), self._said.get(kind, 0)
        self._said[kind] = begin + len(text)
        new = text[max(0, passed - begin) :]
        self.work.heard[self.index, kind] = max(passed, self._said[kind])
        if new:
            self.work.tell(self.index, new, is_reasoning)

    def _end(self, answer: Answer) -> None:
        tokens = answer.completion_tokens + self._spent_tokens
        usage = Usage(prompt_tokens=answer.prompt_tokens, completion_tokens=tokens)
        if answer.ended == "cancelled":
            self.fail(CancelRequested("nobody waits for it any more"))
            return
        if answer.ended == "not_finite":
            error = NotFinite("the model's words or places are not finite: its weights are damaged, or overflow")
            self.outcome = TaskOutcome(None, error, self._took_ms, usage)
            return
        if is_silent(self.task, answer) and answer.ended == "stop" and not self.is_second_try:
            self._spent_tokens, self._spent_turns = tokens, self.strand.turns
            self._ask_again()
            return
        picture = self.work.picture
        frame = Frame(*picture.size) if picture is not None else Frame(1, 1)
        try:
            said = answer_of(self.task, answer, frame, asked_again=self.is_second_try)
            self.outcome = TaskOutcome(said, None, self._took_ms, usage)
        except DarkroomError as exc:
            self.outcome = TaskOutcome(None, exc, self._took_ms, usage)

    def _ask_again(self) -> None:
        """The same, but the end may not come before a word. What was passed on of the answer was blank; its reasoning comes
        once more."""
        if isinstance(self.request, CaptionRequest | QueryRequest):
            self.request = replace(self.request, sampling=replace(self.request.sampling, must_speak=True))
        self.is_second_try = True
        self._said = {}


class Refused:
    """A task that cannot be asked: a `stepping.Sample` that is done before it begins."""

    key: Hashable = "answers"
    rows = 1
    step = steps = 1
    is_done = True
    vision_passes = 0

    def __init__(self, why: DarkroomError) -> None:
        self.outcome: TaskOutcome | None = TaskOutcome(error=why)


def outcome_of(each: Asked | Refused) -> TaskOutcome:
    """Of a task that was asked."""
    return each.outcome or TaskOutcome(error=EngineFailed("the model gave no answer"))


def turns_expected(turns: Sequence[int], seats: int) -> int:
    """Turns until the last of some answers has ended: each takes so many, and begins when a seat is free. Pure."""
    ends = [0] * max(1, min(seats, len(turns)))
    for each in turns:
        ends.sort()
        ends[0] += each
    return max(ends)


class Ticks:
    """Counts passes for the watch; a retry may need more than was expected."""

    def __init__(self, watch: Watch, expected: int) -> None:
        self._watch = watch
        self._expected = expected
        self._done = 0

    def tick(self) -> None:
        self._done += 1
        self._watch.step(min(self._done, self._expected), self._expected)
