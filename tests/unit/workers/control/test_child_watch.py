"""The main process gives back what a dead child held, and never what a successor may hold."""

import os
import signal
import subprocess
import sys

import pytest

from workers.control.child_watch import LATEST_S, Child, ChildWatch, is_running_child


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
