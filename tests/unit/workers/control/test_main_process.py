"""How a worker's main process begins and ends."""

import os
from dataclasses import dataclass, field
from typing import Any

import fakeredis
import pytest

from shared.errors import RedisUnavailable
from shared.rack.worker_registry import WorkerRegistry
from shared.settings import Settings
from workers.control.duties import Duties, Duty
from workers.control.main_process import LauncherWatch, MainProcess, Starts
from workers.control.reports import Standing
from workers.control.watchdog import FAILED_STARTS, Watchdog
from workers.devices.slot import Slot

LIMIT_S = 60
SLOT = Slot(name="w", gpu="cpu", device="cpu", total_mib=8, budget_mib=8)


@dataclass
class Calls:
    """Stands for whatever is called, and remembers it."""

    made: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.made.append((name, args))


@pytest.fixture
def registry() -> WorkerRegistry:
    return WorkerRegistry(fakeredis.FakeRedis())


@pytest.fixture
def launcher_pid(monkeypatch) -> list[int]:
    """The pid of our parent, which a test changes."""
    parent = [4711]
    monkeypatch.setattr(os, "getppid", lambda: parent[0])
    return parent


def test_a_child_that_is_up_makes_the_worker_ready_and_its_trouble_is_over(registry):
    told = Calls()
    registry.tell_trouble("w", "no memory")

    Starts(SLOT, registry, told.ready, told.end).worked()

    assert (told.made, registry.trouble("w")) == ([("ready", ())], "")


def test_a_worker_is_ready_once_its_trouble_is_forgotten(registry, monkeypatch):
    def away(name: str) -> None:
        raise RedisUnavailable("away")

    told = Calls()
    registry.tell_trouble("w", "no memory")
    starts = Starts(SLOT, registry, told.ready, told.end)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "forget_trouble", away)
        with pytest.raises(RedisUnavailable):
            starts.worked()
    were_told = list(told.made)

    starts.worked()

    assert (were_told, told.made, registry.trouble("w")) == ([], [("ready", ())], "")


def test_children_that_die_without_a_word_end_the_worker_after_a_few(registry):
    told = Calls()
    starts = Starts(SLOT, registry, told.ready, told.end)

    ends = []
    for in_a_row in range(1, FAILED_STARTS + 3):
        starts.failed(in_a_row)
        ends.append(len(told.made))

    assert ends == [0] * (FAILED_STARTS - 1) + [1, 1, 1]


def test_a_child_that_says_why_it_cannot_work_ends_the_worker_at_once(registry):
    told = Calls()
    registry.tell_trouble("w", "torch is a CPU build")

    Starts(SLOT, registry, told.ready, told.end).failed(1)

    assert [name for name, _ in told.made] == ["end"]


def test_a_worker_whose_launcher_lives_goes_on_and_leaves_the_lock_to_it(launcher_pid):
    lock, told = Calls(), Calls()
    watch = LauncherWatch(lock, 30.0, told.end)

    watch.look()
    watch.release()

    assert (lock.made, told.made) == ([], [])


def test_an_orphan_drains_once_and_holds_the_lock_until_it_has_ended(launcher_pid):
    lock, told = Calls(), Calls()
    watch = LauncherWatch(lock, 30.0, told.end)
    launcher_pid[0] = 1

    watch.look()
    watch.look()
    watch.release()

    mine = (os.getpid(),)
    assert told.made == [("end", (30.0,))]
    assert lock.made == [("prolong", mine), ("prolong", mine), ("release_as", mine)]


def main_process(registry: Any) -> MainProcess:
    nothing, settings = Calls(), Settings(lease_s=1)
    standing = Standing("w", registry, on_pause=lambda _: None, has_yielded=lambda: False, can_work=lambda: True)
    watchdog = Watchdog("w", Renewing(), nothing, settings, children=list)
    duties = Duties([Duty(3600.0, lambda: None)], on_outage=watchdog.excuse_silence)
    return MainProcess("w", registry, watchdog, duties, standing, LauncherWatch(nothing, 30.0, nothing.end))


class Renewing:
    """A store without jobs."""

    def renew(self, worker: str) -> list[Any]:
        return []


def test_a_drained_worker_says_so_before_it_ends(registry):
    main = main_process(registry)

    main.drain()

    assert main.standing.state(has_jobs=True) == "draining"
    assert registry.takes_nobody("w")


def test_a_worker_that_starts_takes_jobs_whatever_the_one_before_it_was_told(registry):
    registry.drain("w")
    main = main_process(registry)

    main.start()
    takes_nobody = registry.takes_nobody("w")
    main.stop()

    assert not takes_nobody


def test_both_threads_end_when_the_worker_stops_even_while_redis_is_away():
    class Away:
        def leave(self, name: str) -> None:
            raise RedisUnavailable("away")

        stays = leave

    main = main_process(Away())
    main.start()

    main.stop()
    for thread in (main.watchdog, main.duties):
        thread.join(LIMIT_S)

    assert not main.watchdog.is_alive()
    assert not main.duties.is_alive()
