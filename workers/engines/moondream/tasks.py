"""Tasks of a caller → requests to Moondream, and its answers → answers to the caller.

Moondream has no tagger and no rater; those two tasks are questions to it. It gives no probabilities: its tags have no
score, and its rating is 0 or 1.
"""

import re
from dataclasses import dataclass

from shared.contracts import vision as asked
from shared.errors import EmptyAnswer, EngineFailed
from workers.engines.base import rounded
from workers.engines.moondream import requests as told
from workers.engines.moondream.requests import Prefix, Sampling

TAGS_QUESTION = (
    "List what can be seen in this picture: objects, people, place, colours and style, as short comma-separated tags."
)
RATING_QUESTION = "Does this picture show nudity or sexual content? Answer yes or no."
TAGS_TOKENS, RATING_TOKENS = 256, 8
#: Between tags, and what may hang on one.
_SEPARATORS = re.compile(r"[,;\n]")
_TRIM = " \t.-*•\"'"


@dataclass(frozen=True)
class Frame:
    """The upright picture's size, to say coordinates in pixels."""

    width_px: int
    height_px: int

    def point(self, at: told.Point) -> asked.Point:
        x, y = _inside(at.x), _inside(at.y)
        return asked.Point(x=x, y=y, pixels=asked.PixelPoint(x=self._column(x), y=self._row(y)))

    def box(self, box: told.Box) -> asked.Box:
        x_min, y_min, x_max, y_max = (_inside(side) for side in (box.x_min, box.y_min, box.x_max, box.y_max))
        pixels = asked.PixelBox(
            x_min=self._column(x_min), y_min=self._row(y_min), x_max=self._column(x_max), y_max=self._row(y_max)
        )
        return asked.Box(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max, pixels=pixels)

    def _column(self, share: float) -> int:
        return round(share * self.width_px)

    def _row(self, share: float) -> int:
        return round(share * self.height_px)


def request_for(task: asked.AnyTask, prefix: Prefix | None) -> told.Request:
    """What to ask Moondream.

    Raises:
        EngineFailed: only a question can do without a picture; the door should have refused that.
    """
    if isinstance(task, asked.QueryTask):
        refs = tuple(_spatial_ref(ref) for ref in task.spatial_refs)
        return told.QueryRequest(prefix, task.question, task.reasoning, refs, _sampling(task))
    if prefix is None:
        raise EngineFailed(f"{task.task} needs a picture")
    match task:
        case asked.CaptionTask():
            return told.CaptionRequest(prefix, task.length, _sampling(task))
        case asked.DetectTask():
            return told.DetectRequest(prefix, task.object, task.max_objects)
        case asked.PointTask():
            return told.PointRequest(prefix, task.object, task.max_objects)
        case asked.TagsTask():
            return told.QueryRequest(prefix, TAGS_QUESTION, sampling=_greedy(TAGS_TOKENS))
        case asked.RatingTask():
            return told.QueryRequest(prefix, RATING_QUESTION, sampling=_greedy(RATING_TOKENS))


def most_turns(request: told.Request) -> int:
    """Turns of the text model that a request can take."""
    match request:
        case told.CaptionRequest(sampling=sampling):
            return sampling.max_tokens
        case told.QueryRequest(sampling=sampling, reasoning=reasons):
            return sampling.max_tokens * (2 if reasons else 1)
        case told.DetectRequest(max_objects=most):
            return 3 * most + 1
        case told.PointRequest(max_objects=most):
            return 2 * most + 1


def is_silent(task: asked.AnyTask, said: told.Answer) -> bool:
    """Whether a task that wants words got none. Boxes, points and tags may rightly be none."""
    wants_words = isinstance(task, asked.CaptionTask | asked.QueryTask)
    return wants_words and isinstance(said, told.TextAnswer) and not said.text.strip()


def answer_of(task: asked.AnyTask, said: told.Answer, frame: Frame, *, asked_again: bool = False) -> asked.Answer:
    """Moondream's answer as the caller gets it.

    Raises:
        EmptyAnswer: it was asked for words and said none.
        EngineFailed: it said something else than it was asked for.
    """
    if is_silent(task, said):
        raise EmptyAnswer(
            f"the model said nothing in {said.completion_tokens:,} tokens: ask in other words, with another seed, or with "
            "more max_tokens"
        )
    ended = "length" if said.ended == "length" else "stop"
    if isinstance(said, told.ObjectsAnswer):
        if isinstance(task, asked.PointTask):
            points = tuple(frame.point(each) for each in said.objects if isinstance(each, told.Point))
            return asked.PointsAnswer(points=points, finish_reason=ended)
        boxes = tuple(frame.box(each) for each in said.objects if isinstance(each, told.Box))
        return asked.BoxesAnswer(objects=boxes, finish_reason=ended)
    if isinstance(task, asked.TagsTask):
        return asked.TagsAnswer(tags=tags_in(said.text)[: task.max_tags])
    if isinstance(task, asked.RatingTask):
        return rating_in(said.text, task.threshold)
    return asked.WordsAnswer(
        text=said.text.strip(), finish_reason=ended, reasoning=_reasoning(said, frame), asked_again=asked_again
    )


def tags_in(text: str) -> tuple[asked.Tag, ...]:
    """The tags of a comma-separated list, each once."""
    names = [part.strip(_TRIM).lower() for part in _SEPARATORS.split(text)]
    return tuple(asked.Tag(name=name, score=None) for name in dict.fromkeys(names) if name)


def rating_in(text: str, threshold: float) -> asked.RatingAnswer:
    """Yes or no as a probability of 1 or 0.

    Raises:
        EngineFailed: it said neither.
    """
    words = re.findall(r"[a-z]+", text.lower())
    if not words or words[0] not in ("yes", "no"):
        raise EngineFailed(f"asked for yes or no, the model said {text.strip()[:80]!r}")
    nsfw = 1.0 if words[0] == "yes" else 0.0
    scores = {"sfw": 1.0 - nsfw, "nsfw": nsfw}
    return asked.RatingAnswer(
        nsfw=nsfw, is_nsfw=nsfw >= threshold, threshold=threshold, scores=scores, said=text.strip()
    )


def _reasoning(said: told.TextAnswer, frame: Frame) -> asked.Reasoning | None:
    if said.reasoning is None:
        return None
    grounding = tuple(
        asked.Grounding(start=each.start, end=each.end, points=tuple(frame.point(at) for at in each.points))
        for each in said.grounding
    )
    return asked.Reasoning(text=said.reasoning, grounding=grounding)


def _sampling(task: asked.Sampled) -> Sampling:
    return Sampling(task.temperature, task.top_p, task.max_tokens, task.seed or 0)


def _greedy(max_tokens: int) -> Sampling:
    return Sampling(temperature=0.0, max_tokens=max_tokens)


def _spatial_ref(ref: list[float]) -> told.SpatialRef:
    if len(ref) == 2:
        return ref[0], ref[1]
    return ref[0], ref[1], ref[2], ref[3]


def _inside(share: float) -> float:
    """Boxes may reach past the edge; what is told lies within the picture."""
    return rounded(share)
