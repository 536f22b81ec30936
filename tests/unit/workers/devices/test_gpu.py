"""Driver facts from a small driver of our own: two GPUs, one of which answers only what it must."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import psutil
import pytest

from shared.errors import InvalidRequest
from workers.devices import gpu as gpus_here
from workers.devices.gpu import choose, cpu_device, list_gpus, open_driver, snapshot
from workers.devices.snapshot import GpuProcess, Snapshot

MIB = 2**20


class NVMLError(Exception):
    """Like pynvml's."""


class NVMLLibraryMismatchError(Exception):
    """Like pynvml's, which is no kin of the other."""


@dataclass
class FakeGpu:
    uuid: str
    name: str = "NVIDIA GeForce RTX 3060"
    total_mib: int = 12_288
    free_mib: int = 11_000
    is_talkative: bool = True
    is_lost: bool = False
    processes: list[tuple[int, int | None]] = field(default_factory=list)
    #: MIG slices by place; None: an empty place. None for all: MIG is off.
    slices: "list[FakeGpu | None] | None" = None
    is_mismatched: bool = False


@dataclass
class FakeNvml:
    """The functions of pynvml that are used, over plain data."""

    gpus: list[FakeGpu]
    has_driver: bool = True
    opened: int = 0
    NVMLError = NVMLError
    NVMLLibraryMismatchError = NVMLLibraryMismatchError

    def nvmlInit(self):
        if not self.has_driver:
            raise NVMLError("NVML Shared Library Not Found")
        self.opened += 1

    def nvmlShutdown(self):
        self.opened -= 1

    def nvmlDeviceGetCount(self):
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):
        if self.gpus[index].is_lost:
            raise NVMLError("GPU is lost")
        return self.gpus[index]

    def nvmlDeviceGetHandleByUUID(self, uuid):
        found = [gpu for gpu in self.gpus if gpu.uuid == uuid and not gpu.is_lost]
        if not found:
            raise NVMLError("Not Found")
        return found[0]

    def nvmlDeviceGetMigMode(self, gpu):
        if gpu.slices is None:
            raise NVMLError("Not Supported")
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, gpu):
        return len(gpu.slices)

    def nvmlDeviceGetMigDeviceHandleByIndex(self, gpu, number):
        if gpu.slices[number] is None:
            raise NVMLError("Not Found")
        return gpu.slices[number]

    def nvmlDeviceGetIndex(self, gpu):
        return self.gpus.index(gpu)

    def nvmlDeviceGetUUID(self, gpu):
        return gpu.uuid

    def nvmlDeviceGetName(self, gpu):
        return gpu.name.encode()  # older bindings give bytes

    def nvmlDeviceGetMemoryInfo(self, gpu):
        return SimpleNamespace(total=gpu.total_mib * MIB, free=gpu.free_mib * MIB, used=0)

    def nvmlSystemGetDriverVersion(self):
        return "580.65"

    def nvmlDeviceGetCudaComputeCapability(self, gpu):
        return (8, 6)

    def nvmlDeviceGetTemperature(self, gpu, sensor):
        return self._answer(gpu, 61)

    def nvmlDeviceGetPowerUsage(self, gpu):
        return self._answer(gpu, 142_500)

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu):
        return self._answer(gpu, 9_000_500)

    def nvmlDeviceGetUtilizationRates(self, gpu):
        return self._answer(gpu, SimpleNamespace(gpu=87, memory=40))

    def nvmlDeviceGetComputeRunningProcesses(self, gpu):
        if gpu.is_mismatched:
            raise NVMLLibraryMismatchError("Unversioned function called")
        listed = [SimpleNamespace(pid=p, usedGpuMemory=u and u * MIB) for p, u in gpu.processes]
        return self._answer(gpu, listed)

    def nvmlDeviceGetGraphicsRunningProcesses(self, gpu):
        return self.nvmlDeviceGetComputeRunningProcesses(gpu)[:1]

    def _answer(self, gpu, answer):
        if not gpu.is_talkative:
            raise NVMLError("Not Supported")
        return answer


@pytest.fixture
def nvml():
    talkative = FakeGpu("GPU-aaaa-1", processes=[(10, 900), (11, 300)])
    return FakeNvml([talkative, FakeGpu("GPU-bbbb-2", total_mib=8192, free_mib=8000, is_talkative=False)])


def test_a_gpu_is_read_with_its_units(nvml):
    gpu = list_gpus(nvml)[0]

    assert gpu == Snapshot(
        uuid="GPU-aaaa-1",
        name="NVIDIA GeForce RTX 3060",
        index=0,
        total_mib=12_288,
        used_mib=1288,
        temperature_c=61,
        power_w=142.5,
        utilisation_percent=87,
        energy_j=9000.5,
        processes=(GpuProcess(10, 900), GpuProcess(11, 300)),
        driver="580.65",
        compute_capability=(8, 6),
    )


def test_what_the_driver_does_not_tell_is_unknown_and_the_rest_still_counts(nvml):
    quiet = list_gpus(nvml)[1]

    assert (quiet.total_mib, quiet.used_mib, quiet.driver) == (8192, 192, "580.65")
    assert quiet.temperature_c is quiet.power_w is quiet.energy_j is quiet.utilisation_percent is None
    assert quiet.processes == ()


def test_a_gpu_that_fell_off_the_bus_is_left_out_and_the_others_stay(nvml):
    nvml.gpus[0].is_lost = True

    assert [gpu.uuid for gpu in list_gpus(nvml)] == ["GPU-bbbb-2"]
    assert snapshot("GPU-aaaa-1", nvml) is None


def test_a_binding_of_another_version_than_the_driver_costs_only_what_it_cannot_tell(nvml):
    nvml.gpus[0].is_mismatched = True

    gpu = list_gpus(nvml)[0]

    assert (gpu.uuid, gpu.used_mib, gpu.processes) == ("GPU-aaaa-1", 1288, ())


def test_without_a_driver_there_are_no_gpus(nvml):
    nvml.has_driver = False

    assert open_driver(nvml) is None
    assert list_gpus(nvml) == []
    assert snapshot("GPU-aaaa-1", nvml) is None


def test_every_look_closes_the_driver_again(nvml):
    list_gpus(nvml)
    snapshot("GPU-aaaa-1", nvml)
    snapshot("GPU-none", nvml)

    assert nvml.opened == 0


def test_this_machine_answers_one_way_or_the_other():
    """The real library, whatever is here."""
    for gpu in list_gpus():
        assert gpu.total_mib > 0
        assert snapshot(gpu.uuid).uuid == gpu.uuid


def test_a_process_is_listed_once_even_if_it_computes_and_draws(nvml):
    assert [process.pid for process in list_gpus(nvml)[0].processes] == [10, 11]


def test_memory_that_no_process_owns_is_a_ghost(nvml):
    assert list_gpus(nvml)[0].unaccounted_mib == 88


def test_ghost_memory_is_unknown_where_processes_are_hidden(nvml):
    nvml.gpus[0].processes = [(10, None)]

    assert [gpu.unaccounted_mib for gpu in list_gpus(nvml)] == [None, None]


def test_facts_are_what_a_worker_reports(nvml):
    facts = list_gpus(nvml)[0].facts()

    assert (facts.uuid, facts.total_mib, facts.used_mib, facts.power_w) == ("GPU-aaaa-1", 12_288, 1288, 142.5)


def test_the_cpu_is_a_gpu_whose_memory_is_a_share_of_ram():
    whole, half = cpu_device(), cpu_device(1, shares=2)

    assert whole.is_cpu
    assert whole.total_mib <= psutil.virtual_memory().total // MIB
    assert half.total_mib == pytest.approx(whole.total_mib / 2, abs=1)
    assert snapshot("cpu-1").uuid == half.uuid == "cpu-1"


def test_a_containers_limit_is_the_cpus_memory(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    limit.write_text(f"{1024 * MIB}\n")
    monkeypatch.setattr(gpus_here, "CGROUP_LIMITS", (limit, tmp_path / "missing"))

    cpu = cpu_device()

    assert cpu.total_mib == 1024
    assert cpu.used_mib is None


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("all", ["GPU-aaaa-1", "GPU-bbbb-2"]),
        ("none", []),
        ("1", ["GPU-bbbb-2"]),
        ("1,0", ["GPU-bbbb-2", "GPU-aaaa-1"]),
        ("GPU-aaaa", ["GPU-aaaa-1"]),
        ("0, GPU-aaaa-1", ["GPU-aaaa-1"]),
    ],
)
def test_gpus_are_chosen_by_index_uuid_or_its_beginning(nvml, wanted, chosen):
    assert [gpu.uuid for gpu in choose(list_gpus(nvml), wanted)] == chosen


@pytest.mark.parametrize("wanted", ["7", "GPU-", "GPU-cccc", "0,,1"])
def test_a_choice_that_is_no_single_gpu_is_refused_with_the_gpus_that_are_here(nvml, wanted):
    with pytest.raises(InvalidRequest, match="GPU-aaaa-1"):
        choose(list_gpus(nvml), wanted)
