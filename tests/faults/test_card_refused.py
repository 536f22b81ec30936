"""A worker whose card torch cannot use: here the card is made up and torch has no CUDA, as with a CPU wheel on a GPU host."""

import threading

import pytest

from shared.queue.broker import make_app
from shared.queue.dispatch import Dispatcher
from tests.rig import wait_for
from workers.devices.slot import Slot
from workers.recovery.recovery import Recovery
from workers.supervisor.slot_process import SlotProcess

NAME = "made-up-gpu0"


@pytest.fixture
def refused(rig, monkeypatch: pytest.MonkeyPatch):
    """A worker of the same stack, started as the launcher starts one, for a card that is not here."""
    for name, value in rig._variables().items():
        monkeypatch.setenv(name, value)
    slot = Slot(
        name=NAME, gpu="GPU-made-up", device="cuda:0", budget_mib=4000, total_mib=8192, models=("fault", "sdxl-toy")
    )
    store, config = rig.store, rig.settings
    dispatcher = Dispatcher(store, make_app(config, for_worker=False))
    process = SlotProcess(slot, store.redis, Recovery(store, dispatcher, config))
    yield process
    at_once = threading.Event()
    at_once.set()
    process.stop(0, at_once)


def report_of(rig):
    return next((one for one in rig.http.get("/v1/status").json()["workers"] if one["name"] == NAME), None)


def test_a_worker_that_cannot_use_its_card_takes_no_job_and_says_why(rig, refused):
    refused.tend()
    states = set()

    def is_unhealthy():
        refused.tend()
        found = report_of(rig)
        states.add(found and found["state"])
        return found if found and found["state"] == "unhealthy" else None

    jobs = [rig.generate("pace=10", width=64 + 8 * n)["id"] for n in range(6)]
    found = wait_for(is_unhealthy, 60, "a report of the trouble")
    jobs += [rig.generate("pace=10", width=64 + 8 * n)["id"] for n in range(6)]
    ended = rig.finish_all(jobs)

    assert "CPU build" in found["note"]
    assert found["models"] == []
    assert {(job["state"], job["attempt"]) for job in ended} == {("succeeded", 1)}
    assert NAME not in {job["worker"] for job in ended}
    assert not states & {"ready", "busy"}
    rig.one_more_good_answer()
