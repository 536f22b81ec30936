"""What a slot gets of its host: the type of its GPU, its share of the RAM, and an allocator set up for a GPU."""

import pytest

from shared.settings import Settings
from workers.devices.slot import Slot
from workers.devices.snapshot import Snapshot
from workers.supervisor import placing
from workers.supervisor.placing import budget_of, host_cache_mib, place
from workers.supervisor.slot_process import SlotProcess

GPUS = [
    Snapshot(f"GPU-{number}", "NVIDIA GeForce RTX 4090", number, 24_564, compute_capability=(8, 9)) for number in (0, 1)
]


@pytest.fixture
def ram(monkeypatch) -> None:
    """A host with 64 GiB."""
    monkeypatch.setattr(placing, "share_mib", lambda workers: 32_768 // workers)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.mark.usefixtures("ram")
def test_the_workers_of_a_host_share_its_ram(settings):
    assert [slot.host_cache_mib for slot in place(settings, GPUS)] == [16_384, 16_384]
    assert [slot.host_cache_mib for slot in place(settings, GPUS[:1])] == [32_768]


@pytest.mark.usefixtures("ram")
@pytest.mark.parametrize("asked_mib", [0, 5000])
def test_what_is_set_wins_over_the_share(settings, asked_mib):
    assert host_cache_mib(settings.model_copy(update={"host_cache_mib": asked_mib}), 2) == asked_mib


def test_a_slot_and_its_budget_know_the_type_of_gpu(settings):
    slot = place(settings, GPUS)[0]

    assert slot.gpu_type == budget_of(slot, "balanced").gpu_type == "nvidia-geforce-rtx-4090"


def environment(gpu: str, monkeypatch, **given: str) -> dict[str, str]:
    for name in ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    slot = Slot(name="a", gpu=gpu, device="cuda:0", budget_mib=1, total_mib=1)
    process = SlotProcess.__new__(SlotProcess)  # its environment needs no Redis
    process.slot = slot
    return process._environment()


def test_only_the_process_of_a_gpu_gets_the_allocator_of_one(monkeypatch):
    assert "expandable_segments:True" in environment("GPU-a", monkeypatch)["PYTORCH_ALLOC_CONF"]
    assert "PYTORCH_ALLOC_CONF" not in environment("cpu", monkeypatch)


def test_a_users_allocator_stays(monkeypatch):
    theirs = environment("GPU-a", monkeypatch, PYTORCH_CUDA_ALLOC_CONF="backend:cudaMallocAsync")

    assert "PYTORCH_ALLOC_CONF" not in theirs
