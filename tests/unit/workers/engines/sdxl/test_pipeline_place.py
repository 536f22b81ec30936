"""Where a pipeline's parts lie: a move that does not fit is undone, four bits are made on the GPU, and all is weighed."""

import pytest
import torch
from torch import nn

from shared.errors import OutOfVram
from workers.engines.base import LoadPlan
from workers.engines.sdxl import placement
from workers.engines.sdxl.placement import held_mib, host_mib, move
from workers.engines.torch_tools import host_copy
from workers.engines.torch_tools.host_copy import places_of

DEVICE = "meta"


def lies_on(module: nn.Module) -> set[str]:
    return {place.tensor.device.type for place in places_of(module)}


def test_a_move_that_does_not_fit_is_undone(monkeypatch):
    """The second of two has no room: the first, which had come, leaves again without being copied."""
    modules = [nn.Linear(8, 8), nn.Linear(512, 512)]
    for module in modules:
        host_copy.keep_on_host(module)
    real = host_copy.copied_to

    def only_small_ones(tensor, device):
        if tensor.numel() > 64:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(tensor, device)

    monkeypatch.setattr(host_copy, "copied_to", only_small_ones)
    with pytest.raises(OutOfVram, match=f"moving to {DEVICE}"):
        move(modules, DEVICE, back="cpu")

    assert [lies_on(module) for module in modules] == [{"cpu"}, {"cpu"}]


def test_only_what_lies_on_the_device_is_weighed():
    modules = [nn.Linear(512, 512), nn.Linear(512, 512)]
    both = held_mib(modules, "cpu")
    host_copy.onto_gpu(modules[1], DEVICE)

    assert (both, held_mib(modules, "cpu"), held_mib(modules, "cuda:0")) == (3, 2, 0)
    assert host_mib(modules) == 2


class Pipe:
    """A pipeline of the parts that four bits shrink, and a VAE."""

    def __init__(self) -> None:
        names = (*placement.PACKED_PARTS, "vae")
        self.components = {name: nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64)) for name in names}


@pytest.fixture
def packs_on(monkeypatch) -> list[str]:
    """The devices on which parts were packed; what was packed lies there."""
    devices: list[str] = []

    def quantise(module, *, device, compute_dtype):
        devices.append(device)
        host_copy.onto_gpu(module[0], device)

    monkeypatch.setattr(placement, "quantise_nf4", quantise)
    monkeypatch.setattr(host_copy, "on_host", lambda tensor, pinned: torch.zeros(tensor.shape, dtype=tensor.dtype))
    return devices


@pytest.mark.parametrize(("offload", "afterwards"), [("none", {DEVICE}), ("model", {"cpu"})])
def test_four_bits_are_made_on_the_card_also_for_parts_that_wait_in_host_memory(packs_on, offload, afterwards):
    """On a CPU it took 168 to 227 s."""
    pipe = Pipe()

    placement.place(pipe, LoadPlan(DEVICE, precision="nf4", offload=offload), torch.float16)

    assert packs_on == [DEVICE] * 3
    assert {name: lies_on(part) for name, part in pipe.components.items()} == dict.fromkeys(pipe.components, afterwards)
