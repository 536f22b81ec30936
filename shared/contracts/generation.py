"""What a caller may ask of an image model, and what a worker then does exactly.

`GenerateRequest` is what comes in over HTTP: anything left out is None. `GenerationParams` is the same with every
default made explicit; it is what the record shows and the worker uses, nothing else.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

#: Seeds stay exact in JavaScript (Number.MAX_SAFE_INTEGER); the last 16 are left for seed…seed+n−1.
MAX_SEED = 2**53 - 17
MAX_PROMPT_CHARS = 4000
MAX_PICTURES = 16
MAX_STEPS = 150
MAX_SIDE_PX = 4096
#: Longest picture in base64 a field may hold: 64 MiB of text; the byte limit of pictures acts after decoding.
MAX_INLINE_CHARS = 64 * 2**20


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


#: Scheduler → the spellings other programs use for it (A1111's and ComfyUI's menus, diffusers' class names).
SCHEDULERS: dict[str, tuple[str, ...]] = {
    "euler": ("Euler", "EulerDiscreteScheduler", "sample_euler"),
    "euler_trailing": ("Euler trailing", "Euler SGMUniform", "Euler SGM Uniform", "euler_sgm_uniform"),
    "euler_ancestral": ("Euler a", "euler_a", "k_euler_a", "EulerAncestralDiscreteScheduler"),
    "dpmpp_2m": ("DPM++ 2M", "DPMSolverMultistepScheduler"),
    "dpmpp_2m_karras": ("DPM++ 2M Karras", "dpmpp_2m_k"),
    "dpmpp_2m_sde_karras": ("DPM++ 2M SDE Karras", "dpmpp_2m_sde_k"),
    "dpmpp_sde_karras": ("DPM++ SDE Karras", "dpmpp_sde_k", "DPMSolverSDEScheduler"),
    "lms": ("LMS", "LMSDiscreteScheduler"),
    "lcm": ("LCM", "LCMScheduler"),
    "tcd": ("TCD", "TCDScheduler"),
    "ddim": ("DDIM", "DDIMScheduler"),
    "unipc": ("UniPC", "uni_pc", "UniPCMultistepScheduler"),
    "heun": ("Heun", "HeunDiscreteScheduler"),
    "kdpm2": ("DPM2", "dpm_2", "KDPM2DiscreteScheduler"),
    "kdpm2_ancestral": ("DPM2 a", "dpm_2_ancestral", "KDPM2AncestralDiscreteScheduler"),
    "pndm": ("PNDM", "PLMS", "PNDMScheduler"),
    "deis": ("DEIS", "DEISMultistepScheduler"),
}
_SPELLINGS = {s.lower(): name for name, aliases in SCHEDULERS.items() for s in (name, *aliases)}


def scheduler_name(spelling: Any) -> Any:
    """The field's name of a scheduler in any known spelling, letters' case aside.

    Raises:
        ValueError: nobody spells one so; the message lists the names.
    """
    if not isinstance(spelling, str):
        return spelling
    name = _SPELLINGS.get(spelling.strip().lower())
    if name is None:
        raise ValueError(f"unknown scheduler {spelling!r}; one of {', '.join(SCHEDULERS)}")
    return name


SchedulerName = Annotated[
    str,
    BeforeValidator(scheduler_name),
    WithJsonSchema({"type": "string", "enum": [s for name, aliases in SCHEDULERS.items() for s in (name, *aliases)]}),
]
Side = Annotated[int, Field(ge=8, le=MAX_SIDE_PX, multiple_of=8)]


def steps_run(steps: int, strength: float | None) -> int:
    """How many of the steps a run takes: from a picture, at a strength below 1, only the last ones (rounded down)."""
    return steps if strength is None else min(steps, int(steps * strength))


class Contract(BaseModel):
    """Base of all that callers send: unknown fields and look-alike types ("20" for 20) are refused, nothing is guessed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


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
    seed: int | None = Field(
        None, ge=0, le=MAX_SEED, description="Seed of the first picture; absent: drawn and reported"
    )
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


class GenerationParams(BaseModel):
    """One generation job with every value explicit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    scheduler: str
    seed: int
    n: int
    image: str | None = None
    strength: float | None = None

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
