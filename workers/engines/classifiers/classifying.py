"""Pictures → tags and ratings with engines that look once: one pass a picture answers all its tasks.

What an engine brings is one function, `Look`; which tags are shown and what counts as not safe is decided here, the same
for all of them.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL.Image import Image

from shared.contracts.vision import Answer, AnyTask, RatingAnswer, RatingTask, Tag, TagsAnswer, TagsTask
from shared.errors import EngineFailed, NotFinite
from workers.engines.base import AnalyzeWork, TaskOutcome, Watch, WorkOutcome, rounded


@dataclass(frozen=True)
class Seen:
    """What one look at one picture gave; scores as the model gave them."""

    #: All tags, in any order.
    tags: tuple[Tag, ...] = ()
    #: Probability of not safe for work, and the engine's own classes.
    nsfw: float = 0.0
    classes: dict[str, float] = field(default_factory=dict)

    @property
    def not_finite(self) -> int:
        """How many scores are NaN or infinite."""
        scores = [*(tag.score or 0.0 for tag in self.tags), self.nsfw, *self.classes.values()]
        return sum(not math.isfinite(score) for score in scores)


Look = Callable[[list[Image]], list[Seen]]


def classify(look: Look, works: Sequence[AnalyzeWork], watch: Watch, at_once: int) -> list[WorkOutcome]:
    """See `AnalyzeEngine.analyze`; the same picture in several works is looked at once."""
    started_s = time.monotonic()
    pictures = {work.picture_id: work.picture for work in works if work.picture is not None}
    seen: dict[str, Seen] = {}
    took_ms: dict[str, int] = {}
    for start in range(0, len(pictures), at_once):
        ids = list(pictures)[start : start + at_once]
        seen |= zip(ids, look([pictures[picture_id] for picture_id in ids]), strict=True)
        took_ms |= dict.fromkeys(ids, round((time.monotonic() - started_s) * 1000))
        watch.step(len(seen), len(pictures))
    return [_outcome(work, seen.get(work.picture_id), took_ms.get(work.picture_id, 0)) for work in works]


def _outcome(work: AnalyzeWork, seen: Seen | None, took_ms: int) -> WorkOutcome:
    if seen is None:
        error = EngineFailed("this engine answers about pictures only")
        return WorkOutcome(tuple(TaskOutcome(error=error) for _ in work.tasks))
    return WorkOutcome(tuple(_answered(task, seen, took_ms) for task in work.tasks))


def _answered(task: AnyTask, seen: Seen, took_ms: int) -> TaskOutcome:
    try:
        return TaskOutcome(answer(task, seen), took_ms=took_ms)
    except EngineFailed as exc:
        return TaskOutcome(error=exc, took_ms=took_ms)


def answer(task: AnyTask, seen: Seen) -> Answer:
    """One task's answer out of a look.

    Raises:
        NotFinite: a score is no number. One bad output says that the others cannot be trusted either.
        EngineFailed: a classifier was asked for words; the door should have refused that.
    """
    if bad := seen.not_finite:
        raise NotFinite(f"{bad} of the model's scores are not finite: its weights are damaged, or overflow")
    match task:
        case TagsTask(max_tags=most, min_score=least):
            shown = [tag.model_copy(update={"score": rounded(tag.score or 0.0)}) for tag in seen.tags]
            shown = [tag for tag in shown if (tag.score or 0.0) >= (least or 0.0)]
            best = sorted(shown, key=lambda tag: -(tag.score or 0.0))[:most]
            return TagsAnswer(tags=tuple(best))
        case RatingTask(threshold=threshold):
            return RatingAnswer(
                nsfw=rounded(seen.nsfw),
                is_nsfw=seen.nsfw >= threshold,
                threshold=threshold,
                scores={name: rounded(score) for name, score in seen.classes.items()},
            )
    raise EngineFailed(f"a classifier cannot do {task.task!r}")
