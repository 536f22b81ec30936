"""A run of steps is cut short in the middle: what was made is not lost, whoever goes on with it."""

import pytest

from tests.faults.stack import FaultRig, fault_stack, pass_time
from tests.rig import wait_for

PACE_MS = 50
STEPS = 120
#: What a kill may cost: five steps or two seconds, whichever is more.
MAY_COST = max(5, 2000 // PACE_MS)
#: Between what the record was last told and what was really done: a beat, and looking at it.
UNSEEN = 1000 // PACE_MS


@pytest.fixture(scope="module")
def short_drain(tmp_path_factory):
    with fault_stack(tmp_path_factory.mktemp("drain"), workers=1, DARKROOM_DRAIN_S="2") as rig:
        yield rig


def at_step(rig: FaultRig, job_id: str, step: int) -> dict:
    """The job's record, once so many steps of it are done."""
    return wait_for(lambda: found if reached(found := rig.job(job_id), step) else None, what=f"step {step} of {job_id}")


def reached(record: dict, step: int) -> bool:
    return record["state"] == "running" and record["progress"]["step"] >= step


def test_a_worker_killed_at_four_fifths_costs_two_seconds_of_steps_and_another_goes_on(rig):
    job_id = rig.generate(f"pace={PACE_MS}", steps=STEPS)["id"]
    seen = at_step(rig, job_id, STEPS * 4 // 5)

    rig.main_of(seen["worker"]).kill()

    done = rig.finish(job_id)
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    assert done["progress"]["resumed_at"] >= seen["progress"]["step"] - MAY_COST - UNSEEN
    rig.one_more_good_answer()


def test_all_who_shared_the_passes_of_a_killed_child_go_on_and_end_once(rig):
    ids = [rig.generate(f"pace={PACE_MS}", steps=STEPS, seed=seed)["id"] for seed in range(4)]
    seen = [at_step(rig, job_id, STEPS // 2) for job_id in ids]

    rig.child_of(seen[0]["worker"]).kill()

    ended = rig.finish_all(ids)
    assert {job["state"] for job in ended} == {"succeeded"}
    lost = [job for job in ended if job["attempt"] == 2]
    assert lost
    assert all(job["progress"]["resumed_at"] > 0 for job in lost)
    rig.one_more_good_answer()


def test_a_run_that_a_drain_cuts_off_goes_on_from_its_last_step_and_nothing_speaks_against_it(short_drain):
    ids = [short_drain.generate(f"pace={PACE_MS}", steps=STEPS, seed=seed)["id"] for seed in range(2)]
    for job_id in ids:
        at_step(short_drain, job_id, STEPS // 3)

    short_drain.stop("workers")
    waiting = [short_drain.job(job_id) for job_id in ids]
    short_drain.start_workers()

    ended = short_drain.finish_all(ids)
    assert {job["state"] for job in waiting} == {"queued"}
    assert {job["state"] for job in ended} == {"succeeded"}
    assert [[past["reason"] for past in job["history"]] for job in ended] == [["drained"]] * 2
    assert all(job["progress"]["resumed_at"] >= STEPS // 3 for job in ended)
    short_drain.wait_until_ready()
    short_drain.one_more_good_answer()


def test_a_command_is_carried_out_while_a_job_is_under_way_and_the_job_goes_on(rig):
    job_id = rig.generate(f"pace={PACE_MS}", steps=STEPS)["id"]
    worker = at_step(rig, job_id, 5)["worker"]

    [order] = rig.http.post("/v1/models/unload", json={"model_id": "fault", "worker": worker}).json()["jobs"]

    carried_out = rig.finish(order["id"])
    assert carried_out["state"] == "succeeded"
    assert rig.job(job_id)["state"] == "running"
    done = rig.finish(job_id)
    assert (done["state"], done["attempt"]) == ("succeeded", 1)
    rig.one_more_good_answer()


def test_a_child_that_is_recycled_ends_its_run_first_and_no_job_pays_for_it(rig):
    before = {child.pid for child in rig.children()}
    ids = [rig.generate(f"pace={PACE_MS} leak=3", steps=40)["id"]]
    at_step(rig, ids[0], 5)
    ids += [rig.generate("pace=20", seed=seed)["id"] for seed in range(4)]

    ended = rig.finish_all(ids)

    assert {(job["state"], job["attempt"]) for job in ended} == {("succeeded", 1)}
    wait_for(lambda: len({child.pid for child in rig.children()} - before) == 1, what="a new child")
    rig.one_more_good_answer()


def test_a_worker_that_is_paused_ends_what_it_has_under_way_and_takes_nobody_more(rig):
    busy = [rig.generate(f"pace={PACE_MS}", steps=60, width=64 + 8 * number)["id"] for number in range(2)]
    workers = {at_step(rig, job_id, 3)["worker"] for job_id in busy}
    for name in workers:
        rig.http.post(f"/v1/workers/{name}/drain")
    later = rig.generate(width=64)["id"]

    ended = rig.finish_all(busy)
    pass_time(0.5)
    untouched = rig.job(later)
    for name in workers:
        rig.http.post(f"/v1/workers/{name}/resume")

    assert {(job["state"], job["attempt"]) for job in ended} == {("succeeded", 1)}
    assert len(workers) == 2
    assert untouched["state"] == "queued"
    assert rig.finish(later)["state"] == "succeeded"
    rig.one_more_good_answer()
