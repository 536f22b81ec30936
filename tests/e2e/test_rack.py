"""Unequal cards: every job runs where it fits, what fits nowhere is refused at once, orders act on the card they name."""

from collections.abc import Iterator

import pytest

from tests.faults.stack import FaultRig
from tests.rack.stack import rack
from tests.rig import wait_for

SMALL, LARGE = 20, 75


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    with rack(tmp_path_factory.mktemp("rack"), (SMALL, LARGE), DARKROOM_KEEP_ALIVE_S="4") as stack:
        yield stack


def name_of(rig: FaultRig, budget_mib: int) -> str:
    return next(report.name for report in rig.reports() if report.budget_mib == budget_mib)


def residents(rig: FaultRig, worker: str) -> list[str]:
    status = rig.http.get("/v1/status").json()
    return [held["model"] for row in status["workers"] if row["name"] == worker for held in row["resident"]]


def order(rig: FaultRig, what: str, **body: object) -> dict:
    answer = rig.http.post(f"/v1/models/{what}", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_a_model_never_runs_on_a_card_it_does_not_fit_on(rig):
    jobs = [rig.generate("pace=20", model=model)["id"] for model in ("heavy", "light", "middle") * 3]

    done = rig.finish_all(jobs)

    small = name_of(rig, SMALL)
    assert {job["state"] for job in done} == {"succeeded"}
    assert {job["model"] for job in done if job["worker"] == small} <= {"light"}


def test_a_job_that_fits_no_card_is_refused_at_once_with_numbers(rig):
    answer = rig.http.post("/v1/generate", json={"prompt": "a lamp", "model": "giant"})

    error = answer.json()["error"]
    assert (answer.status_code // 100, error["code"]) == (4, "does_not_fit")
    assert "needs 98 MiB" in error["message"]
    assert "largest budget is 75 MiB" in error["message"]


def test_a_switch_brings_a_model_onto_the_named_card_and_an_unload_takes_it_off(rig):
    large = name_of(rig, LARGE)
    done = rig.finish(order(rig, "switch", model_id="middle", worker=large, pin=True)["id"])
    assert (done["state"], done["worker"]) == ("succeeded", large)
    assert "middle" in [row["model"] for row in done["result"]["resident"]]

    [job] = order(rig, "unload", model_id="middle", worker=large)["jobs"]

    assert rig.finish(job["id"])["result"]["unloaded"] == ["middle"]
    wait_for(lambda: "middle" not in residents(rig, large), what="an unloaded model")


def test_a_switch_to_a_card_that_is_too_small_is_refused_with_numbers(rig):
    answer = rig.http.post("/v1/models/switch", json={"model_id": "heavy", "worker": name_of(rig, SMALL)})

    assert answer.status_code // 100 == 4
    assert "needs 55 MiB, its budget is 20" in answer.json()["error"]["message"]


def test_a_model_that_nobody_uses_leaves_by_itself(rig):
    small = name_of(rig, SMALL)
    rig.finish(order(rig, "switch", model_id="light", worker=small)["id"])
    wait_for(lambda: residents(rig, small) == ["light"], what="a loaded model")

    wait_for(lambda: residents(rig, small) == [], what="an empty card")

    rig.finish(rig.generate("one more", model="light")["id"])
