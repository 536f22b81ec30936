"""What a caller may ask of a batch: many members, and a chain of steps for each.

Members come in one of four ways: stored pictures, prompts, a grid of prompts × seeds × models, or files of a form. A step
works on the member's *current picture*: what the last generating step made, else the picture it came with.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from shared.contracts.base import Contract, Priority, Seed
from shared.contracts.generation import MAX_PROMPT_CHARS, PictureWishes
from shared.contracts.vision import MAX_TASKS, AnyTask

#: Stands for the current picture in a step's parameters until the step before it has ended.
PREVIOUS = "@previous"
BATCH_ID_PATTERN = "^bat_[0-9a-f]{24}$"
#: The longest path Linux opens (PATH_MAX); names are paths below a folder.
MAX_NAME_CHARS = 4096
MAX_URL_CHARS = 2000
#: Bounds what a contract holds at all; the server's own limits (`max_batch_members`, `max_batch_steps`) act below them.
MOST_MEMBERS = 100_000
MOST_STEPS = 32

ModelName = Annotated[str, Field(min_length=1, max_length=64)]
Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARS)]
FileName = Annotated[str, Field(max_length=MAX_NAME_CHARS)]


class MemberPicture(Contract):
    """A stored picture as a member, with the name under which exports list it."""

    id: str = Field(pattern="^img_[0-9a-f]{32}$")
    name: FileName = Field("", description="E.g. its file name")


def _as_picture(value: Any) -> Any:
    return {"id": value} if isinstance(value, str) else value


#: `"img_…"` means `{"id": "img_…"}`.
Picture = Annotated[
    MemberPicture,
    BeforeValidator(_as_picture),
    WithJsonSchema({"anyOf": [{"type": "string"}, MemberPicture.model_json_schema()]}),
]


class Grid(Contract):
    """Every prompt with every seed on every model."""

    prompts: list[Prompt] = Field(min_length=1, max_length=MOST_MEMBERS)
    seeds: list[Seed] = Field(
        default_factory=list,
        max_length=MOST_MEMBERS,
        description="A null or -1 is drawn for each cell, and so is one where there are none",
    )
    models: list[ModelName] = Field(default_factory=list, max_length=64, description="None: the step's own")

    @property
    def size(self) -> int:
        return len(self.prompts) * max(1, len(self.seeds)) * max(1, len(self.models))


class AnalyzeStep(Contract):
    """Ask about the current picture."""

    kind: Literal["analyze"]
    tasks: list[AnyTask] = Field(min_length=1, max_length=MAX_TASKS, description="As in POST /v1/analyze")
    model: ModelName | None = Field(None, description="An analysis model of GET /v1/models")


class GenerateStep(PictureWishes):
    """Make a picture, from words or from the current picture; its first one is the current picture then."""

    kind: Literal["generate"]
    prompt: Prompt | None = Field(None, description="For all members; absent: each member's own")
    image: Literal["@previous"] | None = Field(None, description="img2img from the current picture")


Step = Annotated[AnalyzeStep | GenerateStep, Field(discriminator="kind")]


class BatchOptions(Contract):
    """What is the same however members come."""

    name: str = Field("", max_length=200, description="For people")
    steps: list[Step] = Field(
        default_factory=list, max_length=MOST_STEPS, description="In this order for each member; none: one `generate`"
    )
    priority: Annotated[Priority, Field(strict=False)] = Field(
        Priority.LOW, description="low lets single jobs go first"
    )
    keep: bool | None = Field(
        None, description="Whether its pictures stay in the library until deleted; absent: as the rack's setting says"
    )
    fresh: bool = Field(False, description="Do work again that was done before with the same picture, tasks and model")
    dry_run: bool = Field(
        False, description="Check everything but the pictures, and tell what would be made: 200, nothing is kept"
    )
    webhook: str | None = Field(
        None, min_length=1, max_length=MAX_URL_CHARS, description="Told once all members have ended; https only"
    )

    @field_validator("name", "webhook")
    @classmethod
    def _no_control_characters(cls, text: str | None) -> str | None:
        if text is not None and any(ord(char) < 32 or ord(char) == 127 for char in text):
            raise ValueError("control characters are not allowed")
        return text


class BatchRequest(BatchOptions):
    """`POST /v1/batches` as JSON: exactly one of images, prompts and grid."""

    images: list[Picture] | None = Field(None, min_length=1, max_length=MOST_MEMBERS, description="Stored pictures")
    prompts: list[Prompt] | None = Field(None, min_length=1, max_length=MOST_MEMBERS)
    grid: Grid | None = None

    @model_validator(mode="after")
    def _one_kind_of_member(self) -> "BatchRequest":
        given = [name for name in ("images", "prompts", "grid") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of images, prompts, grid (got {', '.join(given) or 'none'})")
        return self

    @property
    def size(self) -> int:
        """How many members it has."""
        if self.grid is not None:
            return self.grid.size
        return len(self.images or self.prompts or ())
