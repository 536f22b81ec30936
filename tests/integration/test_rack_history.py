"""What the rack tells of itself beside the moment: curves, events, findings; over a real server."""

import json
from pathlib import Path

import pytest

from shared.contracts.jobs import State
from shared.rack.doctor_reports import DoctorReports
from shared.rack.happenings import DAY_MS, WORDS, Happening, Happenings
from shared.rack.series import FIELDS, POINTS, Series
from shared.redis import keys
from tests import batches_played, workers_played
from tests.people_played import ANNA, BORIS, OLGA, VERA, web_of
from workers.recovery.recovery import Recovery


def point(at_ms: int, **values) -> tuple:
    return tuple(({"at_ms": at_ms} | values).get(name) for name in FIELDS)


@pytest.fixture
def happenings(services) -> Happenings:
    return Happenings(services.store.redis)


def events(web, **query) -> list[dict]:
    answer = web.get("/v1/events", query_string=query)
    assert answer.status_code == 200, answer.text
    return answer.json["events"]


# -- curves --------------------------------------------------------------------------------------------------------------


def test_a_workers_last_hour_is_kept_and_no_more(web, services):
    series = Series(services.store.redis)
    for at_ms in range(1, POINTS + 4):
        series.add("gpu0", point(at_ms, used_mib=at_ms))

    told = web.get("/v1/workers/gpu0/series").json

    assert (told["every_s"], told["fields"]) == (5, list(FIELDS))
    assert len(told["points"]) == POINTS
    assert (told["points"][0][0], told["points"][-1][0]) == (4, POINTS + 3)
    assert told["points"][0][1] is None
    assert 0 < services.store.redis.ttl(keys.series("gpu0")) <= keys.SERIES_TTL_S


def test_who_has_some_asks_for_the_newer_ones(web, services):
    for at_ms in (10, 20, 30):
        Series(services.store.redis).add("gpu0", point(at_ms))

    assert [row[0] for row in web.get("/v1/workers/gpu0/series?since=10").json["points"]] == [20, 30]
    assert web.get("/v1/workers/gpu0/series?since=30").json["points"] == []


def test_a_worker_that_is_new_has_no_points_and_one_that_never_was_is_not_found(web, services):
    services.registry.report(workers_played.report("gpu1"))

    assert web.get("/v1/workers/gpu1/series").json["points"] == []
    assert web.get("/v1/workers/gpu9/series").status_code == 404
    assert web.get("/v1/workers/gpu1/series?since=-1").status_code == 422


def test_what_is_settled_counts_as_its_workers(services):
    services.store.settle(["img_" + "0" * 32, "img_" + "1" * 32], "gpu0")

    assert Series(services.store.redis).made("gpu0") == 2
    assert Series(services.store.redis).made("gpu1") == 0


# -- events --------------------------------------------------------------------------------------------------------------


def test_events_are_words_the_newest_first_and_only_newer_ones_if_asked(web, happenings):
    happenings.tell(Happening.WORKER_READY, worker="gpu0")
    happenings.tell(Happening.MODEL_LOADED, worker="gpu0", model="sdxl-toy")
    first = web.get("/v1/events").json
    happenings.tell(Happening.MODEL_LEFT, worker="gpu0", model="sdxl-toy")
    later = web.get("/v1/events", query_string={"after": first["newest"]}).json

    assert [event["text"] for event in first["events"]] == ["gpu0 loaded sdxl-toy", "gpu0 is ready"]
    assert (first["events"][0]["worker"], first["events"][0]["model"]) == ("gpu0", "sdxl-toy")
    assert [event["text"] for event in later["events"]] == ["sdxl-toy left gpu0"]
    assert events(web, after=later["newest"]) == []
    assert web.get("/v1/events", query_string={"after": later["newest"]}).json["newest"] == later["newest"]


def test_every_kind_has_words():
    assert set(WORDS) == set(Happening)


def test_hostile_names_are_only_ever_words(web, happenings):
    happenings.tell(Happening.BATCH_FINISHED, batch="b", name="{worker.__class__}<script>", total=1, succeeded=1)

    assert events(web)[0]["text"] == "batch “{worker.__class__}<script>” is done: 1 of 1"


def test_an_entry_of_another_version_is_shown_as_far_as_it_is_known(web, services):
    services.store.redis.xadd(keys.HAPPENINGS, {"kind": "comet_seen", "owner": ""})
    services.store.redis.xadd(keys.HAPPENINGS, {"kind": "worker_died", "owner": "", "worker": "gpu0"})

    assert [event["text"] for event in events(web)] == [
        "gpu0 died after – s (status –); it is started again",
        "comet_seen",
    ]


def test_the_script_that_ends_batches_keeps_as_many_for_as_long():
    script = (Path(keys.__file__).parent / "lua" / "members.lua").read_text()

    said = f"local HAPPENINGS_KEPT, HAPPENINGS_TTL_S = {keys.HAPPENINGS_LENGTH}, {keys.HAPPENINGS_TTL_S}\n"
    assert said in script


def test_what_is_older_than_a_day_is_not_told(web, services, happenings):
    old_ms = services.store.now_ms() - DAY_MS - 60_000
    services.store.redis.xadd(keys.HAPPENINGS, {"kind": "worker_ready", "owner": "", "worker": "old"}, id=f"{old_ms}-0")
    happenings.tell(Happening.WORKER_READY, worker="new")

    assert [event["worker"] for event in events(web)] == ["new"]


def test_what_is_a_persons_is_told_to_them_and_to_operators(services, happenings):
    happenings.tell(Happening.JOB_MOVED, owner=ANNA.name, worker="gpu0", model="sdxl", to="gpu1", job="job_x")
    happenings.tell(Happening.WORKER_READY, worker="gpu0")

    seen = {caller.name: len(events(web_of(services, caller))) for caller in (ANNA, BORIS, VERA, OLGA)}

    assert seen == {ANNA.name: 2, BORIS.name: 1, VERA.name: 1, OLGA.name: 2}


def test_a_batch_that_ends_tells_how(web, services):
    services.registry.report(workers_played.report("gpu0", models=tuple(services.catalogue.cards)))
    good = batches_played.start(web, prompts=["a", "b"], name="hats")
    batches_played.run_all(services)
    batches_played.start(web, prompts=["a", "b", "c"], name="boats")
    batches_played.run_all(services, batches_played.fails_where(lambda job: job.params["prompt"] == "b"))
    given_up = batches_played.start(web, prompts=["a"])
    web.post(f"/v1/batches/{given_up['id']}/cancel")

    cancelled, boats, hats = events(web)

    assert (hats["kind"], hats["text"], hats["batch"]) == ("batch_finished", "batch “hats” is done: 2 of 2", good["id"])
    assert (boats["level"], boats["text"]) == ("error", "batch “boats” is done, 1 of 3 failed")
    assert cancelled["text"] == f"batch “{given_up['id']}” was cancelled: 0 of 1 were done"


def test_a_worker_that_falls_silent_is_told_of_once(web, services):
    services.registry.report(workers_played.report("gpu0"))
    services.store.redis.delete(keys.worker("gpu0"))

    for _ in range(3):
        services.registry.living()

    assert [event["text"] for event in events(web)] == ["gpu0 fell silent; its jobs go to others"]


def test_a_job_that_is_taken_over_is_told_with_whom_it_was_taken_from(web, services):
    services.registry.report(workers_played.report("gpu0", models=("sdxl-toy",)))
    job = web.post("/v1/generate", json={"prompt": "x", "model": "sdxl-toy"}).json["id"]
    workers_played.start(services, job)
    recovery = Recovery(services.store, services.dispatcher, services.settings)

    assert recovery.lose(job, "pen", "the worker process died (status -9)")

    (told,) = events(web)
    assert told["text"] == (
        "a job was taken from gpu0, which was lost: the worker process died (status -9); it is queued now"
    )
    assert told["job"] == job
    assert services.store.get(job).state == State.QUEUED


@pytest.mark.parametrize(("query", "field"), [("after=x", "after"), ("limit=0", "limit"), ("kind=a", "kind")])
def test_what_cannot_be_asked_is_refused(web, query, field):
    assert web.get(f"/v1/events?{query}").json["error"]["field"] == field


# -- findings ------------------------------------------------------------------------------------------------------------


def test_each_host_tells_what_it_found_and_the_worst_of_it(web, services):
    reports = DoctorReports(services.store.redis)
    ok = {"level": "ok", "subject": "redis", "text": "answers", "advice": ""}
    hot = {"level": "problem", "subject": "GPU 0", "text": "91 °C", "advice": "clean the fan"}
    reports.publish("rack-b", [ok])
    reports.publish("rack-a", [ok])
    reports.publish("rack-a", [ok, hot])

    hosts = web.get("/v1/doctor").json["hosts"]

    assert [(host["host"], host["worst"], len(host["findings"])) for host in hosts] == [
        ("rack-a", "problem", 2),
        ("rack-b", "ok", 1),
    ]
    assert hosts[0]["findings"][1]["advice"] == "clean the fan"


def test_a_host_that_has_gone_is_not_told_of(web, services):
    old_ms = round(services.store.now_ms() - (keys.DOCTOR_TTL_S + 60) * 1000)
    services.store.redis.hset(keys.DOCTOR, "gone", json.dumps({"host": "gone", "at_ms": old_ms, "findings": []}))

    assert web.get("/v1/doctor").json["hosts"] == []


def test_findings_are_for_those_who_run_the_rack(services):
    assert web_of(services, ANNA).get("/v1/doctor").status_code == 403
    assert web_of(services, OLGA).get("/v1/doctor").status_code == 200
