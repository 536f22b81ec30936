"""What a caller may ask about a picture, what a worker then does exactly, and what comes back.

A task names what is wanted; its `engine` says who answers: a model, or an engine's name for the best model it has. In a
request most fields may be left out; in `AnalysisParams` seed, engine and least score are explicit too. Coordinates are
0..1 of the upright picture's width and height, with the pixels beside them.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.contracts.base import MAX_INLINE_CHARS, Contract, Priority, Seed

MAX_TASKS = 32
MAX_QUESTION_CHARS = 8000
MAX_OBJECT_CHARS = 200
#: The context of Moondream 2; what the picture and the question leave of it is the real limit.
MAX_NEW_TOKENS = 2048
MAX_OBJECTS = 50
MAX_TAGS = 500
#: Version of what turns stored bytes into what a model sees, and a model's numbers into words: raise it whenever the same
#: weights, question and seed may answer otherwise. Answers of another version are never reused.
#: 2: words are drawn by a Gumbel maximum; a first token is free.
DECODER_VERSION = 2

TaskName = Literal["caption", "query", "tags", "rating", "detect", "point"]
Share = Annotated[float, Field(ge=0, le=1)]


class Task(Contract):
    """What all tasks have."""

    engine: str | None = Field(
        None, min_length=1, max_length=64, description="Who answers: a model, or an engine's name; none: the default"
    )


class Sampled(Task):
    """A task that is answered in words. The same seed gives the same words."""

    temperature: float = Field(0.5, ge=0, le=2, description="0: always the likeliest word")
    top_p: float = Field(0.3, ge=0, le=1, description="Choose among the likeliest words up to this probability")
    max_tokens: int = Field(768, ge=1, le=MAX_NEW_TOKENS, description="Of the answer, and again of the reasoning")
    seed: Seed = Field(None, description="Absent, null or -1: drawn and reported")


class CaptionTask(Sampled):
    """Describe the picture."""

    task: Literal["caption"]
    length: Literal["short", "normal", "long"] = "normal"


class QueryTask(Sampled):
    """Answer a question about the picture."""

    task: Literal["query"]
    question: str = Field(min_length=1, max_length=MAX_QUESTION_CHARS)
    reasoning: bool = Field(False, description="Think first; the reasoning comes beside the answer")
    spatial_refs: list[list[Share]] = Field(
        default_factory=list,
        max_length=16,
        description="What the question points at: points [x, y] or boxes [x_min, y_min, x_max, y_max], 0..1",
    )

    @field_validator("spatial_refs")
    @classmethod
    def _points_or_boxes(cls, refs: list[list[float]]) -> list[list[float]]:
        for ref in refs:
            if len(ref) not in (2, 4):
                raise ValueError(f"a point has 2 numbers and a box 4, not {len(ref)}")
            if len(ref) == 4 and (ref[0] > ref[2] or ref[1] > ref[3]):
                raise ValueError("a box is [x_min, y_min, x_max, y_max]: minima first")
        return refs


class TagsTask(Task):
    """Name what is in the picture, with scores."""

    task: Literal["tags"]
    max_tags: int = Field(20, ge=1, le=MAX_TAGS, description="At most so many, best first")
    min_score: Share | None = Field(None, description="Leave out tags below; absent: the tagger's own")


class RatingTask(Task):
    """Tell how likely the picture is not safe for work."""

    task: Literal["rating"]
    threshold: Share = Field(0.5, description="From this probability on it counts as not safe")


class DetectTask(Task):
    """Box every object of a kind."""

    task: Literal["detect"]
    object: str = Field(min_length=1, max_length=MAX_OBJECT_CHARS, description="What to look for")
    max_objects: int = Field(MAX_OBJECTS, ge=1, le=MAX_OBJECTS)


class PointTask(Task):
    """Point at the middle of every object of a kind."""

    task: Literal["point"]
    object: str = Field(min_length=1, max_length=MAX_OBJECT_CHARS, description="What to look for")
    max_objects: int = Field(MAX_OBJECTS, ge=1, le=MAX_OBJECTS)


AnyTask = Annotated[
    CaptionTask | QueryTask | TagsTask | RatingTask | DetectTask | PointTask, Field(discriminator="task")
]


class AnalyzeRequest(Contract):
    """`POST /v1/analyze`: one picture, several tasks."""

    image: str = Field(
        min_length=1, max_length=MAX_INLINE_CHARS, description="A data URI, bare base64, or the id of a stored picture"
    )
    tasks: list[AnyTask] = Field(min_length=1, max_length=MAX_TASKS, description="Answered in this order")
    model: str | None = Field(None, min_length=1, max_length=64, description="An analysis model of GET /v1/models")
    priority: Annotated[Priority, Field(strict=False)] = Field(Priority.NORMAL, description="low, normal or high")
    deadline_s: float | None = Field(
        None, gt=0, le=7 * 86400, description="Seconds from now after which the job is given up, queued or running"
    )


class AnalysisParams(BaseModel):
    """One analysis job with every value explicit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: list[AnyTask]
    #: None: a question without a picture (chat only).
    image: str | None = None
    #: Whether somebody reads the words as they come.
    stream: bool = False
    #: Whom an OpenAI client names as its end user.
    user: str | None = None


class Answered(BaseModel):
    model_config = ConfigDict(frozen=True)


class PixelPoint(Answered):
    x: int
    y: int


class PixelBox(Answered):
    x_min: int
    y_min: int
    x_max: int
    y_max: int


class Point(Answered):
    x: float
    y: float
    pixels: PixelPoint


class Box(Answered):
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    pixels: PixelBox


class Grounding(Answered):
    """Where a stretch of the reasoning points."""

    start: int = Field(description="First character of the stretch")
    end: int = Field(description="First character behind it")
    points: tuple[Point, ...]


class Reasoning(Answered):
    text: str
    grounding: tuple[Grounding, ...] = ()


class WordsAnswer(Answered):
    """A caption, or the answer to a question."""

    text: str
    finish_reason: Literal["stop", "length"]
    reasoning: Reasoning | None = None
    asked_again: bool = Field(
        False, description="The model first ended without a word; this is what it says where it must say one"
    )


class Tag(Answered):
    name: str
    score: float | None = Field(description="Probability; null where the engine gives none")
    category: str | None = None


class TagsAnswer(Answered):
    tags: tuple[Tag, ...]


class RatingAnswer(Answered):
    nsfw: float = Field(description="Probability that the picture is not safe for work")
    is_nsfw: bool
    threshold: float
    scores: dict[str, float] = Field(description="The engine's own classes")
    said: str | None = Field(None, description="The words, where a language model was asked")


class BoxesAnswer(Answered):
    objects: tuple[Box, ...]
    finish_reason: Literal["stop", "length"]


class PointsAnswer(Answered):
    points: tuple[Point, ...]
    finish_reason: Literal["stop", "length"]


Answer = WordsAnswer | TagsAnswer | RatingAnswer | BoxesAnswer | PointsAnswer


class Usage(Answered):
    """Tokens of a language model: with picture tokens, and with the reasoning."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


class TaskError(Answered):
    """Why one task has no answer; the shape of the API's errors."""

    code: str
    message: str
    retryable: bool = False
    field: str | None = None


class TaskResult(Answered):
    """How one task went."""

    task: TaskName
    ok: bool
    engine: str
    model: str
    weights_hash: str | None = Field(None, description="SHA-256 of the weights it was answered with")
    took_ms: int = Field(description="From the start of its engine's work on the job")
    answer: Answer | None = None
    error: TaskError | None = None
    usage: Usage | None = None
    cpu_threads: int | None = Field(None, description="CPU threads it was computed with; their number changes rounding")


class AnalysisResult(Answered):
    """The result of an analysis job."""

    image: str | None
    width: int | None = Field(description="Of the upright picture, in pixels")
    height: int | None
    answers: tuple[TaskResult, ...]
    vision_passes: int = Field(description="Pictures the analysis model encoded for this job; 0: it knew the picture")
    usage: Usage
    decoder_version: int = Field(0, description="Version of what decoded picture and words; 0: before it was counted")

    def as_result(self) -> dict[str, Any]:
        """As a record keeps it: what a task has not is left out."""
        shown = self.model_dump(mode="json")
        rows = [{name: v for name, v in row.items() if v is not None} for row in shown["answers"]]
        return shown | {"answers": rows}
