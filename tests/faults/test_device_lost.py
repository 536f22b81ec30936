"""A CUDA context that is poisoned: everything the process does with the card from then on fails."""

from tests.faults.stack import new_mark
from tests.rig import wait_for


def test_a_job_under_which_the_card_was_lost_runs_again_in_a_new_process(rig):
    before = {child.pid for child in rig.children()}

    done = rig.finish(rig.generate(f"pace=20 poison=1 once={new_mark()}")["id"])

    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    [past] = done["history"]
    assert "lost its card" in past["reason"]
    assert "illegal memory access" in past["reason"]
    wait_for(lambda: len({child.pid for child in rig.children()} - before) == 1, what="a new child")
    rig.one_more_good_answer()


def test_a_job_that_poisons_every_card_fails_with_its_history_and_its_batch_mates_do_not(rig):
    busy = rig.occupy(seconds=2)
    good = [rig.generate("pace=10", width=96, seed=seed)["id"] for seed in range(3)]
    bad = rig.generate("poison=2", width=96)["id"]

    ended = rig.finish_all([*busy, *good])
    failed = rig.finish(bad)

    assert {job["state"] for job in ended} == {"succeeded"}
    assert all("lost its card" not in past["reason"] for job in ended for past in job["history"])
    assert (failed["state"], failed["error"]["code"]) == ("failed", "worker_lost")
    assert sum("lost its card" in past["reason"] for past in failed["history"]) == 3
    rig.one_more_good_answer()
