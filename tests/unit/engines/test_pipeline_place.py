"""A move that does not fit leaves everything where it was."""

import pytest
import torch

from shared.errors import OutOfVram
from workers.sdxl.placement import held_mib, move


class TwoModules:
    """Moves like a pipeline: one module after the other."""

    def __init__(self) -> None:
        self.components = {"first": torch.nn.Linear(512, 512), "config": None, "second": torch.nn.Linear(512, 512)}


class FullCard:
    """Remembers where its first module lies; the second has no room on the card."""

    def __init__(self) -> None:
        self.first_lies_on = "cpu"

    def to(self, device: str, **_: object) -> None:
        self.first_lies_on = device
        if device == "cuda:0":
            raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_move_that_does_not_fit_is_undone():
    pipe = FullCard()

    with pytest.raises(OutOfVram, match="moving to cuda:0"):
        move(pipe, "cuda:0", back="cpu")

    assert pipe.first_lies_on == "cpu"


def test_only_what_lies_on_the_device_is_weighed():
    pipe = TwoModules()
    both = held_mib(pipe, "cpu")
    pipe.components["second"].to("meta")

    assert (both, held_mib(pipe, "cpu"), held_mib(pipe, "cuda:0")) == (3, 2, 0)
