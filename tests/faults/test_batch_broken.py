"""One job of a GPU batch breaks the engine: it fails, and those that ran beside it do not."""


def test_a_job_that_breaks_its_batch_fails_alone(rig):
    busy = rig.occupy(1)

    ids = [rig.generate("raise=1" if number == 2 else "pace=1", seed=number)["id"] for number in range(6)]

    ended = rig.finish_all([*busy, *ids])[len(busy) :]
    assert [job["state"] for job in ended] == [*["succeeded"] * 2, "failed", *["succeeded"] * 3]
    assert ended[2]["error"]["code"] == "engine_failed"
    assert all(past["reason"] == "runs_alone" for job in ended for past in job["history"])
    rig.one_more_good_answer()
