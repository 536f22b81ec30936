"""Off the GPU and back, with torch's storage-less `meta` device as the GPU."""

import pytest
import torch
from torch import nn

from workers.engines.torch_tools import host_copy
from workers.engines.torch_tools.host_copy import (
    device_nbytes,
    forget,
    host_nbytes,
    keep_on_host,
    off_gpu,
    onto_gpu,
    places_of,
)
from workers.engines.torch_tools.precision import packed_linear

DEVICE = "meta"
MIB = 2**20
#: Two linears of 1 MiB and 256 bytes of bias each, and a buffer.
SIZE = 2 * (MIB + 2048) + 400


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(512, 512), nn.Linear(512, 512)
        self.register_buffer("steps", torch.arange(100.0))


class Copier:
    """Reads from the GPU, which `meta` cannot; counts, and may have no room."""

    def __init__(self) -> None:
        self.copies, self.pinned, self.fails_at = 0, 0, None

    def __call__(self, tensor: torch.Tensor, *, pinned: bool) -> torch.Tensor:
        self.copies += 1
        self.pinned += pinned
        if self.copies == self.fails_at:
            raise MemoryError("no RAM")
        return torch.zeros(tensor.shape, dtype=tensor.dtype)


@pytest.fixture
def copier(monkeypatch) -> Copier:
    made = Copier()
    monkeypatch.setattr(host_copy, "on_host", made)
    return made


@pytest.fixture
def net() -> Net:
    return Net()


def lies_on(module: nn.Module) -> set[str]:
    return {place.tensor.device.type for place in places_of(module)}


def test_a_module_is_copied_off_the_card_once_and_only_dropped_after_that(net, copier):
    onto_gpu(net, DEVICE)

    for _ in range(3):
        off_gpu(net)
        assert lies_on(net) == {"cpu"}
        onto_gpu(net, DEVICE)

    assert copier.copies == len(list(places_of(net)))


def test_coming_back_leaves_the_copy_and_its_memory_is_counted(net, copier):
    onto_gpu(net, DEVICE)
    assert host_nbytes([net]) == 0
    off_gpu(net)

    onto_gpu(net, DEVICE)

    assert (host_nbytes([net]), device_nbytes([net], DEVICE)) == (SIZE, SIZE)


def test_weights_are_the_same_after_every_way(net):
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    keep_on_host(net)

    onto_gpu(net, DEVICE)
    off_gpu(net)

    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_a_copy_that_breaks_off_leaves_everything_on_the_card(net, copier):
    onto_gpu(net, DEVICE)
    copier.fails_at = 3

    with pytest.raises(MemoryError):
        off_gpu(net)

    assert lies_on(net) == {DEVICE}
    assert host_nbytes([net]) == 0


def test_a_card_without_room_leaves_everything_in_host_memory(net, monkeypatch):
    real, calls = host_copy.copied_to, []

    def short(tensor, device):
        calls.append(tensor)
        if len(calls) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(tensor, device)

    monkeypatch.setattr(host_copy, "copied_to", short)

    with pytest.raises(torch.OutOfMemoryError):
        onto_gpu(net, DEVICE)

    assert lies_on(net) == {"cpu"}


def test_a_host_without_room_refuses_with_numbers(net, monkeypatch):
    onto_gpu(net, DEVICE)
    monkeypatch.setattr(host_copy.host_ram, "available_mib", lambda: 1000)

    with pytest.raises(MemoryError, match="2 MiB of weights, 1,000 MiB of RAM"):
        off_gpu(net)

    assert lies_on(net) == {DEVICE}


def test_a_copy_can_be_given_up_only_while_the_card_has_the_weights(net, copier):
    onto_gpu(net, DEVICE)
    off_gpu(net)
    forget(net)
    assert lies_on(net) == {"cpu"}
    onto_gpu(net, DEVICE)
    assert host_nbytes([net]) == SIZE

    forget(net)

    assert host_nbytes([net]) == 0


class Host:
    """A host with a GPU and so much free RAM, where page-locking may fail."""

    def __init__(self, monkeypatch, *, available_mib=64_000, is_wsl=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(host_copy.host_ram, "available_mib", lambda: available_mib)
        monkeypatch.setattr(host_copy.host_ram, "pins_badly", lambda: is_wsl)


def test_copies_are_page_locked_where_there_is_plenty(net, copier, monkeypatch):
    Host(monkeypatch)
    onto_gpu(net, DEVICE)

    off_gpu(net)

    assert copier.pinned == copier.copies > 0


@pytest.mark.parametrize("host", [{"available_mib": 1030}, {"is_wsl": True}])
def test_nothing_is_page_locked_where_that_is_scarce(copier, monkeypatch, host):
    Host(monkeypatch, **host)
    net = nn.Linear(12_000, 12_000, device=DEVICE) if "available_mib" in host else Net().to(DEVICE)
    monkeypatch.setattr(host_copy.host_ram, "HEADROOM_MIB", 0)

    off_gpu(net)

    assert (copier.pinned, copier.copies > 0) == (0, True)


def test_where_no_more_can_be_page_locked_ordinary_memory_does(monkeypatch):
    def refused(*args, **kwargs):
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(torch, "empty_like", refused)
    weights = torch.ones(3)

    assert torch.equal(host_copy.on_host(weights, pinned=True), weights)


def test_the_scales_of_four_bit_weights_move_and_are_weighed(copier):
    packed = nn.Sequential(packed_linear(nn.Linear(256, 256), torch.device("cpu"), torch.float32, False))
    state = packed[0].weight.quant_state
    weights = packed[0].weight.nbytes + packed[0].bias.nbytes

    onto_gpu(packed, DEVICE)

    assert state.absmax.device.type == DEVICE
    assert device_nbytes([packed], DEVICE) == weights + state.absmax.nbytes + state.code.nbytes
    off_gpu(packed)
    assert packed[0].weight.quant_state.absmax.device.type == "cpu"
    assert packed[0].weight.quant_type == "nf4"


def test_a_part_that_two_names_share_is_moved_once(copier):
    net = Net()
    net.other = net.one

    onto_gpu(net, DEVICE)

    assert device_nbytes([net], DEVICE) == SIZE - MIB - 2048
