"""The SDXL engine: text to image and image to image with one set of modules, several jobs in one GPU batch.

Pictures equal, pixel for pixel, what diffusers' own SDXL pipelines make from the same model, seed and settings on the
same machine. Noise comes from one CPU generator per picture, so a seed means the same on every worker; from 2³² on it is
our own (`workers.engines.torch_tools.noise`): diffusers' would not tell such seeds apart.

The loop is our own: whoever calls may take pictures from step to step in any company (`begin`, `step`, `finish`), or have
jobs made from end to end (`generate`). The VAE's decode follows the steps (`vae`), so that it can be repeated in tiles.

Short of memory, the engine first gives something up by itself and tells the watch: `vae_tiling`, then `batch_split`. A VAE
that overflows in fp16 goes on in fp32: `upcast`. What is beyond one engine (other models, the UNet's precision, another
GPU) is its owner's to decide, on `OutOfVram` and on `NotFinite`: what is no number never becomes a (black) picture.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import nn

from shared.contracts.generation import GenerationParams
from shared.errors import OutOfVram
from shared.models.catalogue import ModelCard
from workers.engines.base import EngineKind, GenerateWork, LoadPlan, Watch
from workers.engines.sdxl import checkpoints, files, offloading, placement, sharing, toy
from workers.engines.sdxl.denoising import Denoiser, refuse_mixture
from workers.engines.sdxl.encoder_visits import visits_of
from workers.engines.sdxl.progress import begin_preview
from workers.engines.sdxl.samples import Sample
from workers.engines.sdxl.sharing import Copy, Shares, Shelf
from workers.engines.sdxl.smallest import Nobody, smallest
from workers.engines.sdxl.vae import Vae
from workers.engines.torch_tools import levers
from workers.engines.torch_tools.finite import refuse_non_finite
from workers.engines.torch_tools.host_copy import forget
from workers.engines.torch_tools.noise import NOISE_VERSION
from workers.engines.torch_tools.out_of_vram import forget_frames, free_cache, named_out_of_vram
from workers.engines.torch_tools.precision import diffusion_dtype_of, vae_dtype_of
from workers.engines.torch_tools.run_ahead import RunAhead
from workers.engines.torch_tools.traced import Traced


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
    engine = SdxlEngine(card, pipe, plan, shared)
    if levers.is_compiled(pipe.unet) or (plan.offload == "group" and placement.offloads(plan)):
        engine.smallest_call()  # compiles, or learns the order of its layers, so that no job waits for it
    return engine


def _loaded(path: Path, plan: LoadPlan, shelf: Shelf | None) -> tuple[Any, dict[str, Copy]]:
    """Its own frame: what it holds half loaded goes with it."""
    dtypes = {"default": diffusion_dtype_of(plan), "vae": vae_dtype_of(plan)}
    identities = sharing.identities(path, plan, dtypes) if shelf is not None else {}
    known = shelf.find(identities) if shelf is not None else {}
    pipe = files.read(path, dtypes, {name: copy.module for name, copy in known.items()})
    levers.pull_for_model(pipe.unet, None if "vae" in known else pipe.vae, plan)
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
        self._vae = Vae(pipe.vae, plan)
        unet = Traced(pipe.unet) if levers.traces(pipe.unet, plan) else pipe.unet
        self._denoiser = Denoiser(pipe, self._vae, visits_of(pipe, plan), unet)
        self._run_ahead = RunAhead(plan.device)

    def held_mib(self) -> int:
        """On a GPU: what lies there now, without what is offloaded; on CPU: all. Shared parts count for one model."""
        return placement.held_mib([*self._own(), *self._shared.counted()], self._plan.device)

    def uses_mib(self) -> int:
        """The same with all shared parts."""
        return placement.held_mib(placement.modules_of(self._txt2img).values(), self._plan.device)

    def host_mib(self) -> int:
        """RAM: all of it while the model waits there or is offloaded, else the copies that were left there. None on a
        CPU, where the RAM is the device.
        """
        if self._plan.device == placement.HOST:
            return 0
        return placement.host_mib([*self._own(), *self._shared.counted_on_host()])

    def forget_host(self) -> None:
        """Give up what lies in host memory beside the GPU; the next way off the GPU copies it again."""
        if placement.offloads(self._plan):
            return
        for module in placement.modules_of(self._txt2img).values():
            forget(module)
        free_cache()

    def to_host(self) -> None:
        """Leave the GPU and wait in host memory; where that has no room, nothing has changed."""
        if placement.offloads(self._plan):
            placement.move(placement.staying(self._txt2img, self._plan), placement.HOST, back=self._plan.device)
            return
        self._denoiser.forget()
        self._shared.leave()
        try:
            placement.move([*self._own(), *self._shared.unused()], placement.HOST, back=self._plan.device)
        except Exception:
            self._shared.arrive()
            raise

    def to_device(self) -> None:
        """Come back to the GPU.

        Raises:
            OutOfVram: no room there; the model is in host memory still.
        """
        if placement.offloads(self._plan):
            placement.move(placement.staying(self._txt2img, self._plan), self._plan.device, back=placement.HOST)
            return
        coming, resident = [*self._own(), *self._shared.unused()], placement.resident(self._txt2img, self._plan)
        placement.move([part for part in coming if part in resident], self._plan.device, back=placement.HOST)
        self._shared.arrive()

    def close(self) -> None:
        """Drop the model; a closed engine cannot be used again."""
        self._shared.close()
        self._txt2img.remove_all_hooks()
        del self._txt2img, self._denoiser, self._vae, self._shared
        free_cache()

    def _own(self) -> list[nn.Module]:
        return [part for name, part in placement.modules_of(self._txt2img).items() if name not in self._shared]

    def generate(self, works: list[GenerateWork], watch: Watch) -> list[list[Image]]:
        """See `GenerateEngine.generate`. A starting picture is scaled to cover width × height and centre-cropped."""
        refuse_mixture(works)
        with self._usable_afterwards(works[0].params, watch):
            pictures = iter(self._pictures(works, watch))
        return [[next(pictures) for _ in range(work.params.n)] for work in works]

    def begin(self, work: GenerateWork, watch: Watch) -> list[Sample]:
        """See `Stepping`. A starting picture is scaled to cover width × height and centre-cropped."""
        with self._vae_ready(work.params, watch):
            return self._denoiser.begin(work, watch)

    def step(self, samples: Sequence[Sample]) -> None:
        """See `Stepping`."""
        try:
            self._denoiser.step(samples)
            self._run_ahead.passed()
        except OutOfVram as exc:
            forget_frames(exc)
            free_cache()
            raise

    def finish(self, samples: Sequence[Sample], watch: Watch) -> list[Image]:
        """See `Stepping`."""
        names = [f"seed {sample.seed}" for sample in samples]
        with self._vae_ready(samples[0].params, watch):
            latents = torch.cat([sample.latents for sample in samples])
            refuse_non_finite(latents, "the latents", names)
            return self._shown(self._vae.decode(latents, names, samples[0].params, watch))

    def preview(self, sample: Sample) -> Callable[[], Image]:
        """See `Stepping`."""
        return begin_preview(sample.latents[0])

    def saved(self, sample: Sample) -> bytes:
        """See `Stepping`."""
        return self._denoiser.saved(sample)

    def resumed(self, work: GenerateWork, place: int, data: bytes, watch: Watch) -> Sample:
        """See `Stepping`. Where it was saved in another precision, the watch is told."""
        sample = self._denoiser.resumed(work, place, data)
        if checkpoints.dtype_of(data) != sample.latents.dtype:
            watch.degrade("resumed_in_another_precision")
        return sample

    def settle(self) -> None:
        """See `Stepping`."""
        self._run_ahead.settle()

    def rest(self) -> None:
        """See `Stepping`."""
        if placement.offloads(self._plan):
            offloading.end_visits(placement.modules_of(self._txt2img).values())

    def smallest_call(self) -> None:
        """Some steps at the smallest size; nothing is decoded."""
        params, watch = smallest(self.card), Nobody()
        with self._usable_afterwards(params, watch):
            self._denoiser.denoise([GenerateWork(params)], watch)

    def _pictures(self, works: list[GenerateWork], watch: Watch) -> list[Image]:
        """All pictures of all jobs in order. Its own frame: where it fails, the latents go with it."""
        latents = self._denoiser.denoise(works, watch)
        names = [f"seed {seed}" for work in works for seed in work.params.seeds()]
        values = self._vae.decode(latents, names, works[0].params, watch)
        return self._shown(values)

    def _shown(self, values: torch.Tensor) -> list[Image]:
        pictures: list[Image] = self._txt2img.image_processor.postprocess(values, output_type="pil")
        return pictures

    @contextmanager
    def _usable_afterwards(self, params: GenerationParams, watch: Watch) -> Iterator[None]:
        """Whatever happens inside, the next job finds the engine as the plan wants it, and no memory is held."""
        try:
            with self._vae_ready(params, watch):
                yield
        finally:
            self.rest()

    @contextmanager
    def _vae_ready(self, params: GenerationParams, watch: Watch) -> Iterator[None]:
        """The VAE as the plan wants it, whatever the call before gave up; no memory is held where this fails."""
        self._vae.prepare(params, watch)
        try:
            yield
        except Exception as exc:
            forget_frames(exc)
            free_cache()
            raise
        finally:
            self._vae.restore()


#: One shelf a process: models of all folders meet on it.
KIND = EngineKind(load=partial(load, shelf=Shelf()), makes_steps=True, build=toy.build)
