"""A move that does not fit leaves everything where it was."""

import pytest
import torch
from torch import nn

from shared.errors import OutOfVram
from workers.sdxl.placement import held_mib, move


class Remembers(nn.Module):
    """Knows where it was sent; `fits` says whether the card has room for it."""

    def __init__(self, fits: bool) -> None:
        super().__init__()
        self.fits, self.lies_on = fits, "cpu"

    def to(self, device: str, **_: object) -> "Remembers":
        if device == "cuda:0" and not self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.lies_on = device
        return self


def test_a_move_that_does_not_fit_is_undone():
    modules = [Remembers(fits=True), Remembers(fits=False)]

    with pytest.raises(OutOfVram, match="moving to cuda:0"):
        move(modules, "cuda:0", back="cpu")

    assert [module.lies_on for module in modules] == ["cpu", "cpu"]


def test_only_what_lies_on_the_device_is_weighed():
    modules = [nn.Linear(512, 512), nn.Linear(512, 512)]
    both = held_mib(modules, "cpu")
    modules[1].to("meta")

    assert (both, held_mib(modules, "cpu"), held_mib(modules, "cuda:0")) == (3, 2, 0)
