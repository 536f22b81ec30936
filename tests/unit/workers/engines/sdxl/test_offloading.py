"""Parts and layers that visit the GPU: the same pictures, one part at a time, and nothing copied back."""

import pytest
import torch
from diffusers.hooks.group_offloading import ModuleGroup
from torch import nn

from tests.unit.workers.engines.parts import Watch, levels_apart, rings, toy_card, work
from workers.engines.base import LoadPlan
from workers.engines.sdxl import offloading, placement
from workers.engines.sdxl.engine import load
from workers.engines.torch_tools import host_copy
from workers.engines.torch_tools.host_copy import device_nbytes, host_nbytes

DEVICE = "meta"


class Parts:
    """Two parts of three layers, offloaded to a GPU without storage; `seen` is what lay there while each worked."""

    def __init__(self, offload: str) -> None:
        self.first, self.second = (nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(2))
        self.all = [self.first, self.second]
        self.seen: list[int] = []
        for part in self.all:
            part[1].register_forward_hook(lambda *_: self.seen.append(device_nbytes(self.all, DEVICE)))
        offloading.enable(self.all, LoadPlan(DEVICE, precision="fp16", offload=offload))

    def work(self) -> None:
        with torch.no_grad():
            for part in self.all:
                part(torch.ones(1, 64))


@pytest.fixture
def never_copied_back(monkeypatch):
    def copied_back(*args, **kwargs):
        raise AssertionError("a weight was copied from the GPU")

    monkeypatch.setattr(host_copy, "on_host", copied_back)


@pytest.mark.usefixtures("never_copied_back")
def test_one_part_is_on_the_card_at_a_time_and_leaves_without_being_copied():
    parts = Parts("model")
    part_size = host_nbytes([parts.first])

    parts.work()
    offloading.end_visits(parts.all)

    assert parts.seen == [part_size, part_size]
    assert (device_nbytes(parts.all, DEVICE), host_nbytes(parts.all)) == (0, 2 * part_size)


@pytest.mark.usefixtures("never_copied_back")
def test_a_layer_is_on_the_card_only_while_it_works():
    parts = Parts("sequential")

    parts.work()

    assert parts.seen == [0, 0]  # asked between two layers
    assert device_nbytes(parts.all, DEVICE) == 0


@pytest.mark.usefixtures("never_copied_back")
def test_after_a_job_that_broke_nothing_stays_on_the_card():
    parts = Parts("sequential")

    def broken(*_):
        assert device_nbytes(parts.all, DEVICE) > 0
        raise torch.OutOfMemoryError("CUDA out of memory")

    parts.second[2]._old_forward = broken
    with pytest.raises(torch.OutOfMemoryError):
        parts.work()
    offloading.end_visits(parts.all)

    assert device_nbytes(parts.all, DEVICE) == 0


@pytest.mark.parametrize("offload", ["model", "sequential", "group"])
@pytest.mark.parametrize("image", [None, rings()], ids=["txt2img", "img2img"])
def test_pictures_are_those_of_a_model_that_stays(engine, toy_folder, monkeypatch, offload, image):
    """On a CPU nothing moves, but every hook runs."""
    monkeypatch.setattr(placement, "offloads", lambda plan: plan.offload != "none")
    offloaded = load(toy_card(), toy_folder, LoadPlan(offload=offload, vae_slicing=False))

    [[theirs]], [[ours]] = (each.generate([work(image)], Watch()) for each in (engine, offloaded))

    assert levels_apart(ours, theirs) == 0


def test_with_streams_the_vae_stays_and_every_layer_of_the_others_visits(toy_folder, monkeypatch):
    """On a CPU nothing moves. A pass that broke off may leave a layer there, and the next one that was copied ahead."""
    monkeypatch.setattr(placement, "offloads", lambda plan: plan.offload != "none")
    plan = LoadPlan(offload="group")
    engine = load(toy_card(), toy_folder, plan)
    parts, left = placement.modules_of(engine._txt2img), []
    monkeypatch.setattr(ModuleGroup, "offload_", lambda group: left.append(group))

    engine.rest()

    groups = {
        name: [g for layer in part.modules() if (g := offloading._group_of(layer))] for name, part in parts.items()
    }
    assert placement.staying(engine._txt2img, plan) == [parts["vae"]]
    assert groups["vae"] == []
    assert all(groups[name] for name in ("unet", "text_encoder", "text_encoder_2"))
    assert left == [group for name in parts for group in groups[name]]
    visiting = {id(w) for g in left for m in g.modules for w in m.parameters()} | {
        id(w) for g in left for w in g.parameters
    }
    assert all(id(weight) in visiting for name in ("unet", "text_encoder") for weight in parts[name].parameters())


def test_an_offloaded_model_counts_in_host_memory_and_not_on_the_card(toy_folder):
    engine = load(toy_card(), toy_folder, LoadPlan(DEVICE, precision="fp16", offload="model"))

    assert engine.held_mib() == 0
    assert engine.host_mib() >= 4
    engine.forget_host()
    assert engine.host_mib() >= 4
    engine.to_host()
    engine.to_device()
    assert engine.held_mib() == 0
