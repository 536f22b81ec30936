"""A slot's process with a stand-in for Celery: what a death means, and who may use the GPU."""

import ast
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from shared.rack.worker_registry import WorkerRegistry
from shared.redis import keys
from shared.redis.client import connect
from shared.settings import Settings
from tests.rig import wait_for
from workers.devices.gpu_lock import GpuLock
from workers.devices.slot import Slot
from workers.supervisor import slot_process
from workers.supervisor.slot_process import GIVE_UP_AFTER, SlotProcess

SLOT = Slot(name="here-cpu0", gpu="cpu", device="cpu", budget_mib=8, total_mib=8)
READY = "import time; from workers.supervisor.ready_pipe import tell_ready; tell_ready(); time.sleep(600)"
BROKEN = "raise SystemExit(3)"


class NoJobs:
    """A recovery that finds nothing to hand back, and remembers that it was asked."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def release_slot(self, worker: str, reason: str) -> int:
        self.reasons.append(reason)
        return 0


@pytest.fixture
def client(settings: Settings):
    return connect(settings.required_redis_url(), 5)


def process(client, monkeypatch: pytest.MonkeyPatch, script: str) -> SlotProcess:
    monkeypatch.setattr(slot_process, "FIRST_BACKOFF_S", 0.001)
    monkeypatch.setattr(SlotProcess, "_command", lambda self: [sys.executable, "-c", script])
    return SlotProcess(SLOT, client, NoJobs())


@pytest.fixture
def healthy(client, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlotProcess]:
    """One whose worker gets ready and stays."""
    one = process(client, monkeypatch, READY)
    yield one
    at_once = threading.Event()
    at_once.set()
    one.stop(0, at_once)


def is_ready(one: SlotProcess) -> bool:
    """Ready once its byte waits in the pipe."""
    one.tend()
    return bool(one.pid and one._ready and select.select([one._ready._read_end], [], [], 0)[0])


def test_a_worker_that_was_ready_and_gets_killed_is_always_started_again(healthy):
    for _ in range(GIVE_UP_AFTER // 3):
        wait_for(lambda: is_ready(healthy), 30, "a ready worker")
        killed = healthy.pid
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda killed=killed: healthy.tend() or healthy.pid not in (None, killed), 30, "a new worker")

    assert not healthy.gave_up
    assert healthy._deaths == 0


def test_a_worker_that_never_gets_ready_is_left_dead_after_a_while(client, monkeypatch):
    one = process(client, monkeypatch, BROKEN)

    wait_for(lambda: one.tend() or one.gave_up, 60, "giving up")

    assert one.pid is None
    assert len(one._recovery.reasons) == GIVE_UP_AFTER


def test_while_it_is_down_its_launcher_says_so_with_the_reason_its_child_left(client, monkeypatch):
    one = process(client, monkeypatch, BROKEN)
    registry = WorkerRegistry(client)
    registry.tell_trouble(SLOT.name, "torch is a CPU build")

    wait_for(lambda: one.tend() or one.gave_up, 60, "giving up")
    one._report_after = 0.0
    one.tend()

    [told] = registry.living()
    assert (told.state, told.models) == ("unhealthy", ())
    assert "torch is a CPU build" in told.note
    assert "given up" in told.note


def test_a_workers_threads_do_not_follow_what_the_caller_has_in_its_environment(client, monkeypatch, tmp_path):
    for name in slot_process.thread_settings(1):
        monkeypatch.setenv(name, "17")
    seen = tmp_path / "seen"
    one = process(client, monkeypatch, f"import os; open({str(seen)!r}, 'w').write(repr(dict(os.environ)))")

    wait_for(lambda: one.tend() or (seen.exists() and seen.read_text()), 30, "the worker's environment")

    found = ast.literal_eval(seen.read_text())
    wanted = slot_process.thread_settings(SLOT.threads)
    assert {name: found[name] for name in wanted} == wanted
    assert (wanted["OMP_NUM_THREADS"], wanted["OMP_WAIT_POLICY"]) == ("1", "PASSIVE")


def test_a_gpu_has_one_launcher(client):
    first, second = GpuLock(client, SLOT), GpuLock(client, SLOT)

    assert first.hold([os.getpid()])
    assert not second.hold([os.getpid()])
    assert first.hold([os.getpid()])
    first.release()
    assert second.hold([os.getpid()])


def test_the_lock_of_processes_that_are_all_dead_is_taken_at_once(client):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    GpuLock(client, SLOT).hold([dead.pid])

    assert GpuLock(client, SLOT).hold([os.getpid()])


def test_a_worker_whose_launcher_died_keeps_the_gpu_until_it_is_done(client):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    GpuLock(client, SLOT).hold([dead.pid, os.getpid()])
    client.pexpire(keys.lock(SLOT.name), 500)
    orphan, newcomer = GpuLock(client, SLOT), GpuLock(client, SLOT)

    orphan.prolong(os.getpid())
    assert client.pttl(keys.lock(SLOT.name)) > 500
    assert not newcomer.hold([os.getpid()])
    orphan.release_as(os.getpid())
    wait_for(lambda: newcomer.hold([os.getpid()]), 5, "the free GPU")


def test_the_lock_of_another_machine_is_never_judged(client):
    client.set(keys.lock(SLOT.name), '{"token": "x", "machine": "elsewhere", "pids": [999999]}', px=60_000)

    assert not GpuLock(client, SLOT).hold([os.getpid()])
