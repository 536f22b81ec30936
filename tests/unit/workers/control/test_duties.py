"""What hangs on the keeper's threads."""

import threading
from typing import Any

from shared.settings import Settings
from workers.control.duties import Keeper
from workers.devices.slot import Slot

LIMIT_S = 10


class Store:
    """Stands for the job store: counts renewals."""

    def __init__(self) -> None:
        self.renewed = threading.Semaphore(0)

    def renew(self, worker: str) -> list[Any]:
        self.renewed.release()
        return []


class Nothing:
    """Answers every call with nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def keeper(store: Store, duty) -> Keeper:
    return Keeper(
        settings=Settings(redis_url="redis://localhost", lease_s=1),
        slot=Slot(name="w", gpu="cpu", device="cpu", total_mib=1, budget_mib=1),
        store=store,
        registry=Nothing(),
        recovery=Nothing(),
        gpu_lock=Nothing(),
        children=list,
        facts=Nothing(),
        on_pause=lambda _: None,
        version="1",
        started_at="",
        more_duties=[(3600.0, duty)],
    )


def test_a_duty_that_does_not_come_back_stops_no_lease():
    is_stuck, may_go = threading.Event(), threading.Event()

    def stuck() -> None:
        is_stuck.set()
        may_go.wait(LIMIT_S)

    store = Store()
    busy = keeper(store, stuck)
    busy.start()

    assert is_stuck.wait(LIMIT_S)
    assert all(store.renewed.acquire(timeout=LIMIT_S) for _ in range(3))
    may_go.set()
    busy.stop()


def test_a_duty_that_is_hurried_does_not_wait_for_its_turn():
    done = threading.Semaphore(0)
    busy = keeper(Store(), done.release)
    busy.start()

    assert done.acquire(timeout=LIMIT_S)
    busy.hurry(done.release)

    assert done.acquire(timeout=LIMIT_S)
    busy.stop()
