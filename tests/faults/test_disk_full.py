"""The disk is full: the kernel refuses the file (a limit on file sizes, which fails as a full disk does)."""

import psutil

LIMIT_BYTES = 600_000
NO_LIMIT = psutil.RLIM_INFINITY


def test_a_full_disk_fails_the_job_cleanly_and_a_retry_succeeds_when_there_is_room(rig):
    children = [rig.child_of(report.name) for report in rig.reports()]
    for child in children:
        child.rlimit(psutil.RLIMIT_FSIZE, (LIMIT_BYTES, NO_LIMIT))
    try:
        failed = rig.finish(rig.generate(width=512, height=512)["id"])
    finally:
        for child in children:
            child.rlimit(psutil.RLIMIT_FSIZE, (NO_LIMIT, NO_LIMIT))

    again = rig.http.post(f"/v1/jobs/{failed['id']}/retry").json()

    assert (failed["state"], failed["error"]["code"]) == ("failed", "artifact_store_full")
    assert failed["error"]["retryable"]
    assert not list((rig.folder / "artifacts").glob("*/.*")), "a half-written file was left"
    assert rig.finish(again["id"])["state"] == "succeeded"
    rig.one_more_good_answer()
