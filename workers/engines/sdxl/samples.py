"""One picture on its way from noise: all that is its own, between two passes of the UNet.

A *sample* has its conditioning, guidance, scheduler with time steps, generator and latents, and nothing of its neighbours';
which of them share a pass (`one_pass`) is decided anew at each step. So a sample may join late, leave early, wait, and
go on in other company.

The arithmetic before the first step is that of diffusers 0.42.1's SDXL pipelines, step by step: pictures must equal theirs.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers.utils.torch_utils import randn_tensor

from shared.contracts.generation import GenerationParams
from shared.errors import InvalidRequest
from workers.engines.sdxl import schedulers
from workers.engines.sdxl.prompt_encoding import Conditioning
from workers.engines.torch_tools.noise import generator_of

#: What only samples with one value of can share a pass: shape of the latents, tokens of the conditioning.
PassKey = tuple[tuple[int, ...], int]


@dataclass(eq=False)
class Sample:
    """One picture to make. `calls` and `latents` change with every pass; a scheduler is stateful."""

    params: GenerationParams
    seed: int
    conditioning: Conditioning
    scheduler: Any
    #: One a call of the UNet; second-order samplers call it twice a step.
    timesteps: torch.Tensor
    #: (1, 4, height/8, width/8), on the UNet's device and in its precision.
    latents: torch.Tensor
    generator: torch.Generator
    #: (1, 6): SDXL's sizes and crops, of the prompt and of the negative one.
    time_ids: torch.Tensor
    negative_time_ids: torch.Tensor
    #: (1, width): of models that were distilled for guidance; None: this one was not.
    guidance_embedding: torch.Tensor | None = None
    #: Calls of the UNet that are done.
    calls: int = 0
    #: What each does to the latents after a step of the scheduler: latents and calls done → latents.
    after_step: tuple[Callable[[torch.Tensor, int], torch.Tensor], ...] = field(default=())

    @property
    def is_done(self) -> bool:
        return self.calls >= len(self.timesteps)

    @property
    def calls_left(self) -> int:
        return len(self.timesteps) - self.calls

    @property
    def is_guided(self) -> bool:
        """Whether it takes two rows of a pass."""
        return self.conditioning.negative is not None and self.guidance_embedding is None

    @property
    def rows(self) -> int:
        """Rows of a pass: what memory and time are counted by."""
        return 2 if self.is_guided else 1

    @property
    def timestep(self) -> torch.Tensor:
        """Of its next call, a number of no dimension."""
        return self.timesteps[self.calls]

    @property
    def key(self) -> PassKey:
        """Samples with one key may share a pass. Prompts are never padded to one length: that changes pictures."""
        return tuple(self.latents.shape), self.conditioning.tokens

    @property
    def step(self) -> int:
        """Denoising steps that are done, of `params.steps_run`.

        Second-order samplers call the model twice a step, but for the last; PNDM calls it once more at the start.
        """
        order, steps = self.scheduler.order, self.params.steps_run
        surplus = -(-len(self.timesteps) // order) - steps
        return 0 if not self.calls else min(steps, max(1, -(-self.calls // order) - surplus))

    @property
    def steps(self) -> int:
        """Denoising steps in all."""
        return self.params.steps_run

    def model_input(self) -> torch.Tensor:
        """The latents as the UNet is given them."""
        scaled: torch.Tensor = self.scheduler.scale_model_input(self.latents, self.timestep)
        return scaled

    def take(self, noise: torch.Tensor) -> None:
        """Go one call further: `noise`, shaped as the latents, is what the UNet saw in them, guided already."""
        arguments = _step_arguments(self.scheduler, self.generator)
        self.latents = self.scheduler.step(noise, self.timestep, self.latents, **arguments, return_dict=False)[0]
        self.calls += 1
        for change in self.after_step:
            self.latents = change(self.latents, self.calls)


@torch.no_grad()
def begin(
    pipe: Any,
    params: GenerationParams,
    seed: int,
    conditioning: Conditioning,
    config: Any,
    start: Callable[[torch.Generator], torch.Tensor] | None = None,
) -> Sample:
    """A sample before its first call.

    Args:
        pipe: diffusers' pipeline of the mode, for the model's own sizes (`_get_add_time_ids`).
        config: of the scheduler the model came with.
        start: img2img: draws from the generator and gives the starting picture's latents, (1, 4, height/8, width/8).

    Raises:
        InvalidRequest: see `prepared`.
    """
    sample = prepared(pipe, params, seed, conditioning, config)
    device, dtype = conditioning.prompt.device, conditioning.prompt.dtype
    if start is None:
        noise = _noise(pipe, params, conditioning, sample.generator, device)
        sample.latents = noise * sample.scheduler.init_noise_sigma
    else:
        encoded = start(sample.generator)
        noise = randn_tensor(encoded.shape, generator=[sample.generator], device=device, dtype=dtype)
        sample.latents = sample.scheduler.add_noise(encoded, noise, sample.timesteps[:1])
    return sample


def prepared(pipe: Any, params: GenerationParams, seed: int, conditioning: Conditioning, config: Any) -> Sample:
    """A sample that has all but its latents: they are empty, and the generator has drawn nothing.

    Raises:
        InvalidRequest: no step would run. The door refuses that too; painting with another strength would be a lie.
    """
    if params.steps_run < 1:
        raise InvalidRequest(
            f"{params.steps} steps × strength {params.strength} leave no step to run", field="strength"
        )
    device = conditioning.prompt.device  # where the model computes; diffusers would walk all modules to find it
    scheduler = _scheduler(params, seed, config, device)
    ids = _img2img_time_ids if params.is_img2img else _time_ids
    time_ids, negative_time_ids = ids(pipe, params, conditioning)
    empty = torch.empty((1, 0, 0, 0), device=device, dtype=conditioning.prompt.dtype)
    return Sample(
        params,
        seed,
        conditioning,
        scheduler,
        _timesteps(scheduler, params),
        empty,
        generator_of(seed),
        time_ids.to(device),
        negative_time_ids.to(device),
        _guidance_embedding(pipe, params, empty),
    )


def _scheduler(params: GenerationParams, seed: int, config: Any, device: Any) -> Any:
    name, steps, schedule = params.scheduler, params.steps, params.schedule
    scheduler = schedulers.build(name, config, steps=steps, seeds=[seed], schedule=schedule)
    given = schedulers.given_timesteps(name, config, steps=steps, schedule=schedule)
    counted: dict[str, Any] = given or {"num_inference_steps": steps}
    scheduler.set_timesteps(**counted, device=device)
    return scheduler


def _timesteps(scheduler: Any, params: GenerationParams) -> torch.Tensor:
    """Those that are walked: from a picture, the later ones.

    diffusers counts a list of time steps by its entries, which second-order samplers double: from a picture it then
    starts too late, or runs off the end. Here a step is a step.
    """
    first = (params.steps - params.steps_run) * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    walked: torch.Tensor = scheduler.timesteps[first:]
    return walked


def _noise(
    pipe: Any, params: GenerationParams, conditioning: Conditioning, generator: torch.Generator, device: Any
) -> torch.Tensor:
    scale = pipe.vae_scale_factor
    shape = (1, pipe.unet.config.in_channels, params.height // scale, params.width // scale)
    return randn_tensor(shape, generator=[generator], device=device, dtype=conditioning.prompt.dtype)


def _time_ids(pipe: Any, params: GenerationParams, conditioning: Conditioning) -> tuple[torch.Tensor, torch.Tensor]:
    size = (params.height, params.width)
    ids = pipe._get_add_time_ids(
        size,
        (0, 0),
        size,
        dtype=conditioning.prompt.dtype,
        text_encoder_projection_dim=pipe.text_encoder_2.config.projection_dim,
    )
    return ids, ids


def _img2img_time_ids(
    pipe: Any, params: GenerationParams, conditioning: Conditioning
) -> tuple[torch.Tensor, torch.Tensor]:
    """The sizes, or the aesthetic scores where the model wants those (refiners): diffusers' own defaults, 6 and 2.5."""
    size = (params.height, params.width)
    ids: tuple[torch.Tensor, torch.Tensor] = pipe._get_add_time_ids(
        size,
        (0, 0),
        size,
        6.0,
        2.5,
        size,
        (0, 0),
        size,
        dtype=conditioning.prompt.dtype,
        text_encoder_projection_dim=pipe.text_encoder_2.config.projection_dim,
    )
    return ids


def _guidance_embedding(pipe: Any, params: GenerationParams, latents: torch.Tensor) -> torch.Tensor | None:
    width = pipe.unet.config.time_cond_proj_dim
    if width is None:
        return None
    scale = torch.tensor(params.guidance_scale - 1).repeat(1)
    embedding: torch.Tensor = pipe.get_guidance_scale_embedding(scale, embedding_dim=width)
    return embedding.to(device=latents.device, dtype=latents.dtype)


def _step_arguments(scheduler: Any, generator: torch.Generator) -> dict[str, Any]:
    """eta and the generator, for those schedulers that take them."""
    taken = inspect.signature(scheduler.step).parameters
    wanted = {"eta": 0.0, "generator": [generator]}
    return {name: value for name, value in wanted.items() if name in taken}
