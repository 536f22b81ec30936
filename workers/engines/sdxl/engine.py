"""The SDXL engine: text to image and image to image with one set of modules, several jobs in one batch.

Pictures equal, pixel for pixel, what diffusers' own SDXL pipelines make from the same model, seed and settings on the
same machine. Noise comes from one CPU generator per picture, so a seed means the same on every worker; from 2³² on it is
our own (`workers.engines.torch_tools.noise`): diffusers' would not tell such seeds apart.

The pipelines run up to the finished latents; the VAE's decode follows here, so that it can be repeated in tiles. Short
of memory, the engine first gives something up by itself and tells the watch: `vae_tiling`, then `batch_split`. A VAE that
overflows in fp16 goes on in fp32: `upcast`. What is beyond one engine (other models, the UNet's precision, another card)
is its owner's to decide, on `OutOfVram` and on `NotFinite`: what is no number never becomes a (black) picture.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionXLImg2ImgPipeline
from PIL.Image import Image
from torch import nn

from shared.contracts.generation import GenerationParams
from shared.contracts.passes import shared_by_pass
from shared.errors import EngineFailed, NotFinite, OutOfVram
from shared.models.catalogue import ModelCard
from workers.engines.base import EngineKind, GenerateWork, LoadPlan, Watch
from workers.engines.sdxl import (
    files,
    offloading,
    placement,
    previews,
    schedulers,
    sharing,
    toy,
    vae_decoding,
    vae_encoding,
)
from workers.engines.sdxl.img2img import fit, start
from workers.engines.sdxl.progress import StepReport
from workers.engines.sdxl.prompt_encoding import Conditioning, encode, together
from workers.engines.sdxl.sharing import Copy, Shares, Shelf
from workers.engines.sdxl.smallest import Nobody, smallest
from workers.engines.torch_tools.finite import refuse_non_finite
from workers.engines.torch_tools.host_copy import forget
from workers.engines.torch_tools.noise import NOISE_VERSION, generator_of
from workers.engines.torch_tools.out_of_vram import forget_frames, free_cache, named_out_of_vram
from workers.engines.torch_tools.precision import diffusion_dtype_of, vae_dtype_of

#: What a record's `degradations` call a wider range than the plan's.
UPCAST = "upcast"
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
class Batch:
    """What all shots of one call share."""

    params: GenerationParams
    watch: Watch
    report: StepReport


def load(card: ModelCard, path: Path, plan: LoadPlan, shelf: Shelf | None = None) -> "SdxlEngine":
    """Put a model on the plan's device.

    Args:
        shelf: parts that loaded models have and this one may share; None: it shares nothing.

    Raises:
        OutOfVram: it does not fit; nothing stays allocated.
        ModelMissing, EngineFailed: see `files.read`.
    """
    try:
        with named_out_of_vram(f"loading {card.id}"):
            pipe, shared = _loaded(path, plan, shelf)
    except OutOfVram:
        free_cache()
        raise
    return SdxlEngine(card, pipe, plan, shared)


def _loaded(path: Path, plan: LoadPlan, shelf: Shelf | None) -> tuple[Any, dict[str, Copy]]:
    """Its own frame: what it holds half loaded goes with it."""
    dtypes = {"default": diffusion_dtype_of(plan), "vae": vae_dtype_of(plan)}
    identities = sharing.identities(path, plan, dtypes) if shelf is not None else {}
    known = shelf.find(identities) if shelf is not None else {}
    pipe = files.read(path, dtypes, {name: copy.module for name, copy in known.items()})
    placement.place(pipe, plan, dtypes["default"], done=known)
    return pipe, shelf.put(identities, pipe, known) if shelf is not None else {}


class SdxlEngine:
    """One loaded SDXL model."""

    noise_version = NOISE_VERSION

    def __init__(self, card: ModelCard, pipe: Any, plan: LoadPlan, shared: Mapping[str, Copy] | None = None) -> None:
        self.card = card
        self._shared = Shares(shared or {})
        self._plan = plan
        self._txt2img = pipe
        # Built from the parts, not `from_pipe`: that casts the shared modules to fp32 in place.
        self._img2img = StableDiffusionXLImg2ImgPipeline(
            **pipe.components,
            force_zeros_for_empty_prompt=pipe.config.force_zeros_for_empty_prompt,
            add_watermarker=False,
        )
        self._scheduler_config = pipe.scheduler.config
        self._vae_dtype = pipe.vae.dtype
        #: Whether its VAE was found to overflow in fp16, though its configuration does not say so.
        self._vae_overflows = False
        for each in (self._txt2img, self._img2img):
            each.set_progress_bar_config(disable=True)

    def held_mib(self) -> int:
        """On a card: what lies there now, without what is offloaded; on CPU: all. Shared parts count for one model."""
        return placement.held_mib([*self._own(), *self._shared.counted()], self._plan.device)

    def uses_mib(self) -> int:
        """The same with all shared parts."""
        return placement.held_mib(placement.modules_of(self._txt2img).values(), self._plan.device)

    def host_mib(self) -> int:
        """RAM: all of it while the model waits there or is offloaded, else the copies that were left there. None on a
        CPU, where the RAM is the card.
        """
        if self._plan.device == placement.HOST:
            return 0
        return placement.host_mib([*self._own(), *self._shared.counted_on_host()])

    def forget_host(self) -> None:
        """Give up what lies in host memory beside the card; the next way off the card copies it again."""
        if placement.offloads(self._plan):
            return
        for module in placement.modules_of(self._txt2img).values():
            forget(module)
        free_cache()

    def to_host(self) -> None:
        """Leave the card and wait in host memory; where that has no room, nothing has changed."""
        if placement.offloads(self._plan):
            return
        self._shared.leave()
        try:
            placement.move([*self._own(), *self._shared.unused()], placement.HOST, back=self._plan.device)
        except Exception:
            self._shared.arrive()
            raise

    def to_device(self) -> None:
        """Come back to the card.

        Raises:
            OutOfVram: no room there; the model is in host memory still.
        """
        if placement.offloads(self._plan):
            return
        placement.move([*self._own(), *self._shared.unused()], self._plan.device, back=placement.HOST)
        self._shared.arrive()

    def close(self) -> None:
        """Drop the model; a closed engine cannot be used again."""
        self._shared.close()
        self._txt2img.remove_all_hooks()
        del self._txt2img, self._img2img, self._shared
        free_cache()

    def _own(self) -> list[nn.Module]:
        return [part for name, part in placement.modules_of(self._txt2img).items() if name not in self._shared]

    def generate(self, works: list[GenerateWork], watch: Watch) -> list[list[Image]]:
        """See `GenerateEngine.generate`. A starting picture is scaled to cover width × height and centre-cropped."""
        for work in works:
            _refuse_mixture(works[0].params, work)
        if self._vae_overflows:
            watch.degrade(UPCAST)
        with self._usable_afterwards(works[0].params):
            pictures = iter(self._pictures(works, watch))
        return [[next(pictures) for _ in range(work.params.n)] for work in works]

    def smallest_call(self) -> None:
        """Some steps at the smallest size; nothing is decoded."""
        params, watch = smallest(self.card), Nobody()
        with self._usable_afterwards(params):
            report = StepReport(watch, 1, 1, params.steps_run, previews.begin)
            self._denoise(self._shots([GenerateWork(params)]), Batch(params, watch, report))

    def _pictures(self, works: list[GenerateWork], watch: Watch) -> list[Image]:
        """All pictures of all jobs in order."""
        shots = self._shots(works)
        runs = _runs(shots)
        params = works[0].params
        batch = Batch(params, watch, StepReport(watch, len(works), len(runs), params.steps_run, previews.begin))
        latents = {shot.place: made for run in runs for shot, made in self._denoise(run, batch)}
        return self._decode(torch.cat([latents[shot.place] for shot in shots]), [shot.seed for shot in shots], batch)

    @contextmanager
    def _usable_afterwards(self, params: GenerationParams) -> Iterator[None]:
        """Whatever happens inside, the next job finds the engine as the plan wants it, and no memory is held."""
        vae = self._txt2img.vae
        vae.use_slicing = self._plan.vae_slicing
        if self._plan.vae_tiling:
            vae_decoding.tile(vae, params.width, params.height)
        try:
            yield
        except Exception as exc:
            forget_frames(exc)
            free_cache()
            raise
        finally:
            vae.disable_tiling()
            if vae.dtype != self._vae_dtype:
                vae.to(dtype=self._vae_dtype)
            if placement.offloads(self._plan):
                offloading.end_visits(placement.modules_of(self._txt2img).values())

    def _shots(self, works: list[GenerateWork]) -> list[Shot]:
        shots: list[Shot] = []
        for job, work in enumerate(works):
            params = work.params
            with named_out_of_vram("encoding the prompt"):
                conditioning = encode(self._txt2img, params.prompt, params.negative_prompt, guided=params.is_guided)
            image = fit(work.image, params.width, params.height) if work.image else None
            first = len(shots)
            shots += [Shot(first + i, job, seed, conditioning, image) for i, seed in enumerate(params.seeds())]
        return shots

    def _denoise(self, shots: list[Shot], batch: Batch) -> list[tuple[Shot, torch.Tensor]]:
        """Each shot with its finished latents; in halves if they do not fit together."""
        try:
            made = self._run(shots, batch)
        except OutOfVram as exc:
            refusal = exc.message
        except NotFinite:
            if batch.params.is_img2img and self._upcast_vae(batch):  # it read the starting picture
                return self._denoise(shots, batch)
            raise
        else:
            # Slices, joined by `cat` later, keep the memory layout (some latents are channels-last): the VAE's
            # convolutions round by it, and pictures are to equal diffusers' to the last bit.
            return list(zip(shots, made.split(1), strict=True))
        free_cache()
        if batch.params.is_img2img and self._tile(batch):
            return self._denoise(shots, batch)
        if len(shots) == 1:
            raise OutOfVram(refusal)
        batch.watch.degrade("batch_split")
        batch.report.run_added()
        middle = len(shots) // 2
        return self._denoise(shots[:middle], batch) + self._denoise(shots[middle:], batch)

    def _run(self, shots: list[Shot], batch: Batch) -> torch.Tensor:
        """One run of the pipeline: (len(shots), 4, height/8, width/8)."""
        params = batch.params
        pipe = self._img2img if params.is_img2img else self._txt2img
        name, config = params.scheduler, self._scheduler_config
        pipe.scheduler = schedulers.build(
            name, config, steps=params.steps, seeds=[shot.seed for shot in shots], schedule=params.schedule
        )
        generators = [generator_of(shot.seed) for shot in shots]
        conditioning = together([shot.conditioning for shot in shots])
        with named_out_of_vram(f"{len(shots)} × {params.width}×{params.height}, {params.steps} steps"):
            latents = pipe(
                **conditioning,
                **start(params, self._start_latents(shots, generators)),
                **schedulers.given_timesteps(name, config, steps=params.steps, schedule=params.schedule),
                num_inference_steps=params.steps,
                guidance_scale=params.guidance_scale,
                generator=generators,
                output_type="latent",
                callback_on_step_end=batch.report.callback([shot.job for shot in shots]),
            ).images
        refuse_non_finite(latents, "the latents", [f"seed {shot.seed}" for shot in shots])
        batch.report.run_finished()
        return latents

    def _start_latents(self, shots: list[Shot], generators: list[torch.Generator]) -> torch.Tensor | None:
        """The starting pictures as the UNet sees them; None where there are none."""
        images = [shot.image for shot in shots if shot.image is not None]
        if not images:
            return None
        pipe = self._img2img
        return vae_encoding.encode(
            pipe.image_processor.preprocess(images), pipe.vae, generators, pipe._execution_device, pipe.unet.dtype
        )

    def _decode(self, latents: torch.Tensor, seeds: list[int], batch: Batch) -> list[Image]:
        """Pictures; in tiles, one at a time, if they do not fit otherwise; in fp32 if half precision overflows."""
        try:
            values = self._decode_once(latents)
            refuse_non_finite(values, "the pixels", [f"seed {seed}" for seed in seeds])
            return self._txt2img.image_processor.postprocess(values, output_type="pil")
        except OutOfVram as exc:
            refusal = exc.message
        except NotFinite:
            if not self._upcast_vae(batch):
                raise
            return self._decode(latents, seeds, batch)
        free_cache()
        if not self._tile(batch):
            raise OutOfVram(refusal)
        self._txt2img.vae.enable_slicing()
        return self._decode(latents, seeds, batch)

    def _decode_once(self, latents: torch.Tensor) -> torch.Tensor:
        with named_out_of_vram(f"decoding {latents.shape[0]} × {latents.shape[3] * 8}×{latents.shape[2] * 8}"):
            return vae_decoding.decode(latents, self._txt2img.vae)

    def _upcast_vae(self, batch: Batch) -> bool:
        """Let the VAE read and write pictures in fp32 from now on; False: it does, or has a wide range already.

        The setting is the one by which diffusers itself raises a VAE's precision.
        """
        vae = self._txt2img.vae
        if self._vae_dtype != torch.float16 or vae.config.force_upcast:
            return False
        vae.register_to_config(force_upcast=True)
        self._vae_overflows = True
        batch.watch.degrade(UPCAST)
        return True

    def _tile(self, batch: Batch) -> bool:
        """Go over to tiles; False: that has been done."""
        if self._txt2img.vae.use_tiling:
            return False
        vae_decoding.tile(self._txt2img.vae, batch.params.width, batch.params.height)
        batch.watch.degrade("vae_tiling")
        return True


def _refuse_mixture(params: GenerationParams, work: GenerateWork) -> None:
    differing = [name for name in SHARED if getattr(params, name) != getattr(work.params, name)]
    if differing:
        raise EngineFailed(f"jobs of one batch differ in {', '.join(differing)}")
    if params.is_img2img != (work.image is not None):
        raise EngineFailed("img2img needs the starting picture, txt2img takes none")


def _runs(shots: list[Shot]) -> list[list[Shot]]:
    """Shots whose prompts have one length: padding a short prompt to a long neighbour's would change its picture."""
    by_length = sorted(shots, key=lambda shot: shot.conditioning.tokens)
    return [list(group) for _, group in groupby(by_length, key=lambda shot: shot.conditioning.tokens)]


#: One shelf a process: models of all folders meet on it.
KIND = EngineKind(load=partial(load, shelf=Shelf()), build=toy.build)
