"""Text encoders that wait in host memory: the same pictures, nothing copied back, and nothing of them counted on the card."""

import pytest
import torch

from tests.unit.workers.engines.parts import Watch, levels_apart, toy_card, work
from workers.engines.base import LoadPlan, hosts_encoders
from workers.engines.sdxl import encoder_visits, placement
from workers.engines.sdxl.encoder_visits import visit
from workers.engines.sdxl.engine import load
from workers.engines.torch_tools import host_copy
from workers.engines.torch_tools.host_copy import device_nbytes, host_nbytes

#: A GPU without storage: loading works.
DEVICE = "meta"
HOSTED = LoadPlan(DEVICE, precision="fp16", levers=("encoders_to_host",))


@pytest.fixture
def hosted(toy_folder):
    return load(toy_card(), toy_folder, HOSTED)


def encoders_of(engine) -> list:
    return [getattr(engine._txt2img, name) for name in placement.ENCODERS]


def test_they_wait_in_host_memory_and_the_rest_is_on_the_card(toy_folder, hosted):
    whole = load(toy_card(), toy_folder, LoadPlan(DEVICE, precision="fp16"))
    theirs = host_nbytes(encoders_of(hosted))

    assert device_nbytes(encoders_of(hosted), DEVICE) == 0
    assert theirs > 0
    assert device_nbytes(encoders_of(whole), DEVICE) == theirs
    assert hosted.held_mib() < whole.held_mib()
    assert hosted.host_mib() >= 1


def test_a_visit_brings_both_and_neither_is_copied_back(hosted, monkeypatch):
    encoders = encoders_of(hosted)
    monkeypatch.setattr(host_copy, "on_host", lambda *_, **__: pytest.fail("a weight was copied from the GPU"))

    with visit(encoders, DEVICE):
        inside = device_nbytes(encoders, DEVICE)

    assert inside == host_nbytes(encoders)
    assert device_nbytes(encoders, DEVICE) == 0


def test_a_visit_that_breaks_off_leaves_nothing_on_the_card(hosted):
    encoders = encoders_of(hosted)

    with pytest.raises(torch.OutOfMemoryError), visit(encoders, DEVICE):
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert device_nbytes(encoders, DEVICE) == 0


def test_a_model_that_left_and_came_back_leaves_them_where_they_wait(hosted, monkeypatch):
    monkeypatch.setattr(host_copy, "on_host", lambda tensor, *, pinned: torch.empty_like(tensor, device="cpu"))
    before = hosted.held_mib()

    hosted.to_host()
    away = hosted.held_mib()
    hosted.forget_host()
    hosted.to_device()

    assert (away, hosted.held_mib()) == (0, before)
    assert device_nbytes(encoders_of(hosted), DEVICE) == 0
    assert hosted.host_mib() >= 1


def test_pictures_are_those_of_a_model_whose_encoders_stay(engine, toy_folder, monkeypatch):
    """On a CPU nothing moves, but the visits are made: one for each prompt that is new."""
    for module in (placement, encoder_visits):
        monkeypatch.setattr(module, "hosts_encoders", lambda plan: True)
    visits, came = [], encoder_visits.onto_gpu
    monkeypatch.setattr(encoder_visits, "onto_gpu", lambda *about: visits.append(about) or came(*about))
    hosted = load(toy_card(), toy_folder, LoadPlan(vae_slicing=False, levers=("encoders_to_host",)))

    [[theirs]], [[ours]] = (each.generate([work()], Watch()) for each in (engine, hosted))
    hosted.generate([work(seed=8)], Watch())

    assert levels_apart(ours, theirs) == 0
    assert len(visits) == 2


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (HOSTED, True),
        (LoadPlan("cuda:0", "nf4", levers=("encoders_to_host",)), True),
        (LoadPlan("cuda:0", "fp16"), False),
        (LoadPlan("cuda:0", "fp16", "model", levers=("encoders_to_host",)), False),
        (LoadPlan("cpu", "fp32", levers=("encoders_to_host",)), False),
    ],
)
def test_only_a_model_that_lies_on_a_card_has_them_wait(plan, expected):
    assert hosts_encoders(plan) is expected
