"""A job that is too large for the card that took it."""

import pytest

from tests.faults.stack import fault_stack

SMALL_MIB, LARGE_MIB = 8, 12
#: Who takes a job is chance: on a busy machine the large card may be the quicker one six times in a row.
ROUNDS = 5


@pytest.fixture(scope="module")
def unequal(tmp_path_factory):
    budgets = f"{SMALL_MIB},{LARGE_MIB}"
    with fault_stack(tmp_path_factory.mktemp("unequal"), workers=2, DARKROOM_CPU_BUDGETS_MIB=budgets) as rig:
        yield rig.wait_until_ready()


def test_a_job_moves_to_the_larger_card_by_itself_and_says_so(unequal):
    unequal.finish_all(unequal.occupy(1))  # both hold the model now, so both take what comes
    moved = []
    for _ in range(ROUNDS):
        jobs = [unequal.generate(f"pace=100 oom=1 under={LARGE_MIB}", width=64 + 8 * n)["id"] for n in range(6)]
        done = unequal.finish_all(jobs)

        assert {job["state"] for job in done} == {"succeeded"}
        assert {job["worker"][-4:] for job in done} == {"cpu1"}
        moved += [job for job in done if job["attempt"] > 1]
        if moved:
            break

    assert moved, "the small card took no job"
    assert all("moved_to_larger_card" in job["degradations"] for job in moved)
    assert all(job["history"][0]["reason"] == "moved_to_larger_card" for job in moved)
    unequal.one_more_good_answer()


def test_a_job_too_large_for_every_card_fails_with_numbers(unequal):
    done = unequal.finish(unequal.generate("oom=1")["id"])

    assert (done["state"], done["error"]["code"]) == ("failed", "out_of_vram")
    assert "MiB" in done["error"]["message"]
    unequal.one_more_good_answer()
