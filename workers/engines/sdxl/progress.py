"""Tells a watch how far a batch is, out of diffusers' callbacks.

A batch may need several runs of the pipeline (prompts of different length, or a split for want of memory). Steps are
counted over all of them: `steps` is what is really going to run, and grows when a split adds a run.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from PIL import Image

#: What a job looks like before its first step.
BLANK = (128, 128, 128)

#: Begins a picture of latents; what it returns waits for it (see `previews.begin`).
Preview = Callable[[torch.Tensor], Callable[[], Image.Image]]


class Steps(Protocol):
    """The part of a watch that is needed here."""

    def step(
        self, step: int, steps: int, previews: Callable[[], Callable[[], list[Image.Image]]] | None = None
    ) -> None: ...


class StepReport:
    """The progress of one batch over its runs. `steps`: of one run."""

    def __init__(self, watch: Steps, jobs: int, runs: int, steps: int, preview: Preview) -> None:
        self._watch = watch
        self._steps = steps
        self._preview = preview
        self._runs = runs
        self._finished_runs = 0
        #: Per job the latents of its first picture; None before its first step.
        self._latents: list[torch.Tensor | None] = [None] * jobs

    def run_added(self) -> None:
        self._runs += 1

    def run_finished(self) -> None:
        self._finished_runs += 1

    def callback(self, jobs: Sequence[int]) -> Callable[..., dict[str, Any]]:
        """A `callback_on_step_end` for one run; `jobs` says which job each picture of the run belongs to."""
        first_pictures = {job: place for place, job in reversed(list(enumerate(jobs)))}
        return partial(self._step_ended, first_pictures)

    def _step_ended(
        self, first_pictures: dict[int, int], pipe: Any, index: int, _timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        for job, place in first_pictures.items():
            self._latents[job] = tensors["latents"][place]
        done = self._finished_runs * self._steps + self._steps_of(index + 1, pipe)
        self._watch.step(done, self._runs * self._steps, self._previews)
        return {}

    def _steps_of(self, calls: int, pipe: Any) -> int:
        """Second-order samplers call the model twice a step, but for the last; PNDM calls it once more at the start."""
        order = pipe.scheduler.order
        surplus = -(-pipe.num_timesteps // order) - self._steps
        return min(self._steps, max(1, -(-calls // order) - surplus))

    def _previews(self) -> Callable[[], list[Image.Image]]:
        height, width = next(latents.shape[1:] for latents in self._latents if latents is not None)
        begun = [None if latents is None else self._preview(latents) for latents in self._latents]

        def finish() -> list[Image.Image]:
            blank = Image.new("RGB", (width, height), BLANK)
            return [blank if picture is None else picture() for picture in begun]

        return finish
