"""One task on its way through Moondream: its request, the words so far, its outcome."""

from shared.contracts.vision import AnyTask, Usage
from shared.errors import CancelRequested, DarkroomError, NotFinite
from workers.analysis.talk import Frame, answer_of
from workers.engines.base import AnalyzeWork, TaskOutcome, Watch
from workers.moondream.requests import Answer, Delta, Request


class Asked:
    """One task on its way: what was asked, and what came of it."""

    def __init__(self, work: AnalyzeWork, index: int, request: Request) -> None:
        self.work = work
        self.index = index
        self.request = request
        self.outcome: TaskOutcome | None = None
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
        """It is answered, or was cancelled."""
        usage = Usage(prompt_tokens=answer.prompt_tokens, completion_tokens=answer.completion_tokens)
        if answer.ended == "cancelled":
            self.outcome = TaskOutcome(error=CancelRequested("nobody waits for it any more"), took_ms=took_ms)
            return
        if answer.ended == "not_finite":
            error = NotFinite("the model's words or places are not finite: its weights are damaged, or overflow")
            self.outcome = TaskOutcome(None, error, took_ms, usage)
            return
        picture = self.work.picture
        frame = Frame(*picture.size) if picture is not None else Frame(1, 1)
        try:
            self.outcome = TaskOutcome(answer_of(self.task, answer, frame), None, took_ms, usage)
        except DarkroomError as exc:
            self.outcome = TaskOutcome(None, exc, took_ms, usage)


class Ticks:
    """Counts passes for the watch; a retry may need more than was expected."""

    def __init__(self, watch: Watch, expected: int) -> None:
        self._watch = watch
        self._expected = expected
        self._done = 0

    def tick(self) -> None:
        self._done += 1
        self._watch.step(min(self._done, self._expected), self._expected)
