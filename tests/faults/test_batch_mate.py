"""One job of a GPU batch makes the engine fail."""

import pytest


@pytest.mark.parametrize(("order", "code"), [("raise=2", "engine_failed"), ("oom=2", "out_of_vram")])
def test_a_job_that_breaks_its_batch_breaks_nobody_elses_job(rig, order, code):
    busy = rig.occupy(seconds=2)
    good = [rig.generate("pace=10", width=96, seed=seed)["id"] for seed in range(3)]
    bad = rig.generate(order, width=96)["id"]

    ended = rig.finish_all([*busy, *good])
    failed = rig.finish(bad)

    assert {job["state"] for job in ended} == {"succeeded"}
    assert (failed["state"], failed["error"]["code"]) == ("failed", code)
    rig.one_more_good_answer()
