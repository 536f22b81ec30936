"""One task on its way through Moondream: its request, the words so far, its outcome."""

from dataclasses import replace

from shared.contracts.vision import AnyTask, Usage
from shared.errors import CancelRequested, DarkroomError, NotFinite
from workers.engines.base import AnalyzeWork, TaskOutcome, Watch
from workers.engines.moondream.requests import Answer, CaptionRequest, Delta, QueryRequest, Request
from workers.engines.moondream.tasks import Frame, answer_of, is_silent


class Asked:
    """One task on its way: what was asked, and what came of it."""

    def __init__(self, work: AnalyzeWork, index: int, request: Request) -> None:
        self.work = work
        self.index = index
        self.request = request
        self.outcome: TaskOutcome | None = None
        #: Whether it ended without a word once; asked again, it must say one.
        self.is_second_try = False
        self._spent_tokens = 0
        #: Characters of answer and reasoning: passed on in all, and said in this run.
        self._passed = [0, 0]
        self._said = [0, 0]

    @property
    def task(self) -> AnyTask:
        return self.work.tasks[self.index]

    def restart(self) -> None:
        """The same answer comes once more from its first word."""
        self._said = [0, 0]

    def hear(self, delta: Delta) -> None:
        """Pass on what is new of it."""
        kind = int(delta.is_reasoning)
        begin, self._said[kind] = self._said[kind], self._said[kind] + len(delta.text)
        new = delta.text[max(0, self._passed[kind] - begin) :]
        self._passed[kind] = max(self._passed[kind], self._said[kind])
        if new:
            self.work.tell(self.index, new, delta.is_reasoning)

    def end(self, answer: Answer, took_ms: int) -> None:
        """It is answered, was cancelled, or is to be asked again: then it has no outcome yet."""
        tokens = answer.completion_tokens + self._spent_tokens
        usage = Usage(prompt_tokens=answer.prompt_tokens, completion_tokens=tokens)
        if answer.ended == "cancelled":
            self.outcome = TaskOutcome(error=CancelRequested("nobody waits for it any more"), took_ms=took_ms)
            return
        if answer.ended == "not_finite":
            error = NotFinite("the model's words or places are not finite: its weights are damaged, or overflow")
            self.outcome = TaskOutcome(None, error, took_ms, usage)
            return
        if is_silent(self.task, answer) and answer.ended == "stop" and not self.is_second_try:
            self._spent_tokens = tokens
            self._ask_again()
            return
        picture = self.work.picture
        frame = Frame(*picture.size) if picture is not None else Frame(1, 1)
        try:
            said = answer_of(self.task, answer, frame, asked_again=self.is_second_try)
            self.outcome = TaskOutcome(said, None, took_ms, usage)
        except DarkroomError as exc:
            self.outcome = TaskOutcome(None, exc, took_ms, usage)

    def _ask_again(self) -> None:
        """The same, but the end may not come before a word. What was passed on of the answer was blank."""
        if isinstance(self.request, CaptionRequest | QueryRequest):
            self.request = replace(self.request, sampling=replace(self.request.sampling, must_speak=True))
        self.is_second_try = True
        self._passed[0] = 0


class Ticks:
    """Counts passes for the watch; a retry may need more than was expected."""

    def __init__(self, watch: Watch, expected: int) -> None:
        self._watch = watch
        self._expected = expected
        self._done = 0

    def tick(self) -> None:
        self._done += 1
        self._watch.step(min(self._done, self._expected), self._expected)
