"""A point of a worker's last hour."""

from pathlib import Path

import fakeredis
import pytest

from shared.jobs.store import JobStore
from shared.rack.series import FIELDS, Series
from shared.rack.worker_registry import GpuFacts
from shared.settings import Settings
from workers.control.series_notes import SeriesNotes
from workers.devices.slot import Slot

FACTS = GpuFacts(
    name="card", uuid="GPU-0", total_mib=100, used_mib=70, temperature_c=61, power_w=220.5, utilisation_percent=98
)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> JobStore:
    return JobStore(fakeredis.FakeRedis(), Settings(data_dir=Path("/nowhere")))


@pytest.fixture
def notes(store, clock) -> SeriesNotes:
    slot = Slot(name="gpu0", gpu="GPU-0", device="cuda:0", total_mib=100, budget_mib=90, models=("sdxl-toy",))
    return SeriesNotes(slot, store, Series(store.redis), lambda: FACTS, clock)


def newest(store) -> dict:
    return dict(zip(FIELDS, Series(store.redis).of("gpu0")[-1], strict=True))


def test_a_point_has_what_the_card_says(notes, store):
    notes.note()

    point = newest(store)
    assert (point["utilisation_percent"], point["used_mib"]) == (98, 70)
    assert (point["temperature_c"], point["power_w"], point["queued"]) == (61, 220.5, 0)


def test_pictures_a_minute_are_those_of_the_last_minute(notes, store, clock):
    paces = []
    for turn in range(26):
        notes.note()
        paces.append(newest(store)["pictures_per_min"])
        if turn < 12:
            store.settle([f"img_{turn}"], "gpu0")
        clock.now_s += 5

    assert paces[0] == 0
    assert paces[12] == 12
    assert paces[25] == 0


def test_a_counter_that_begins_anew_is_no_negative_pace(notes, store, clock):
    store.settle(["a", "b"], "gpu0")
    notes.note()
    store.redis.flushall()
    clock.now_s += 5

    notes.note()

    assert newest(store)["pictures_per_min"] == 0
