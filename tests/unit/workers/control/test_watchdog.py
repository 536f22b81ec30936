"""The main process renews leases, ends what hangs, and gives back what a dead child held, never what a successor holds."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field

import pytest

from shared.errors import RedisUnavailable
from shared.jobs.store import HeldJob
from shared.settings import Settings
from workers.control.duties import Duties, Duty
from workers.control.watchdog import LATEST_S, Child, ChildWatch, Watchdog, is_running_child

LIMIT_S = 60
LEASE_S = 9
SETTINGS = Settings(lease_s=LEASE_S, step_timeout_s=120, load_timeout_s=900, store_timeout_s=300)


@dataclass
class Rack:
    """A worker with one child, a store that tells of its jobs, and a clock that a test moves."""

    held: list[HeldJob] = field(default_factory=list)
    now_s: float = 100.0
    lost: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.watchdog = Watchdog(
            "w", self, self, SETTINGS, children=lambda: [self.child.pid], clock_s=lambda: self.now_s
        )

    def renew(self, worker: str) -> list[HeldJob]:
        return self.held

    def lose(self, job_id: str, token: str, reason: str) -> bool:
        self.lost.append((job_id, token, reason))
        return True

    def look_after(self, seconds: float) -> None:
        self.now_s += seconds
        self.watchdog.look()

    @property
    def is_child_alive(self) -> bool:
        return self.child.poll() is None


@pytest.fixture
def rack():
    one = Rack()
    yield one
    one.child.kill()
    one.child.wait()


def hanging(phase: str, silent_s: float) -> HeldJob:
    return HeldJob("a job", "its token", phase, round(1000 * silent_s))


def test_a_job_that_hangs_loses_its_child_and_goes_back_with_the_limit_that_it_passed(rack: Rack):
    rack.held = [hanging("denoising", 121)]

    rack.look_after(3)

    assert rack.child.wait(LIMIT_S) == -signal.SIGKILL
    reason = "step_timeout: no progress for more than 120 s while denoising"
    assert rack.lost == [("a job", "its token", reason)]


@pytest.mark.parametrize(("phase", "limit_s"), [("denoising", 120), ("loading", 900), ("storing", 300)])
def test_each_phase_has_a_limit_of_its_own(rack: Rack, phase: str, limit_s: int):
    rack.held = [hanging(phase, limit_s)]

    rack.look_after(3)

    assert rack.is_child_alive
    assert (rack.lost, rack.watchdog.jobs) == ([], ("a job",))


def test_after_an_outage_silence_proves_nothing_for_a_lease(rack: Rack):
    rack.watchdog.excuse_silence()
    rack.held = [hanging("denoising", 500)]

    rack.look_after(LEASE_S / 3)
    was_spared = rack.is_child_alive
    rack.look_after(LEASE_S)

    assert was_spared
    assert rack.child.wait(LIMIT_S) == -signal.SIGKILL


def test_a_worker_that_was_stopped_itself_gives_its_child_a_lease_to_speak(rack: Rack):
    rack.held = [hanging("denoising", 500)]

    rack.look_after(LEASE_S + 1)
    was_spared = rack.is_child_alive
    for _ in range(3):
        rack.look_after(LEASE_S / 3)

    assert was_spared
    assert rack.child.wait(LIMIT_S) == -signal.SIGKILL


def test_leases_that_cannot_be_renewed_are_tried_again_and_excuse_silence(rack: Rack):
    renewed = threading.Event()

    class AwayOnce:
        def renew(self, worker: str) -> list[HeldJob]:
            if watchdog._excused_until_s > float("-inf"):
                renewed.set()
                return []
            raise RedisUnavailable("away")

    watchdog = Watchdog("w", AwayOnce(), rack, SETTINGS.model_copy(update={"lease_s": 1}), children=list)
    watchdog.start()

    assert renewed.wait(LIMIT_S)
    watchdog.stop()


def test_a_duty_that_does_not_come_back_stops_no_lease(rack: Rack):
    is_stuck, may_go, renewed = threading.Event(), threading.Event(), threading.Semaphore(0)

    def stuck() -> None:
        is_stuck.set()
        may_go.wait(LIMIT_S)

    class Counting:
        def renew(self, worker: str) -> list[HeldJob]:
            renewed.release()
            return []

    leases = Watchdog("w", Counting(), rack, SETTINGS.model_copy(update={"lease_s": 1}), children=list)
    duties = Duties([Duty(3600.0, stuck)], on_outage=leases.excuse_silence)
    leases.start()
    duties.start()

    assert is_stuck.wait(LIMIT_S)
    assert all(renewed.acquire(timeout=LIMIT_S) for _ in range(3))
    may_go.set()
    duties.stop()
    leases.stop()


class Pool:
    """Pids that a test changes, a clock it moves, and how often jobs were given back."""

    def __init__(self) -> None:
        self.pids = [10]
        self.now_s = 100.0
        self.released = 0
        self.dead: set[int] = set()
        self.ups = 0
        self.failed: list[int] = []
        self.starting: set[int] = set()
        self.watch = ChildWatch(
            lambda: [Child(pid, pid not in self.starting) for pid in self.pids],
            self.release,
            on_up=self.up,
            on_failed_start=self.failed.append,
            is_running=lambda pid: pid not in self.dead,
            clock_s=lambda: self.now_s,
        )
        self.watch.look()

    def up(self) -> None:
        self.ups += 1

    def release(self) -> int:
        self.released += 1
        return 1

    def look_after(self, seconds: float) -> None:
        self.now_s += seconds
        self.watch.look()


@pytest.fixture
def pool() -> Pool:
    return Pool()


def test_a_living_child_keeps_its_job(pool: Pool):
    pool.look_after(0.2)

    assert pool.released == 0


@pytest.mark.parametrize("successors", [[], [11]])
def test_a_vanished_child_gives_its_job_back_once(pool: Pool, successors: list[int]):
    pool.pids = successors
    pool.look_after(0.2)
    pool.look_after(0.2)

    assert pool.released == 1


def test_a_dead_child_that_the_pool_still_lists_gives_its_job_back_once(pool: Pool):
    pool.dead = {10}
    pool.look_after(0.2)
    pool.pids = [11]
    pool.look_after(0.2)

    assert pool.released == 1


def test_a_killed_process_is_seen_dead_and_still_tells_its_parent_how_it_ended():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    was_running = is_running_child(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert was_running
    assert not is_running_child(process.pid)
    assert process.wait() == -signal.SIGKILL
    assert not is_running_child(process.pid)


def test_a_first_child_is_no_loss(pool: Pool):
    pool.pids = [10, 11]
    pool.look_after(0.2)

    assert pool.released == 0


def test_after_a_long_silence_the_successor_is_left_to_speak_for_itself(pool: Pool):
    pool.pids = [11]
    pool.look_after(LATEST_S + 0.1)

    assert pool.released == 0


def test_a_child_is_up_when_it_has_said_so_and_while_it_lives(pool: Pool):
    pool.pids, pool.starting = [11], {11}
    was_up = pool.watch.is_up
    pool.starting = set()
    is_up = pool.watch.is_up
    pool.dead = {11}

    assert (was_up, is_up, pool.watch.is_up) == (False, True, False)


def test_each_child_that_is_up_is_told_once(pool: Pool):
    pool.look_after(0.2)
    pool.pids, pool.starting = [11], {11}
    pool.look_after(0.2)
    pool.starting = set()
    pool.look_after(0.2)
    pool.look_after(0.2)

    assert pool.ups == 2


def test_what_could_not_be_said_of_a_child_that_is_up_is_said_at_the_next_look(pool: Pool):
    def away() -> None:
        raise RedisUnavailable("away")

    pool.watch._on_up = away
    pool.pids = [11]
    with pytest.raises(RedisUnavailable):
        pool.look_after(0.2)
    pool.watch._on_up = pool.up

    pool.look_after(0.2)
    pool.look_after(0.2)

    assert pool.ups == 2
    assert pool.released == 1


def test_one_that_died_before_it_could_be_said_is_not_said_to_be_up(pool: Pool):
    def away() -> None:
        raise RedisUnavailable("away")

    pool.watch._on_up = away
    pool.pids = [11]
    with pytest.raises(RedisUnavailable):
        pool.look_after(0.2)
    pool.watch._on_up, pool.pids = pool.up, []

    pool.look_after(0.2)

    assert pool.ups == 1


def test_deaths_before_a_child_was_up_are_counted_until_one_is(pool: Pool):
    for pid in (11, 12):
        pool.pids, pool.starting = [pid], {pid}
        pool.look_after(0.2)
        pool.pids = []
        pool.look_after(0.2)
    pool.pids, pool.starting = [13], set()
    pool.look_after(0.2)
    pool.pids, pool.starting = [14], {14}
    pool.look_after(0.2)
    pool.pids = []
    pool.look_after(0.2)

    assert pool.failed == [1, 2, 1]


def test_the_death_of_a_child_that_was_up_is_no_failed_start(pool: Pool):
    pool.pids = []
    pool.look_after(0.2)

    assert (pool.failed, pool.released) == ([], 1)
