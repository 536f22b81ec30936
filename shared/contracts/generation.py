"""What a caller may ask of an image model, and what a worker then does exactly.

`GenerateRequest` is what comes in over HTTP: anything left out is None. `GenerationParams` is the same with every
default made explicit; it is what the record shows and the worker uses, nothing else.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import MAX_INLINE_CHARS, Contract, Priority, Seed
from shared.contracts.passes import OWN, SharedByBatch, SharedByPass
from shared.contracts.samplers import SCHEDULERS, Sampling, ScheduleName, SchedulerName, sampling_of

__all__ = ["SCHEDULERS"]  # its name for those who list what a request may say

MAX_PROMPT_CHARS = 4000
MAX_PICTURES = 16
MAX_STEPS = 150
MAX_SIDE_PX = 4096

Side = Annotated[int, Field(ge=8, le=MAX_SIDE_PX, multiple_of=8)]


def steps_run(steps: int, strength: float | None) -> int:
    """How many of the steps a run takes: from a picture, at a strength below 1, only the last ones (rounded down)."""
    return steps if strength is None else min(steps, int(steps * strength))


class PictureWishes(Contract):
    """How a picture is to be made. What is left out takes the model's default."""

    negative_prompt: str | None = Field(None, max_length=MAX_PROMPT_CHARS, description="What it must not show")
    model: str | None = Field(None, min_length=1, max_length=64, description="A generating model of GET /v1/models")
    width: Side | None = Field(None, description="Pixels, a multiple of 8, within the model's limits")
    height: Side | None = Field(None, description="Pixels, a multiple of 8, within the model's limits")
    steps: int | None = Field(None, ge=1, le=MAX_STEPS, description="Denoising steps (num_inference_steps)")
    guidance_scale: float | None = Field(
        None, ge=0, le=50, description="Classifier-free guidance; 0 and 1 turn it off, nothing lies between them"
    )
    scheduler: SchedulerName | None = Field(None, description="Sampler; A1111's and ComfyUI's spellings work too")
    schedule: ScheduleName | None = Field(
        None,
        description="Noise levels the sampler stops at; absent: those of the scheduler's name, else the model's own",
    )
    seed: Seed = Field(None, description="Seed of the first picture; absent, null or -1: drawn and reported")
    n: int = Field(1, ge=1, le=MAX_PICTURES, description="Pictures to make, with seeds seed … seed+n−1")
    strength: float | None = Field(
        None,
        gt=0,
        le=1,
        description="img2img: how far to go from the picture, as the share of the steps that run; needs image, and "
        "steps × strength must be 1 or more",
    )


class GenerateRequest(PictureWishes):
    """`POST /v1/generate`. What is left out takes the model's default."""

    prompt: str = Field(max_length=MAX_PROMPT_CHARS, description="What the picture shows")
    image: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_INLINE_CHARS,
        description="img2img: a data URI, bare base64, or the id of a stored picture",
    )
    priority: Annotated[Priority, Field(strict=False)] = Field(Priority.NORMAL, description="low, normal or high")
    deadline_s: float | None = Field(
        None, gt=0, le=7 * 86400, description="Seconds from now after which the job is given up, queued or running"
    )
    keep: bool | None = Field(
        None,
        description="Whether the pictures stay in the library until deleted; absent: as the rack's setting says. "
        "Without, they expire some days after their last use",
    )


class GenerationParams(BaseModel):
    """One generation job with every value explicit; each field says what it is to the passes it is made in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Annotated[str, OWN]
    negative_prompt: Annotated[str, OWN]
    width: Annotated[int, SharedByPass()]
    height: Annotated[int, SharedByPass()]
    steps: Annotated[int, SharedByBatch()]
    #: Whether there is guidance at all is shared with its scale.
    guidance_scale: Annotated[float, SharedByBatch()]
    scheduler: Annotated[str, SharedByBatch("sampling")]
    #: None: what the scheduler's name says (records of versions that knew no schedules).
    schedule: Annotated[str | None, SharedByBatch("sampling")] = None
    seed: Annotated[int, OWN]
    n: Annotated[int, OWN]
    #: The picture is a sample's own; whether there is one is not.
    image: Annotated[str | None, SharedByBatch("is_img2img")] = None
    strength: Annotated[float | None, SharedByBatch()] = None

    @property
    def sampling(self) -> Sampling:
        """Sampler and schedule, each by its own name however the record spells them."""
        return sampling_of(self.scheduler, self.schedule)

    @property
    def is_img2img(self) -> bool:
        return self.image is not None

    @property
    def is_guided(self) -> bool:
        """Whether guidance, and with it the negative prompt, acts at all."""
        return self.guidance_scale > 1

    @property
    def steps_run(self) -> int:
        """Of `steps`, those that really run."""
        return steps_run(self.steps, self.strength if self.is_img2img else None)

    def seeds(self) -> list[int]:
        """One per picture: seed … seed+n−1."""
        return [self.seed + i for i in range(self.n)]
