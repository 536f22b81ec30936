"""A worker leaves its GPU to a foreign program and comes back: the decision, and then over a driver of our own."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RedisUnavailable
from tests.unit.workers.devices.test_gpu import FakeGpu, FakeNvml
from workers.control.queue_order import Reads
from workers.control.yielding import (
    CALM_S,
    PATIENCE_S,
    SLACK_MIB,
    Stance,
    Yielding,
    missing_mib,
    next_stance,
    ours_mib,
)
from workers.devices.gpu import Driver
from workers.devices.snapshot import GpuProcess, Snapshot


def after(looks: list[tuple[float, int]], stance: Stance | None = None) -> Stance:
    """The stance after looks of (second, missing MiB)."""
    now = stance or Stance()
    for at_s, missing in looks:
        now = next_stance(now, missing, at_s)
    return now


def test_what_others_took_is_what_we_planned_with_and_neither_have_nor_hold():
    assert missing_mib(10_000, free_mib=2000, ours_mib=3000) == 5000
    assert missing_mib(10_000, free_mib=4000, ours_mib=8000) == 0


def test_a_silent_driver_says_nothing_is_missing():
    assert missing_mib(10_000, free_mib=None, ours_mib=0) == 0


def test_a_lasting_shortage_makes_the_worker_yield():
    assert after([(0, 4000), (PATIENCE_S, 4000)]).has_yielded


def test_a_short_one_does_not():
    assert not after([(0, 4000), (2, 4000), (4, 0), (6, 4000), (10, 4000)]).has_yielded


def test_noise_does_not():
    assert not after([(0, SLACK_MIB), (100, SLACK_MIB)]).has_yielded


def test_the_worker_comes_back_after_a_minute_of_calm():
    gone = Stance(has_yielded=True)

    assert after([(0, 0), (CALM_S - 1, 0)], gone).has_yielded
    assert not after([(0, 0), (CALM_S, 0)], gone).has_yielded


def test_a_guest_that_returns_meanwhile_starts_the_minute_afresh():
    gone = Stance(has_yielded=True)

    assert after([(0, 0), (50, 4000), (52, 0), (100, 0)], gone).has_yielded


@given(st.lists(st.tuples(st.floats(0.1, 10), st.integers(0, 5000)), max_size=200))
def test_it_never_changes_its_mind_faster_than_its_patience(looks):
    stance, now_s, changes = Stance(), 0.0, []
    for pause_s, missing in looks:
        now_s += pause_s
        before, stance = stance, next_stance(stance, missing, now_s)
        if stance.has_yielded != before.has_yielded:
            changes.append(now_s)

    assert all(later - earlier >= PATIENCE_S for earlier, later in pairwise(changes))


# -- over a driver -------------------------------------------------------------------------------------------------------

OURS, THEIRS = 100, 200


@dataclass
class Commands:
    """Commands that are carried out when the test says so."""

    sent: int = 0
    done: bool = False
    is_away: bool = False

    def unload_all(self) -> str:
        if self.is_away:
            raise RedisUnavailable("away")
        self.sent += 1
        return "a command"

    def is_done(self, command_id: str) -> bool:
        return self.done


@dataclass
class Worker:
    """A 12 GB GPU with our child on it, watched every two seconds."""

    commands: Commands = field(default_factory=Commands)
    reads: list[Reads] = field(default_factory=list)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.gpu = FakeGpu("GPU-a")
        driver = Driver(FakeNvml([self.gpu]))
        self.hold(ours_mib=8000, theirs_mib=0)
        self.yielding = Yielding(
            gpu=lambda: driver.snapshot("GPU-a"),
            children=lambda: [OURS],
            usable_mib=10_500,
            commands=self.commands,
            limit_reading=self.reads.append,
            clock_s=lambda: self.now_s,
        )

    def hold(self, *, ours_mib: int, theirs_mib: int) -> None:
        self.gpu.free_mib = self.gpu.total_mib - ours_mib - theirs_mib
        self.gpu.processes = [(OURS, ours_mib), (THEIRS, theirs_mib)]

    def watch(self, seconds: float) -> None:
        for _ in range(int(seconds // 2) + 1):
            self.yielding.look()
            self.now_s += 2


@pytest.fixture
def crowded() -> Worker:
    worker = Worker()
    worker.hold(ours_mib=8000, theirs_mib=4000)
    worker.watch(PATIENCE_S + 2)
    return worker


def test_with_nobody_else_on_the_gpu_nothing_happens():
    worker = Worker()

    worker.watch(100)

    assert (worker.yielding.has_yielded, worker.commands.sent, worker.reads) == (False, 0, [])


def test_on_a_lasting_shortage_the_worker_unloads_once_and_reads_only_commands(crowded):
    crowded.watch(20)

    assert crowded.yielding.has_yielded
    assert (crowded.commands.sent, crowded.reads) == (1, [Reads.COMMANDS])


def test_a_worker_that_yields_while_redis_is_away_unloads_as_soon_as_it_answers():
    worker = Worker()
    worker.hold(ours_mib=8000, theirs_mib=4000)
    worker.watch(PATIENCE_S - 2)
    worker.now_s, worker.commands.is_away = PATIENCE_S, True
    for _ in range(2):
        with pytest.raises(RedisUnavailable):
            worker.yielding.look()
    worker.commands.is_away = False

    worker.watch(4)

    assert worker.yielding.has_yielded
    assert (worker.commands.sent, worker.reads) == (1, [Reads.COMMANDS])


def test_once_unloaded_it_reads_nothing(crowded):
    crowded.commands.done = True

    crowded.watch(4)

    assert crowded.reads == [Reads.COMMANDS, Reads.NOTHING]


def test_it_comes_back_when_the_room_has_been_there_for_a_while(crowded):
    crowded.commands.done = True
    crowded.hold(ours_mib=500, theirs_mib=0)

    crowded.watch(CALM_S - 4)
    assert crowded.yielding.has_yielded
    crowded.watch(6)

    assert not crowded.yielding.has_yielded
    assert crowded.reads[-1] is Reads.ALL


def test_in_a_container_a_worker_does_not_yield_to_itself():
    worker = Worker()
    # The driver lists our own child under its pid on the host.
    worker.gpu.free_mib, worker.gpu.processes = 2000, [(48_213, 10_000)]

    worker.watch(PATIENCE_S + CALM_S)

    assert (worker.yielding.has_yielded, worker.commands.sent, worker.reads) == (False, 0, [])


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
    assert ours_mib(Snapshot("GPU-a", "gpu", 0, 12_288, used_mib=800, processes=processes), [OURS]) == expected
