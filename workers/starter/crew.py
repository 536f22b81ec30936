"""Several processes that train one model: each draws its own pictures, all step with the mean of their gradients.

`torchrun` starts them and says in the environment who is who; one process alone is a crew of one.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Crew:
    """This process and its equals. Rank 0 leads: it alone keeps time, writes checkpoints and looks."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def heed(self, numbers: tuple[float, ...]) -> tuple[float, ...]:
        """The leader's numbers; everybody has to ask at the same place."""
        if self.size == 1:
            return numbers
        told = torch.tensor(numbers, dtype=torch.float64)
        dist.broadcast(told, 0)
        return tuple(told.tolist())

    def align(self, modules: nn.Module) -> None:
        """Everybody starts from the leader's weights."""
        if self.size > 1:
            for tensor in modules.state_dict().values():
                dist.broadcast(tensor, 0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by the mean of the crew's, in one exchange."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        parts: tuple[Tensor, ...] = flat.split([gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, parts, strict=True):
            gradient.copy_(mean.view_as(gradient))


@contextmanager
def crew_from_environment(device: str) -> Iterator[Crew]:
    """What `torchrun` says, or this process alone; sets the default device, on several GPUs each rank's own."""
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        torch.set_default_device(device)
        yield Crew()
        return
    torch.set_default_device(f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Crew(rank, size)
    finally:
        dist.destroy_process_group()
