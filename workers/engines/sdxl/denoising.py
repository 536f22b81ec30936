"""Jobs → finished latents: samples are begun, and taken from pass to pass until all are done.

Passes that do not fit are made smaller, for the rest of the call (`batch_split`); the steps that are done stay done. Where
the VAE reads a starting picture, it first goes over to tiles, and to fp32 where fp16 overflows.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import groupby
from typing import Any

import torch
from diffusers import StableDiffusionXLImg2ImgPipeline

from shared.contracts.generation import GenerationParams
from shared.contracts.passes import shared_by_pass
from shared.errors import EngineFailed, NotFinite, OutOfVram
from workers.engines.base import GenerateWork, Watch
from workers.engines.sdxl import checkpoints, vae_encoding
from workers.engines.sdxl.one_pass import advance
from workers.engines.sdxl.progress import StepReport
from workers.engines.sdxl.prompt_cache import PromptCache, Visits
from workers.engines.sdxl.prompt_encoding import Conditioning
from workers.engines.sdxl.samples import Sample, begin, prepared
from workers.engines.sdxl.vae import Vae
from workers.engines.torch_tools.finite import refuse_non_finite
from workers.engines.torch_tools.out_of_vram import free_cache, named_out_of_vram

#: What a record's `degradations` call fewer pictures at a time.
SPLIT = "batch_split"
#: What the jobs of one call must share.
SHARED = shared_by_pass(GenerationParams)


def groups_of(begun: Sequence[tuple[int, Sample]]) -> list[list[tuple[int, Sample]]]:
    """Samples that may share passes, those with the shortest prompts first."""
    by_key = sorted(begun, key=lambda each: each[1].key)
    return [list(group) for _, group in groupby(by_key, key=lambda each: each[1].key)]


def refuse_mixture(works: Sequence[GenerateWork]) -> None:
    """Raise EngineFailed unless these jobs may be one GPU batch."""
    params = works[0].params
    for work in works:
        differing = [name for name in SHARED if getattr(params, name) != getattr(work.params, name)]
        if differing:
            raise EngineFailed(f"jobs of one GPU batch differ in {', '.join(differing)}")
        if work.params.is_img2img != (work.image is not None):
            raise EngineFailed("img2img needs the starting picture, txt2img takes none")


class Denoiser:
    """The steps of one model, from and to anywhere.

    Args:
        txt2img: a `StableDiffusionXLPipeline` where its plan wants it.
        vae: that pipeline's.
        visits: around whatever the text encoders do.
        unet: called in place of that pipeline's; None: it itself is.
    """

    def __init__(self, txt2img: Any, vae: Vae, visits: Visits = nullcontext, unet: Any = None) -> None:
        self._vae = vae
        self._unet = unet or txt2img.unet
        self.txt2img = txt2img
        # Built from the parts, not `from_pipe`: that casts the shared modules to fp32 in place.
        self.img2img = StableDiffusionXLImg2ImgPipeline(
            **txt2img.components,
            force_zeros_for_empty_prompt=txt2img.config.force_zeros_for_empty_prompt,
            add_watermarker=False,
        )
        self._prompts = PromptCache(txt2img, visits)
        #: As the model came.
        self.scheduler_config = txt2img.scheduler.config

    def denoise(self, works: Sequence[GenerateWork], watch: Watch) -> torch.Tensor:
        """Finished latents of all pictures of all jobs, in order: (pictures, 4, height/8, width/8).

        Raises:
            OutOfVram: not even one picture fits. NotFinite: latents are no numbers. Signal: from the watch.
        """
        begun = [(job, sample) for job, work in enumerate(works) for sample in self.begin(work, watch)]
        groups = groups_of(begun)
        steps = [max(sample.params.steps_run for _, sample in group) for group in groups]
        report = StepReport(watch, len(works), steps)
        for group, most in zip(groups, steps, strict=True):
            self._walk(group, report, watch)
            report.finished(most)
        refuse_non_finite(
            torch.cat([sample.latents for _, sample in begun]),
            "the latents",
            [f"seed {sample.seed}" for _, sample in begun],
        )
        # Slices, joined by `cat`, keep the memory layout (some latents are channels-last): the VAE's convolutions round
        # by it, and pictures are to equal diffusers' to the last bit.
        return torch.cat([sample.latents for _, sample in begun])

    def begin(self, work: GenerateWork, watch: Watch) -> list[Sample]:
        """The samples of one job before their first step, one a picture.

        Raises:
            OutOfVram: the prompt or the starting picture does not fit.
            NotFinite: the VAE makes no numbers of the starting picture, in no precision.
        """
        params = work.params
        conditioning = self._conditioning(params)
        if work.image is None:
            return [begin(self.txt2img, params, seed, conditioning, self.scheduler_config) for seed in params.seeds()]
        pixels = self.img2img.image_processor.preprocess([vae_encoding.fit(work.image, params.width, params.height)])

        def start(generator: torch.Generator) -> torch.Tensor:
            return self._encoded(pixels, generator, params, watch)

        return [
            begin(self.img2img, params, seed, conditioning, self.scheduler_config, start) for seed in params.seeds()
        ]

    def forget(self) -> None:
        """Give up what is kept of prompts on the device; it is encoded again."""
        self._prompts.forget()

    def saved(self, sample: Sample) -> bytes:
        """See `checkpoints.saved`."""
        fresh = prepared(
            self._pipe_of(sample.params), sample.params, sample.seed, sample.conditioning, self.scheduler_config
        )
        return checkpoints.saved(sample, fresh.scheduler)

    def resumed(self, work: GenerateWork, place: int, data: bytes) -> Sample:
        """One picture of a job, from where it was saved.

        Args:
            place: of the picture among the job's.

        Raises:
            EngineFailed: these bytes are no state of such a sample. OutOfVram: the prompt does not fit.
        """
        params = work.params
        conditioning = self._conditioning(params)
        seed = params.seeds()[place]
        sample = prepared(self._pipe_of(params), params, seed, conditioning, self.scheduler_config)
        checkpoints.restore(sample, data)
        return sample

    def step(self, samples: Sequence[Sample]) -> None:
        """One pass over samples of one key. See `one_pass.advance`.

        Raises:
            OutOfVram: it did not fit; samples whose `calls` have not grown are as they were.
        """
        height, width = (side * self.txt2img.vae_scale_factor for side in samples[0].latents.shape[-2:])
        with named_out_of_vram(f"{len(samples)} × {width}×{height}"):
            advance(self._unet, samples)

    def _walk(self, group: Sequence[tuple[int, Sample]], report: StepReport, watch: Watch) -> None:
        """A group to its end, a round of passes at a time; in ever smaller passes where memory is short."""
        most = len(group)
        while waiting := [sample for _, sample in group if not sample.is_done]:
            calls = [sample.calls for sample in waiting]
            behind = waiting
            while behind:
                try:
                    self.step(behind[:most])
                except OutOfVram:
                    free_cache()
                    if most == 1:
                        raise
                    most = -(-min(most, len(behind)) // 2)
                    watch.degrade(SPLIT)
                behind = [sample for sample, before in zip(waiting, calls, strict=True) if sample.calls == before]
            report.passed(group)

    def _conditioning(self, params: GenerationParams) -> Conditioning:
        with named_out_of_vram("encoding the prompt"):
            return self._prompts.encode(params.prompt, params.negative_prompt, guided=params.is_guided)

    def _pipe_of(self, params: GenerationParams) -> Any:
        return self.img2img if params.is_img2img else self.txt2img

    def _encoded(
        self, pixels: torch.Tensor, generator: torch.Generator, params: GenerationParams, watch: Watch
    ) -> torch.Tensor:
        """A starting picture as the UNet sees it; in tiles, or in fp32, where it does not go otherwise."""
        before = generator.get_state()
        pipe = self.img2img
        try:
            with named_out_of_vram("encoding the starting picture"):
                latents = vae_encoding.encode(pixels, pipe.vae, [generator], pipe._execution_device, pipe.unet.dtype)
            refuse_non_finite(latents, "the starting picture", ["its latents"])
            return latents
        except OutOfVram:
            if self._vae.is_tiled:
                raise
            self._vae.tile(params, watch)
        except NotFinite:
            if not self._vae.may_go_wider:
                raise
            self._vae.go_wider(watch)
        free_cache()
        generator.set_state(before)
        return self._encoded(pixels, generator, params, watch)
