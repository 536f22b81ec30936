"""Jobs → finished latents: the pictures to make, the runs of diffusers' pipelines that make them, and what breaks a run.

A *shot* is one picture to make; a *run* is one call of a pipeline, over shots whose prompts have one length. A run that
does not fit is made in halves (`batch_split`); where the VAE read a starting picture, it first goes over to tiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from diffusers import StableDiffusionXLImg2ImgPipeline
from PIL.Image import Image

from shared.contracts.generation import GenerationParams
from shared.contracts.passes import shared_by_pass
from shared.errors import EngineFailed, NotFinite, OutOfVram
from workers.engines.base import GenerateWork, Watch
from workers.engines.sdxl import schedulers, vae_encoding
from workers.engines.sdxl.img2img import fit, start
from workers.engines.sdxl.progress import StepReport
from workers.engines.sdxl.prompt_encoding import Conditioning, encode, together
from workers.engines.sdxl.vae import Vae
from workers.engines.torch_tools.finite import refuse_non_finite
from workers.engines.torch_tools.noise import generator_of
from workers.engines.torch_tools.out_of_vram import free_cache, named_out_of_vram

#: What a record's `degradations` call fewer pictures at a time.
SPLIT = "batch_split"
#: What the jobs of one GPU batch must share.
SHARED = shared_by_pass(GenerationParams)


@dataclass(frozen=True)
class Shot:
    """One picture to make."""

    #: Among all pictures of the call, and the job it belongs to.
    place: int
    job: int
    seed: int
    conditioning: Conditioning
    image: Image | None


@dataclass(frozen=True)
class GpuBatch:
    """What all shots of one call share."""

    params: GenerationParams
    watch: Watch
    report: StepReport


def refuse_mixture(works: Sequence[GenerateWork]) -> None:
    """Raise EngineFailed unless these jobs may be one GPU batch."""
    params = works[0].params
    for work in works:
        differing = [name for name in SHARED if getattr(params, name) != getattr(work.params, name)]
        if differing:
            raise EngineFailed(f"jobs of one GPU batch differ in {', '.join(differing)}")
        if params.is_img2img != (work.image is not None):
            raise EngineFailed("img2img needs the starting picture, txt2img takes none")


def runs_of(shots: Sequence[Shot]) -> list[list[Shot]]:
    """Shots whose prompts have one length: padding a short prompt to a long neighbour's would change its picture."""
    by_length = sorted(shots, key=lambda shot: shot.conditioning.tokens)
    return [list(group) for _, group in groupby(by_length, key=lambda shot: shot.conditioning.tokens)]


class Denoiser:
    """Both pipelines of one model, over one set of modules.

    Args:
        txt2img: a `StableDiffusionXLPipeline` where its plan wants it.
        vae: that pipeline's.
    """

    def __init__(self, txt2img: Any, vae: Vae) -> None:
        self._vae = vae
        self.txt2img = txt2img
        # Built from the parts, not `from_pipe`: that casts the shared modules to fp32 in place.
        self.img2img = StableDiffusionXLImg2ImgPipeline(
            **txt2img.components,
            force_zeros_for_empty_prompt=txt2img.config.force_zeros_for_empty_prompt,
            add_watermarker=False,
        )
        #: As the model came; each run replaces the pipelines' schedulers.
        self.scheduler_config = txt2img.scheduler.config
        for each in (self.txt2img, self.img2img):
            each.set_progress_bar_config(disable=True)

    def denoise(self, works: Sequence[GenerateWork], watch: Watch) -> torch.Tensor:
        """Finished latents of all pictures of all jobs, in order: (pictures, 4, height/8, width/8).

        Raises:
            OutOfVram: not even one picture fits. NotFinite: latents are no numbers. Signal: from the watch.
        """
        shots = self._shots(works)
        runs = runs_of(shots)
        params = works[0].params
        gpu_batch = GpuBatch(params, watch, StepReport(watch, len(works), len(runs), params.steps_run))
        latents = {shot.place: made for run in runs for shot, made in self._run_or_halves(run, gpu_batch)}
        return torch.cat([latents[shot.place] for shot in shots])

    def _shots(self, works: Sequence[GenerateWork]) -> list[Shot]:
        shots: list[Shot] = []
        for job, work in enumerate(works):
            params = work.params
            with named_out_of_vram("encoding the prompt"):
                conditioning = encode(self.txt2img, params.prompt, params.negative_prompt, guided=params.is_guided)
            image = fit(work.image, params.width, params.height) if work.image else None
            first = len(shots)
            shots += [Shot(first + i, job, seed, conditioning, image) for i, seed in enumerate(params.seeds())]
        return shots

    def _run_or_halves(self, shots: list[Shot], gpu_batch: GpuBatch) -> list[tuple[Shot, torch.Tensor]]:
        """Each shot with its finished latents; in halves if they do not fit together."""
        try:
            made = self._run(shots, gpu_batch)
        except OutOfVram as exc:
            refusal = exc.message
        except NotFinite:
            if not gpu_batch.params.is_img2img or not self._vae.may_go_wider:  # it read the starting picture
                raise
            self._vae.go_wider(gpu_batch.watch)
            return self._run_or_halves(shots, gpu_batch)
        else:
            # Slices, joined by `cat` later, keep the memory layout (some latents are channels-last): the VAE's
            # convolutions round by it, and pictures are to equal diffusers' to the last bit.
            return list(zip(shots, made.split(1), strict=True))
        free_cache()
        if gpu_batch.params.is_img2img and not self._vae.is_tiled:
            self._vae.tile(gpu_batch.params, gpu_batch.watch)
            return self._run_or_halves(shots, gpu_batch)
        if len(shots) == 1:
            raise OutOfVram(refusal)
        gpu_batch.watch.degrade(SPLIT)
        gpu_batch.report.run_added()
        middle = len(shots) // 2
        return self._run_or_halves(shots[:middle], gpu_batch) + self._run_or_halves(shots[middle:], gpu_batch)

    def _run(self, shots: list[Shot], gpu_batch: GpuBatch) -> torch.Tensor:
        """One run of the pipeline: (len(shots), 4, height/8, width/8)."""
        params = gpu_batch.params
        pipe = self.img2img if params.is_img2img else self.txt2img
        name, config = params.scheduler, self.scheduler_config
        pipe.scheduler = schedulers.build(
            name, config, steps=params.steps, seeds=[shot.seed for shot in shots], schedule=params.schedule
        )
        generators = [generator_of(shot.seed) for shot in shots]
        conditioning = together([shot.conditioning for shot in shots])
        with named_out_of_vram(f"{len(shots)} × {params.width}×{params.height}, {params.steps} steps"):
            latents: torch.Tensor = pipe(
                **conditioning,
                **start(params, self._start_latents(shots, generators)),
                **schedulers.given_timesteps(name, config, steps=params.steps, schedule=params.schedule),
                num_inference_steps=params.steps,
                guidance_scale=params.guidance_scale,
                generator=generators,
                output_type="latent",
                callback_on_step_end=gpu_batch.report.callback([shot.job for shot in shots]),
            ).images
        refuse_non_finite(latents, "the latents", [f"seed {shot.seed}" for shot in shots])
        gpu_batch.report.run_finished()
        return latents

    def _start_latents(self, shots: list[Shot], generators: list[torch.Generator]) -> torch.Tensor | None:
        """The starting pictures as the UNet sees them; None where there are none."""
        images = [shot.image for shot in shots if shot.image is not None]
        if not images:
            return None
        pipe = self.img2img
        return vae_encoding.encode(
            pipe.image_processor.preprocess(images), pipe.vae, generators, pipe._execution_device, pipe.unet.dtype
        )
