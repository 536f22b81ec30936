"""The artifact store is away: a share that was unmounted."""

from tests.rig import wait_for


def test_a_job_whose_result_cannot_be_stored_is_tried_again_until_it_can(rig):
    folder = rig.settings.artifacts_path
    rig.one_more_good_answer()  # so that the folder is there
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("not a folder")
    try:
        job_id = rig.generate()["id"]
        wait_for(lambda: rig.job(job_id)["history"], what="a first try")
    finally:
        folder.unlink()
        folder.with_name("elsewhere").rename(folder)

    done = rig.finish(job_id)
    assert done["state"] == "succeeded"
    assert {past["reason"] for past in done["history"]} == {"retried"}
    rig.one_more_good_answer()
