"""A worker leaves its card to a foreign program and comes back, over a driver of our own."""

from dataclasses import dataclass, field

import pytest

from tests.unit.workers.devices.test_gpu import FakeCard, FakeNvml
from workers.control.giving_way import GivingWay, ours_mib
from workers.control.queue_order import Reads
from workers.control.yielding import CALM_S, PATIENCE_S
from workers.devices import gpu
from workers.devices.gpu import GpuProcess, Snapshot

OURS, THEIRS = 100, 200


@dataclass
class Orders:
    """Orders that are carried out when the test says so."""

    sent: int = 0
    done: bool = False

    def unload_all(self) -> str:
        self.sent += 1
        return "an order"

    def is_done(self, order_id: str) -> bool:
        return self.done


@dataclass
class Worker:
    """A 12 GB card with our child on it, watched every two seconds."""

    orders: Orders = field(default_factory=Orders)
    reads: list[Reads] = field(default_factory=list)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.card = FakeCard("GPU-a")
        driver = gpu.Driver(FakeNvml([self.card]))
        self.hold(ours_mib=8000, theirs_mib=0)
        self.manners = GivingWay(
            card=lambda: driver.snapshot("GPU-a"),
            children=lambda: [OURS],
            usable_mib=10_500,
            orders=self.orders,
            limit_reading=self.reads.append,
            clock_s=lambda: self.now_s,
        )

    def hold(self, *, ours_mib: int, theirs_mib: int) -> None:
        self.card.free_mib = self.card.total_mib - ours_mib - theirs_mib
        self.card.processes = [(OURS, ours_mib), (THEIRS, theirs_mib)]

    def watch(self, seconds: float) -> None:
        for _ in range(int(seconds // 2) + 1):
            self.manners.look()
            self.now_s += 2


@pytest.fixture
def crowded() -> Worker:
    worker = Worker()
    worker.hold(ours_mib=8000, theirs_mib=4000)
    worker.watch(PATIENCE_S + 2)
    return worker


def test_with_nobody_else_on_the_card_nothing_happens():
    worker = Worker()

    worker.watch(100)

    assert (worker.manners.has_yielded, worker.orders.sent, worker.reads) == (False, 0, [])


def test_on_a_lasting_shortage_the_worker_unloads_once_and_reads_only_orders(crowded):
    crowded.watch(20)

    assert crowded.manners.has_yielded
    assert (crowded.orders.sent, crowded.reads) == (1, [Reads.ORDERS])


def test_once_unloaded_it_reads_nothing(crowded):
    crowded.orders.done = True

    crowded.watch(4)

    assert crowded.reads == [Reads.ORDERS, Reads.NOTHING]


def test_it_comes_back_when_the_room_has_been_there_for_a_while(crowded):
    crowded.orders.done = True
    crowded.hold(ours_mib=500, theirs_mib=0)

    crowded.watch(CALM_S - 4)
    assert crowded.manners.has_yielded
    crowded.watch(6)

    assert not crowded.manners.has_yielded
    assert crowded.reads[-1] is Reads.ALL


def test_in_a_container_a_worker_does_not_give_way_to_itself():
    worker = Worker()
    # The driver lists our own child under its pid on the host.
    worker.card.free_mib, worker.card.processes = 2000, [(48_213, 10_000)]

    worker.watch(PATIENCE_S + CALM_S)

    assert (worker.manners.has_yielded, worker.orders.sent, worker.reads) == (False, 0, [])


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        ((GpuProcess(OURS, 700), GpuProcess(THEIRS, 9)), 700),
        ((GpuProcess(THEIRS, 9),), None),
        ((GpuProcess(OURS, None),), None),
        ((), None),
    ],
    ids=["listed", "only pids that are not ours", "without its memory", "hidden"],
)
def test_what_is_ours_is_only_what_the_driver_lists(processes, expected):
    assert ours_mib(Snapshot("GPU-a", "card", 0, 12_288, used_mib=800, processes=processes), [OURS]) == expected
