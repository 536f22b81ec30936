"""Memory of the card that does not come back: only a new process gets it again."""

from tests.rig import wait_for


def test_a_child_that_lost_memory_is_replaced_after_its_job_and_no_job_pays_for_it(rig):
    before = {child.pid for child in rig.children()}

    done = rig.finish(rig.generate("pace=50 leak=1")["id"])

    assert (done["state"], done["attempt"]) == ("succeeded", 1)
    wait_for(lambda: len({child.pid for child in rig.children()} - before) == 1, what="a new child")
    more = rig.finish_all([rig.generate("pace=20", width=64 + 8 * n)["id"] for n in range(4)])
    assert {(job["state"], job["attempt"]) for job in more} == {("succeeded", 1)}
    assert rig.job(done["id"])["attempt"] == 1
    rig.one_more_good_answer()
