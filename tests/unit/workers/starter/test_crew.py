"""Two processes that train one model take the same steps, those of the mean gradient."""

from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn

from workers.starter.crew import Crew
from workers.starter.loop import Budget, Run, Schedule

STEPS = 3


class Line:
    """Four weights; the gradient of batch `number` is the number itself."""

    def __init__(self, start: float) -> None:
        self.modules: nn.Module = nn.Linear(4, 1, bias=False)
        nn.init.constant_(self.modules.weight, start)
        self.schedule = Schedule(0.1, warmup_steps=1)
        self.ema_decay, self.weight_decay = 0.5, 0.0
        self.vocabulary: dict[str, int] = {}
        self.numbers: list[int] = []

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        self.numbers.append(step)
        return (self.modules.weight * (step - 2.2)).sum(), {}

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        return {}


def _train(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    line = Line(start=float(rank))
    Run(line, Path(folder) / f"run-{rank}", Budget(steps=STEPS), crew=Crew(rank, 2)).train()
    torch.save({"weight": line.modules.weight.detach(), "numbers": line.numbers}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_step_together_on_different_pictures(tmp_path: Path):
    mp.spawn(_train, args=(str(tmp_path),), nprocs=2)
    leader, other = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))

    assert torch.equal(leader["weight"], other["weight"])
    assert (leader["numbers"], other["numbers"]) == ([0, 2, 4], [1, 3, 5])
    assert (tmp_path / "run-0" / "checkpoint.pt").exists()
    assert not (tmp_path / "run-1" / "checkpoint.pt").exists()


def test_the_mean_gradient_is_stepped_along(tmp_path: Path):
    mp.spawn(_train, args=(str(tmp_path),), nprocs=2)
    together = torch.load(tmp_path / "0.pt", weights_only=True)["weight"]
    mean = Line(start=0.0)
    mean.loss = lambda step, progress: ((mean.modules.weight * (2 * step + 0.5 - 2.2)).sum(), {})
    Run(mean, tmp_path / "alone", Budget(steps=STEPS)).train()

    assert torch.allclose(together, mean.modules.weight, atol=1e-6)
