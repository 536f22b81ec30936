"""Driver facts from a small driver of our own: two cards, one of which answers only what it must."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import psutil
import pytest

from shared.errors import InvalidRequest
from workers.devices import gpu
from workers.devices.gpu import GpuProcess, Snapshot, choose, cpu_device, list_gpus, open_driver, snapshot

MIB = 2**20


class NVMLError(Exception):
    """Like pynvml's."""


class NVMLLibraryMismatchError(Exception):
    """Like pynvml's, which is no kin of the other."""


@dataclass
class FakeCard:
    uuid: str
    name: str = "NVIDIA GeForce RTX 3060"
    total_mib: int = 12_288
    free_mib: int = 11_000
    is_talkative: bool = True
    is_lost: bool = False
    processes: list[tuple[int, int | None]] = field(default_factory=list)
    #: MIG slices by place; None: an empty place. None for all: MIG is off.
    slices: "list[FakeCard | None] | None" = None
    is_mismatched: bool = False


@dataclass
class FakeNvml:
    """The functions of pynvml that are used, over plain data."""

    cards: list[FakeCard]
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
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index):
        if self.cards[index].is_lost:
            raise NVMLError("GPU is lost")
        return self.cards[index]

    def nvmlDeviceGetHandleByUUID(self, uuid):
        found = [card for card in self.cards if card.uuid == uuid and not card.is_lost]
        if not found:
            raise NVMLError("Not Found")
        return found[0]

    def nvmlDeviceGetMigMode(self, card):
        if card.slices is None:
            raise NVMLError("Not Supported")
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, card):
        return len(card.slices)

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card, number):
        if card.slices[number] is None:
            raise NVMLError("Not Found")
        return card.slices[number]

    def nvmlDeviceGetIndex(self, card):
        return self.cards.index(card)

    def nvmlDeviceGetUUID(self, card):
        return card.uuid

    def nvmlDeviceGetName(self, card):
        return card.name.encode()  # older bindings give bytes

    def nvmlDeviceGetMemoryInfo(self, card):
        return SimpleNamespace(total=card.total_mib * MIB, free=card.free_mib * MIB, used=0)

    def nvmlSystemGetDriverVersion(self):
        return "580.65"

    def nvmlDeviceGetCudaComputeCapability(self, card):
        return (8, 6)

    def nvmlDeviceGetTemperature(self, card, sensor):
        return self._answer(card, 61)

    def nvmlDeviceGetPowerUsage(self, card):
        return self._answer(card, 142_500)

    def nvmlDeviceGetTotalEnergyConsumption(self, card):
        return self._answer(card, 9_000_500)

    def nvmlDeviceGetUtilizationRates(self, card):
        return self._answer(card, SimpleNamespace(gpu=87, memory=40))

    def nvmlDeviceGetComputeRunningProcesses(self, card):
        if card.is_mismatched:
            raise NVMLLibraryMismatchError("Unversioned function called")
        listed = [SimpleNamespace(pid=p, usedGpuMemory=u and u * MIB) for p, u in card.processes]
        return self._answer(card, listed)

    def nvmlDeviceGetGraphicsRunningProcesses(self, card):
        return self.nvmlDeviceGetComputeRunningProcesses(card)[:1]

    def _answer(self, card, answer):
        if not card.is_talkative:
            raise NVMLError("Not Supported")
        return answer


@pytest.fixture
def nvml():
    talkative = FakeCard("GPU-aaaa-1", processes=[(10, 900), (11, 300)])
    return FakeNvml([talkative, FakeCard("GPU-bbbb-2", total_mib=8192, free_mib=8000, is_talkative=False)])


def test_a_card_is_read_with_its_units(nvml):
    card = list_gpus(nvml)[0]

    assert card == Snapshot(
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


def test_a_card_that_fell_off_the_bus_is_left_out_and_the_others_stay(nvml):
    nvml.cards[0].is_lost = True

    assert [card.uuid for card in list_gpus(nvml)] == ["GPU-bbbb-2"]
    assert snapshot("GPU-aaaa-1", nvml) is None


def test_a_card_that_is_cut_is_listed_as_its_slices_with_their_own_memory(nvml):
    first = FakeCard("MIG-1", "A100 MIG 2g.10gb", total_mib=9984, free_mib=9900, processes=[(7, 50)])
    third = FakeCard("MIG-3", "A100 MIG 1g.5gb", total_mib=4864, free_mib=4800)
    nvml.cards[0].slices = [first, None, third]

    found = list_gpus(nvml)

    assert [(card.uuid, card.label, card.total_mib) for card in found] == [
        ("MIG-1", "0:0", 9984),
        ("MIG-3", "0:2", 4864),
        ("GPU-bbbb-2", "1", 8192),
    ]
    assert found[0].processes == (GpuProcess(7, 50),)
    assert found[0].has_bf16
    assert snapshot("MIG-3", nvml) == found[1]
    assert [card.uuid for card in choose(found, "0:2,1")] == ["MIG-3", "GPU-bbbb-2"]


def test_a_whole_card_that_is_cut_cannot_be_chosen(nvml):
    nvml.cards[0].slices = [FakeCard("MIG-1", total_mib=9984)]

    with pytest.raises(InvalidRequest, match="0:0 = MIG-1"):
        choose(list_gpus(nvml), "0")


def test_a_binding_of_another_version_than_the_driver_costs_only_what_it_cannot_tell(nvml):
    nvml.cards[0].is_mismatched = True

    card = list_gpus(nvml)[0]

    assert (card.uuid, card.used_mib, card.processes) == ("GPU-aaaa-1", 1288, ())


def test_without_a_driver_there_are_no_cards(nvml):
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
    for card in list_gpus():
        assert card.total_mib > 0
        assert snapshot(card.uuid).uuid == card.uuid


def test_a_process_is_listed_once_even_if_it_computes_and_draws(nvml):
    assert [process.pid for process in list_gpus(nvml)[0].processes] == [10, 11]


def test_memory_that_no_process_owns_is_a_ghost(nvml):
    assert list_gpus(nvml)[0].unaccounted_mib == 88


def test_ghost_memory_is_unknown_where_processes_are_hidden(nvml):
    nvml.cards[0].processes = [(10, None)]

    assert [card.unaccounted_mib for card in list_gpus(nvml)] == [None, None]


def test_facts_are_what_a_worker_reports(nvml):
    facts = list_gpus(nvml)[0].facts()

    assert (facts.uuid, facts.total_mib, facts.used_mib, facts.power_w) == ("GPU-aaaa-1", 12_288, 1288, 142.5)


def test_bf16_needs_an_ampere_or_newer():
    turing = Snapshot("GPU-x", "RTX 2080", 0, 8192, compute_capability=(7, 5))
    ampere = Snapshot("GPU-y", "RTX 3060", 0, 12_288, compute_capability=(8, 6))

    assert not turing.has_bf16
    assert ampere.has_bf16


def test_the_cpu_is_a_card_whose_memory_is_a_share_of_ram():
    whole, half = cpu_device(), cpu_device(1, shares=2)

    assert whole.is_cpu
    assert whole.total_mib <= psutil.virtual_memory().total // MIB
    assert half.total_mib == pytest.approx(whole.total_mib / 2, abs=1)
    assert snapshot("cpu-1").uuid == half.uuid == "cpu-1"


def test_a_containers_limit_is_the_cpus_memory(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    limit.write_text(f"{1024 * MIB}\n")
    monkeypatch.setattr(gpu, "CGROUP_LIMITS", (limit, tmp_path / "missing"))

    card = cpu_device()

    assert card.total_mib == 1024
    assert card.used_mib is None


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
def test_cards_are_chosen_by_index_uuid_or_its_beginning(nvml, wanted, chosen):
    assert [card.uuid for card in choose(list_gpus(nvml), wanted)] == chosen


@pytest.mark.parametrize("wanted", ["7", "GPU-", "GPU-cccc", "0,,1"])
def test_a_choice_that_is_no_single_card_is_refused_with_the_cards_that_are_here(nvml, wanted):
    with pytest.raises(InvalidRequest, match="GPU-aaaa-1"):
        choose(list_gpus(nvml), wanted)
