"""Workers for the GPUs that torch can use; for those it cannot, a sentence."""

import pytest

from shared.errors import InvalidRequest
from shared.settings import Settings
from workers.devices.snapshot import Snapshot
from workers.supervisor.placing import place

GPUS = [
    Snapshot("GPU-a", "RTX 3060", 0, 12_288, compute_capability=(8, 6)),
    Snapshot("GPU-b", "RTX 2080", 1, 8192, compute_capability=(7, 5)),
]


def placed(tmp_path, refusals: dict[str, str], **settings):
    config = Settings(data_dir=tmp_path, **({"gpus": "all"} | settings))
    return place(config, GPUS, refusal_of=refusals.get)


def test_every_gpu_that_torch_can_use_gets_a_worker(tmp_path):
    slots = placed(tmp_path, {})

    assert [(slot.gpu, slot.note) for slot in slots] == [("GPU-a", ""), ("GPU-b", "")]


def test_a_gpu_that_it_cannot_use_is_left_out_and_named(tmp_path):
    [slot] = placed(tmp_path, {"GPU-b": "no kernel image"})

    assert slot.gpu == "GPU-a"
    assert slot.note == "not used: GPU 1 (RTX 2080): no kernel image"


def test_where_it_can_use_none_the_cpu_works_and_says_why(tmp_path):
    [slot] = placed(tmp_path, {"GPU-a": "a CPU build", "GPU-b": "a CPU build"})

    assert (slot.gpu, slot.device) == ("cpu", "cpu")
    assert "sdxl-toy" in slot.models
    assert slot.note.startswith("works on the CPU, because of GPU 0 (RTX 3060): a CPU build; GPU 1")


def test_a_gpu_that_was_asked_for_by_name_is_not_silently_replaced(tmp_path):
    with pytest.raises(InvalidRequest, match=r"GPU 1 \(RTX 2080\): no kernel image") as caught:
        placed(tmp_path, {"GPU-b": "no kernel image"}, gpus="1")

    assert caught.value.field == "DARKROOM_GPUS"


def test_gpus_that_nobody_wants_are_not_tried(tmp_path):
    asked = []

    place(Settings(data_dir=tmp_path, gpus="none"), GPUS, refusal_of=asked.append)

    assert asked == []
