"""A GPU that is cut is its slices."""

import pytest

from shared.errors import InvalidRequest
from tests.unit.workers.devices.test_gpu import FakeGpu, FakeNvml
from workers.devices.gpu import choose, list_gpus, snapshot
from workers.devices.snapshot import GpuProcess


@pytest.fixture
def nvml():
    return FakeNvml([FakeGpu("GPU-aaaa-1"), FakeGpu("GPU-bbbb-2", total_mib=8192, free_mib=8000)])


def test_a_gpu_that_is_cut_is_listed_as_its_slices_with_their_own_memory(nvml):
    first = FakeGpu("MIG-1", "A100 MIG 2g.10gb", total_mib=9984, free_mib=9900, processes=[(7, 50)])
    third = FakeGpu("MIG-3", "A100 MIG 1g.5gb", total_mib=4864, free_mib=4800)
    nvml.gpus[0].slices = [first, None, third]

    found = list_gpus(nvml)

    assert [(gpu.uuid, gpu.label, gpu.total_mib) for gpu in found] == [
        ("MIG-1", "0:0", 9984),
        ("MIG-3", "0:2", 4864),
        ("GPU-bbbb-2", "1", 8192),
    ]
    assert found[0].processes == (GpuProcess(7, 50),)
    assert found[0].has_bf16
    assert snapshot("MIG-3", nvml) == found[1]
    assert [gpu.uuid for gpu in choose(found, "0:2,1")] == ["MIG-3", "GPU-bbbb-2"]


def test_a_whole_gpu_that_is_cut_cannot_be_chosen(nvml):
    nvml.gpus[0].slices = [FakeGpu("MIG-1", total_mib=9984)]

    with pytest.raises(InvalidRequest, match="0:0 = MIG-1"):
        choose(list_gpus(nvml), "0")
