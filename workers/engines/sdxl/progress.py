"""Tells a watch how far a call is, and shows it: latents → a small picture.

Samples that cannot share a pass (prompts of different length) go in groups, one after the other. Steps are counted over
all groups: `steps` is what is really going to run.

A preview is made without the VAE. SDXL's four latent channels are, roughly, light, cyan–red, lime–purple and pattern; a
linear mix of them looks like the picture at an eighth of its size and costs nothing. The factors and the reading of the
channels are those of Timothy Alexis Vass, "Explaining the SDXL latent space" (Hugging Face blog, 2023), which diffusers'
documentation on pipeline callbacks uses too. Models with other weights (toys) give some four-channel picture, good enough
to see it change.

A step must not wait for it: the latents are copied into pinned memory behind the work that is queued on the GPU, and
whoever finishes the picture, on another thread, waits for the copy.
"""

from collections.abc import Callable, Sequence

import torch
from PIL import Image

from workers.engines.base import Watch
from workers.engines.sdxl.samples import Sample

#: Rows R, G, B; columns the latent channels. In levels of 255 per unit of latent.
RGB_FACTORS = ((60.0, -60.0, 25.0, -70.0), (60.0, -5.0, 15.0, -50.0), (60.0, 10.0, -5.0, -35.0))
#: Levels of 255 where all latents are 0.
RGB_BIAS = (150.0, 140.0, 130.0)
#: What a job looks like before its first step.
BLANK = (128, 128, 128)


class StepReport:
    """The progress of one call of the engine. Its groups of samples go one after the other.

    Args:
        jobs: whose pictures these are, by their numbers from 0.
        steps: per group, those of its longest sample.
    """

    def __init__(self, watch: Watch, jobs: int, steps: Sequence[int]) -> None:
        self._watch = watch
        self._steps = sum(steps)
        self._finished = 0
        #: Per job the latents of its first picture; None before its first step.
        self._latents: list[torch.Tensor | None] = [None] * jobs

    def passed(self, samples: Sequence[tuple[int, Sample]]) -> None:
        """One round of passes is done. Raises a `Signal` when nobody wants the rest.

        Args:
            samples: of the group that goes now, in order, each with its job's number.
        """
        for job, sample in reversed(samples):
            self._latents[job] = sample.latents[0]
        longest = max((sample for _, sample in samples), key=lambda sample: sample.calls_left)
        self._watch.step(self._finished + longest.step, self._steps, self._previews)

    def finished(self, steps: int) -> None:
        """A group is done."""
        self._finished += steps

    def _previews(self) -> Callable[[], list[Image.Image]]:
        height, width = next(latents.shape[1:] for latents in self._latents if latents is not None)
        begun = [None if latents is None else begin_preview(latents) for latents in self._latents]

        def finish() -> list[Image.Image]:
            blank = Image.new("RGB", (width, height), BLANK)
            return [blank if picture is None else picture() for picture in begun]

        return finish


def begin_preview(latents: torch.Tensor) -> Callable[[], Image.Image]:
    """Begin one picture of width/8 × height/8 pixels; what is returned finishes it and may be called on any thread.

    Args:
        latents: (4, height/8, width/8), any device and precision, scaled as the UNet sees them. They may change once this
            returns.
    """
    latents = latents.detach()
    if latents.device.type != "cuda":
        copy = latents.to("cpu", copy=True)
        return lambda: drawn(copy)
    copy = torch.empty(latents.shape, dtype=latents.dtype, pin_memory=True)
    copy.copy_(latents, non_blocking=True)
    # Blocking: the thread that waits for it sleeps instead of spinning on a core.
    copied = torch.cuda.Event(blocking=True)
    copied.record()

    def finish() -> Image.Image:
        copied.synchronize()
        return drawn(copy)

    return finish


def drawn(latents: torch.Tensor) -> Image.Image:
    """The picture of latents in host memory."""
    mix = torch.einsum("chw,rc->hwr", latents.float(), torch.tensor(RGB_FACTORS)) + torch.tensor(RGB_BIAS)
    levels = torch.nan_to_num(mix).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(levels.numpy())
