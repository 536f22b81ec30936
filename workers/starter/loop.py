"""The training loop the starter models share: time-budgeted, resumable, safe to interrupt.

A *trainee* owns the modules and says what the loss of step N is; the loop owns everything else: the optimizer, the
moving average of the weights, the schedule, the log and the checkpoint. All chance comes from the step's number, so a
run that was cut off and goes on is the run that was never cut off (bit for bit under a budget of steps; under a budget
of seconds the schedule follows the clock). In a crew of several processes each takes a number of its own.
"""

import math
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol

import structlog
import torch
from torch import Tensor, nn

from workers.starter.crew import Crew

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Budget:
    """When training ends: after so many steps or so many seconds of training, whichever is set."""

    steps: int | None = None
    seconds: float | None = None

    def progress(self, step: int, spent_s: float) -> float:
        """How much of the budget is used, 0 to 1 and beyond."""
        if self.steps is not None:
            return step / self.steps
        return spent_s / self.seconds if self.seconds else 1.0


@dataclass(frozen=True)
class Schedule:
    """Learning rate over the run: a warm-up, flat until `flat_until` of the budget, then a cosine to `floor`."""

    peak: float
    warmup_steps: int = 60
    flat_until: float = 0.0
    floor: float = 0.02

    def rate(self, step: int, progress: float) -> float:
        warm = min(1.0, (step + 1) / self.warmup_steps)
        if progress <= self.flat_until:
            return self.peak * warm
        turn = min(1.0, (progress - self.flat_until) / (1 - self.flat_until))
        return self.peak * warm * (self.floor + (1 - self.floor) * (0.5 + 0.5 * math.cos(math.pi * turn)))


class Trainee(Protocol):
    """What the loop needs of a model under training."""

    @property
    def modules(self) -> nn.Module:
        """All that is trained."""

    schedule: Schedule
    ema_decay: float
    weight_decay: float

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """What gives tokens their numbers: weights trained with another one read every word as some other."""

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        """The loss of batch number `step`, a pure function of the weights and the number; and numbers for the log."""

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        """Write a sample grid into `folder`, return held-out numbers; called now and then with the averaged weights."""


@dataclass(frozen=True)
class Pace:
    """How often the loop logs, saves and looks; log in steps, the others in seconds of training."""

    log_steps: int = 100
    save_s: float = 60.0
    look_s: float = 300.0


class Run:
    """One training run in a folder: `checkpoint.pt` there is all that a later process needs to go on."""

    def __init__(
        self, trainee: Trainee, folder: Path, budget: Budget, pace: Pace = Pace(), crew: Crew | None = None
    ) -> None:
        self._trainee, self._folder, self._budget, self._pace = trainee, folder, budget, pace
        self._crew = crew or Crew()
        decay, plain = _split_parameters(trainee.modules)
        groups = [{"params": decay, "weight_decay": trainee.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=trainee.schedule.peak, betas=(0.9, 0.99), fused=True)
        self._crew.align(trainee.modules)
        self._average = {k: v.detach().clone() for k, v in trainee.modules.state_dict().items()}
        self.step, self.spent_s, self._stop = 0, 0.0, False
        folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    @property
    def leads(self) -> bool:
        """Whether this process writes what the crew has made."""
        return self._crew.leads

    @property
    def is_done(self) -> bool:
        return self._budget.progress(self.step, self.spent_s) >= 1

    def train(self) -> None:
        """Train until the budget is spent or a signal arrives; either way the checkpoint is written."""
        recent: list[dict[str, float]] = []
        saved_s = looked_s = self.spent_s
        with self._stopping_on_signals():
            while not self._must_end():
                began = time.perf_counter()
                recent.append(self._one_step())
                self.spent_s += time.perf_counter() - began
                if not self._crew.leads:
                    continue
                if self.step % self._pace.log_steps == 0:
                    self._log(recent)
                    recent = []
                if self.spent_s - saved_s > self._pace.save_s:
                    saved_s = self.spent_s
                    self.save()
                if self.spent_s - looked_s > self._pace.look_s:
                    looked_s = self.spent_s
                    self.look()
        if self._crew.leads:
            self.save()
        log.info("training.stopped", step=self.step, spent_s=round(self.spent_s), is_done=self.is_done)

    def _must_end(self) -> bool:
        """Whether the leader has spent the budget or was told to stop; its clock counts for the whole crew."""
        self.spent_s, ends = self._crew.heed((self.spent_s, float(self.is_done or self._stop)))
        return bool(ends)

    def look(self) -> dict[str, float]:
        """Let the trainee judge and sample the averaged weights."""
        with self.averaged() as modules, torch.no_grad():
            numbers = self._trainee.look(modules, self._folder, self.step)
        log.info("training.looked", step=self.step, **{k: round(v, 4) for k, v in numbers.items()})
        return numbers

    @contextmanager
    def averaged(self) -> Iterator[nn.Module]:
        """The trainee's modules with the averaged weights in place, for as long as the block lasts."""
        modules = self._trainee.modules
        raw = {k: v.detach().clone() for k, v in modules.state_dict().items()}
        modules.load_state_dict(self._average)
        modules.eval()
        try:
            yield modules
        finally:
            modules.load_state_dict(raw)
            modules.train()

    def save(self) -> None:
        """Write the checkpoint beside the old one and swap: a kill at any moment leaves one that loads."""
        state = {
            "modules": self._trainee.modules.state_dict(),
            "average": self._average,
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
            "spent_s": self.spent_s,
            "vocabulary": dict(self._trainee.vocabulary),
        }
        path = self._folder / "checkpoint.pt"
        torch.save(state, path.with_suffix(".new"))
        os.replace(path.with_suffix(".new"), path)

    def _resume(self) -> None:
        path = self._folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=torch.get_default_device(), weights_only=True)
        if state.get("vocabulary", {}) != self._trainee.vocabulary:
            raise ValueError(
                f"{path} was trained with other words than the world has now; export it with the code that made it and "
                "start a new run with --from-weights"
            )
        self._trainee.modules.load_state_dict(state["modules"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._average, self.step, self.spent_s = state["average"], state["step"], state["spent_s"]
        log.info("training.resumed", step=self.step, spent_s=round(self.spent_s))

    def _one_step(self) -> dict[str, float]:
        progress = self._budget.progress(self.step, self.spent_s)
        for group in self._optimizer.param_groups:
            group["lr"] = self._trainee.schedule.rate(self.step, progress)
        number = self.step * self._crew.size + self._crew.rank
        torch.manual_seed(number)
        loss, numbers = self._trainee.loss(number, progress)
        loss.backward()
        self._crew.average_gradients(self._trainee.modules.parameters())
        nn.utils.clip_grad_norm_(self._trainee.modules.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.step += 1
        decay = min(self._trainee.ema_decay, (self.step + 1) / (self.step + 10))
        self._blend_average(1 - decay)
        return {"loss": loss.item(), **numbers}

    def _blend_average(self, share: float) -> None:
        current = self._trainee.modules.state_dict()
        names = [k for k, v in current.items() if v.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([self._average[k] for k in names], [current[k] for k in names], share)

    def _log(self, recent: list[dict[str, float]]) -> None:
        progress = self._budget.progress(self.step, self.spent_s)
        means = {name: round(sum(numbers[name] for numbers in recent) / len(recent), 4) for name in recent[0]}
        log.info("training.stepped", step=self.step, spent_s=round(self.spent_s), progress=round(progress, 3), **means)

    @contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stop = True

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _split_parameters(modules: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Matrices, which decay, and vectors (norms, biases), which do not."""
    parameters = [p for p in modules.parameters() if p.requires_grad]
    return [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
