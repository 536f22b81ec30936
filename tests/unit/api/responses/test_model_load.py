"""What loading a model now would cost, by what workers say of themselves."""

from api.responses.model_load import load_cost
from shared.models.catalogue import load_catalogue
from shared.rack.worker_registry import Resident, WorkerState
from shared.settings import Settings
from tests.workers_played import report

CARD = load_catalogue(Settings()).cards["sdxl"]
NEED = CARD.vram.weights_mib


def held(model: str, mib: int, idle_s: float = 0.0, *, pinned: bool = False) -> Resident:
    return Resident(model=model, held_mib=mib, idle_s=idle_s, pinned=pinned)


def worker(name: str, *resident: Resident, free_mib: int = 0, **more):
    mib = sum(each.held_mib for each in resident)
    return report(name, budget_mib=mib + free_mib, held_mib=mib, models=(CARD.id,), resident=resident, **more)


def test_one_that_is_loaded_somewhere_costs_nothing():
    found = load_cost(CARD, [worker("gpu0", free_mib=NEED), worker("gpu1", held(CARD.id, NEED))], {"gpu0": 9000})

    assert (found.is_loaded, found.worker, found.seconds, found.basis) == (True, "gpu1", 0, "loaded")


def test_a_worker_with_room_is_told_with_what_was_measured_there():
    workers = [worker("gpu0", held("other", NEED), free_mib=1), worker("gpu1", free_mib=NEED)]

    found = load_cost(CARD, workers, {"gpu0": 1000, "gpu1": 4200})

    assert (found.worker, found.seconds, found.basis, found.unloads) == ("gpu1", 4.2, "measured", ())


def test_those_unused_the_longest_leave_until_there_is_room_and_pinned_ones_stay():
    crowded = worker(
        "gpu0",
        held("used-now", NEED, 1),
        held("pinned", NEED, 999, pinned=True),
        held("oldest", NEED // 2, 500),
        held("older", NEED, 100),
    )

    assert load_cost(CARD, [crowded], {}).unloads == ("oldest", "older")


def test_what_nobody_measured_is_unknown_and_another_workers_time_is_better_than_none():
    assert load_cost(CARD, [worker("gpu0", free_mib=NEED)], {}).basis == "unknown"
    assert load_cost(CARD, [worker("gpu0", free_mib=NEED)], {"gpu9": 3000}).seconds == 3


def test_where_nobody_serves_it_that_is_said():
    away = worker("gpu0", held(CARD.id, NEED), state=WorkerState.DRAINING)

    for workers in ([], [report("gpu1")], [away]):
        found = load_cost(CARD, workers, {})
        assert (found.basis, found.worker, found.needs_mib) == ("unserved", None, NEED)
