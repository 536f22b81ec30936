"""How batches run: chains, failures, cancels, resumes, turns, work done once. Feeder and workers are played."""

import itertools
import threading

import pytest

from api.app import create_app
from api.services import build_services
from shared.contracts.batches import PREVIOUS
from shared.contracts.jobs import State
from shared.jobs import lifecycle
from shared.jobs.chains import Chains
from shared.jobs.store import JobStore
from shared.rack.worker_registry import WorkerRegistry
from tests import workers_played
from tests.batches_played import (
    ASK,
    REMIX,
    STEP,
    fails,
    fails_where,
    feeder,
    look,
    members,
    queued,
    run_all,
    run_one,
    running,
    start,
    succeeds,
)
from tests.pictures import png
from workers.recovery.stalled_chains import StalledChains

CHAIN = [STEP, ASK, REMIX | {"prompt": "as a painting"}]


def care(services) -> StalledChains:
    chains = Chains(services.store, services.settings)
    return StalledChains(services.store, chains, services.dispatcher, services.registry, services.settings)


def step_of(services, member: int, kind: str):
    """The job of one member's step."""
    return next(job for job in every_job(services) if job.member == member and job.kind == kind)


def every_job(services):
    ids = [i for state in State for i in services.store.ids_between(state, 0, -1)]
    return [job for job in services.store.get_many(ids) if job is not None]


def test_each_step_works_on_the_picture_that_the_step_before_made(web, services):
    start(web, prompts=["a"], steps=CHAIN)

    first, asked, remix = run_all(services)

    assert asked.params["image"] == first.result["images"][0]["id"]
    assert remix.params["image"] == asked.params["image"]
    assert "image" not in first.params or first.params["image"] is None


def test_steps_of_a_stored_picture_begin_with_that_picture(web, services):
    image = services.artifacts.put(png())
    start(web, images=[image], steps=[ASK, REMIX | {"prompt": "x"}])

    assert [job.params["image"] for job in run_all(services)] == [image, image]


def test_no_step_runs_before_the_one_it_follows(web, services):
    start(web, prompts=[str(n) for n in range(5)], steps=CHAIN)

    order = [(job.member, job.kind) for job in run_all(services)]

    for member in range(5):
        assert [kind for m, kind in order if m == member] == ["generate", "analyze", "generate"]


@pytest.mark.parametrize("bad_step", [0, 1, 2])
def test_a_member_that_fails_at_any_step_ends_there_and_alone(web, services, bad_step):
    batch = start(web, prompts=["good", "bad", "fine"], steps=CHAIN)
    kinds = ["generate", "analyze", "generate"]

    def is_bad(job):
        place = sum(1 for _ in ran if _.member == job.member)
        return job.member == 1 and place == bad_step and job.kind == kinds[bad_step]

    ran = []
    for job in running(services, fails_where(is_bad)):
        ran.append(job)

    now = look(web, batch)
    assert now["state"] == "finished"
    assert (now["counts"]["succeeded"], now["counts"]["failed"]) == (2, 1)
    failed = members(web, batch, state="failed")[0]
    states = [job["state"] for job in failed["jobs"]]
    assert (failed["index"], states) == (1, ["succeeded"] * bad_step + ["failed"] * (3 - bad_step))
    assert failed["error"]["code"] == "engine_failed"
    after = services.store.get_many([job["id"] for job in failed["jobs"]][bad_step + 1 :])
    assert all(job.error.code == "previous_step_failed" for job in after)


def test_counts_add_up_at_every_moment(web, services):
    batch = start(web, prompts=[str(n) for n in range(12)], steps=[STEP, REMIX | {"prompt": "x"}])

    for _ in running(services, fails_where(lambda job: job.member % 4 == 0)):
        assert sum(look(web, batch)["counts"].values()) == 12


def test_a_batch_cancelled_half_way_keeps_what_is_done_and_makes_no_more(web, services):
    batch = start(web, prompts=[str(n) for n in range(40)])
    for _ in itertools.islice(running(services), 20):
        pass

    answer = web.post(f"/v1/batches/{batch['id']}/cancel")

    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    assert (answer.json["counts"]["succeeded"], answer.json["counts"]["cancelled"]) == (20, 20)
    assert run_all(services) == []
    assert services.store.ids_between(State.QUEUED, 0, -1) == []


def test_a_running_member_ends_a_cancelled_batch_only_when_it_has_stopped(web, services):
    batch = start(web, prompts=["a", "b"], steps=CHAIN)
    feeder(services).feed()
    job = queued(services)[0]
    workers_played.start(services, job.id)

    answer = web.post(f"/v1/batches/{batch['id']}/cancel")
    before = look(web, batch)
    services.store.move(job.id, lambda record, now_ms: ended_as_cancelled(record, now_ms))

    assert (answer.status_code, before["state"]) == (202, "cancelling")
    assert (before["counts"]["active"], before["counts"]["cancelled"]) == (1, 1)
    assert look(web, batch)["state"] == "cancelled"
    assert look(web, batch)["counts"]["cancelled"] == 2


def ended_as_cancelled(record, now_ms):
    return lifecycle.end(record, now_ms, token="pen", state=State.CANCELLED)


def test_resuming_runs_failed_and_cancelled_members_from_the_step_that_stopped_them(web, services):
    batch = start(web, prompts=["a", "b", "c"], steps=[STEP, REMIX | {"prompt": "x"}])
    run_all(services, fails_where(lambda job: job.member == 1 and bool(job.params["image"])))
    before = {row["index"]: row for row in members(web, batch)}

    answer = web.post(f"/v1/batches/{batch['id']}/resume")
    ran = run_all(services)

    assert (answer.status_code, answer.json["counts"]["waiting"], answer.json["round"]) == (202, 1, 1)
    assert [(job.member, job.params["image"]) for job in ran] == [(1, before[1]["images"][0])]
    now = look(web, batch)
    assert (now["state"], now["counts"]["succeeded"], now["failures"]) == ("finished", 3, [])
    after = {row["index"]: row for row in members(web, batch)}
    assert after[0] == before[0]
    assert [job["state"] for job in after[1]["jobs"]] == ["succeeded", "succeeded"]
    assert after[1]["jobs"][0] == before[1]["jobs"][0]


def test_resuming_leaves_members_that_can_never_run(web, services):
    batch = start(web, images=[services.artifacts.put(png()), "img_" + "0" * 32], steps=[ASK])
    run_all(services, fails)

    web.post(f"/v1/batches/{batch['id']}/resume")
    run_all(services)

    now = look(web, batch)
    assert (now["state"], now["counts"]["succeeded"], now["counts"]["failed"]) == ("finished", 1, 1)
    assert [failure["code"] for failure in now["failures"]] == ["not_found"]


def test_a_cancelled_batch_can_be_resumed(web, services):
    batch = start(web, prompts=["a", "b"])
    web.post(f"/v1/batches/{batch['id']}/cancel")

    web.post(f"/v1/batches/{batch['id']}/resume")
    run_all(services)

    assert look(web, batch)["counts"]["succeeded"] == 2


def test_resuming_a_batch_that_succeeded_changes_nothing(web, services):
    batch = start(web, prompts=["a"])
    run_all(services)
    before = look(web, batch)

    assert web.post(f"/v1/batches/{batch['id']}/resume").json == before


def test_callers_take_turns_and_a_newcomer_does_not_wait_for_thousands(services):
    def caller(name):
        keyed = build_services(services.settings.model_copy(update={"api_keys": (f"{name}:{name}-key",)}))
        client = create_app(keyed).test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {name}-key"
        return client

    large = start(caller("ann"), prompts=[f"ann {n}" for n in range(500)])
    ran = running(services)
    first = list(itertools.islice(ran, 40))
    small = start(caller("bob"), prompts=[f"bob {n}" for n in range(20)])
    later = list(itertools.islice(ran, 120))

    assert {job.caller for job in first} == {"ann"}
    assert [job.batch for job in later].count(small["id"]) == 20
    last_of_bob = max(place for place, job in enumerate(later) if job.caller == "bob")
    assert last_of_bob < 100
    assert services.batches.read(large["id"])[1].members["waiting"] > 300


def test_batches_of_one_caller_take_turns_too(web, services):
    first, second = (start(web, prompts=[str(n) for n in range(100)]) for _ in range(2))

    ran = list(itertools.islice(running(services), 32))

    assert [job.batch for job in ran].count(first["id"]) == [job.batch for job in ran].count(second["id"]) == 16


def test_a_batch_never_has_more_members_under_way_than_the_window(web, services):
    batch = start(web, prompts=[str(n) for n in range(200)])

    for _ in itertools.islice(running(services), 80):
        assert look(web, batch)["counts"]["active"] <= services.settings.batch_window


def test_single_jobs_go_before_a_batch(web, services):
    start(web, prompts=["a"])
    single = web.post("/v1/generate", json={"prompt": "b", "model": "sdxl-toy"}).json
    feeder(services).feed()

    assert services.store.get(single["id"]).queue == "sdxl-toy.normal"
    assert [job.queue for job in queued(services) if job.batch] == ["sdxl-toy.low"]


def test_analyses_of_one_picture_go_to_the_worker_that_knows_it(web, services):
    second = ASK | {"tasks": [{"task": "caption", "length": "short"}]}
    start(web, images=[services.artifacts.put(png())], steps=[ASK, second])
    feeder(services).feed()

    run_one(services, queued(services)[0].id)

    assert queued(services)[0].queue == "@gpu0.low"


def test_jobs_parked_with_a_worker_that_is_gone_or_paused_go_to_any_other(web, services):
    second = ASK | {"tasks": [{"task": "caption", "length": "short"}]}
    start(web, images=[services.artifacts.put(png())], steps=[ASK, second])
    feeder(services).feed()
    run_one(services, queued(services)[0].id)
    WorkerRegistry(services.store.redis).report(workers_played.report("gpu0"))
    while_it_lives = care(services).reroute_parked()
    WorkerRegistry(services.store.redis).report(workers_played.report("gpu0", state="draining"))

    rerouted = care(services).reroute_parked()

    job = queued(services)[0]
    assert (while_it_lives, rerouted) == (0, 1)
    assert job.queue == f"{job.model}.low"
    assert services.store.redis.llen(job.queue) == 2  # the first step's ticket and the new one


def test_a_chain_that_lost_its_worker_between_two_writes_goes_on(web, services):
    batch = start(web, prompts=["a", "b"], steps=[STEP, REMIX | {"prompt": "x"}])
    feeder(services).feed()
    first, second = queued(services)
    for job, state in ((first, succeeds), (second, fails)):
        taken = workers_played.start(services, job.id)
        how, result, error = state(taken)
        services.store.move(job.id, ends_long_ago(how, result, error))

    assert care(services).move_on() == 2
    run_all(services)

    assert look(web, batch)["state"] == "finished"
    assert (look(web, batch)["counts"]["succeeded"], look(web, batch)["counts"]["failed"]) == (1, 1)


def ends_long_ago(state, result, error):
    def rule(job, now_ms):
        return lifecycle.end(job, now_ms - 60_000, token="pen", state=state, result=result, error=error)

    return rule


class DyingStore(JobStore):
    """Loses its process in the middle of storing chains."""

    def create_many(self, records, deadline_s=None):
        super().create_many(records[: len(records) // 2 + 1], deadline_s)
        raise SystemExit


def test_a_feeder_that_dies_half_way_leaves_nothing_twice_and_nothing_out(web, services):
    batch = start(web, prompts=[str(n) for n in range(9)], steps=CHAIN)
    broken = feeder(services)
    broken._store = DyingStore(services.store.redis, services.settings)
    with pytest.raises(SystemExit):
        broken.feed()

    run_all(services)

    now = look(web, batch)
    assert (now["state"], now["counts"]["succeeded"]) == ("finished", 9)
    assert now["jobs"]["succeeded"] == sum(services.store.counts().values()) == 27


def test_two_feeders_at_once_make_each_job_once(web, services):
    batch = start(web, prompts=[str(n) for n in range(30)], steps=[STEP, REMIX | {"prompt": "x"}])
    feeders = [feeder(services) for _ in range(4)]
    threads = [threading.Thread(target=each.feed_once) for each in feeders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    run_all(services)

    assert look(web, batch)["counts"]["succeeded"] == 30
    assert services.store.counts()["succeeded"] == 60


def test_no_placeholder_is_left_in_what_ran(web, services):
    start(web, prompts=["a", "b"], steps=CHAIN)

    assert all(PREVIOUS not in str(job.params) for job in run_all(services))


def test_a_deleted_batch_leaves_no_job_that_waits_for_ever(web, services):
    batch = start(web, prompts=["a", "b"], steps=CHAIN)
    feeder(services).feed()

    web.delete(f"/v1/batches/{batch['id']}")

    assert services.store.counts()["waiting"] == services.store.counts()["queued"] == 0
    assert services.store.redis.keys(f"darkroom:batch:{batch['id']}*") == []


def test_a_job_that_never_got_its_picture_is_not_retried_alone(web, services):
    batch = start(web, prompts=["a"], steps=CHAIN)
    run_all(services, fails)
    first, second, _ = members(web, batch)[0]["jobs"]

    refused = web.post(f"/v1/jobs/{second['id']}/retry")

    assert refused.status_code == 409
    assert batch["id"] in refused.json["error"]["message"]
    assert web.post(f"/v1/jobs/{first['id']}/retry").status_code == 202
