"""The main process gives back what a dead child held, and never what a successor may hold."""

import os
import signal
import subprocess
import sys

import pytest

from workers.child_watch import LATEST_S, ChildWatch, is_running_child


class Pool:
    """Pids that a test changes, a clock it moves, and how often jobs were given back."""

    def __init__(self) -> None:
        self.pids = [10]
        self.now_s = 100.0
        self.released = 0
        self.dead: set[int] = set()
        self.watch = ChildWatch(lambda: self.pids, self.release, lambda pid: pid not in self.dead, lambda: self.now_s)
        self.watch.look()

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
