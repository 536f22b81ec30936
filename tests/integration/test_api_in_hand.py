"""Jobs in hand, over HTTP: changed, held, first, given up, one or many; and why each waits."""

import pytest

from api.app import create_app
from api.services import auth
from api.services.gate import Gate
from shared.accounts.audit import Audit
from shared.contracts.access import Role, Scopes
from shared.contracts.base import Priority
from shared.contracts.jobs import State, new_job_id
from shared.errors import Busy, IllegalMove
from shared.jobs import lifecycle
from shared.jobs.shares import Shares
from shared.models.measurements import LOAD, Measurements
from tests import batches_played, workers_played
from tests.integration.jobs import at_once

BODY = {"prompt": "a lamp", "model": "sdxl-toy", "width": 64, "height": 64, "steps": 10, "seed": 5}
QUEUE = "sdxl-toy.normal"


@pytest.fixture
def web_of(services, monkeypatch):
    """A client for each caller; who calls is told by a header."""
    callers: dict[str, auth.Caller] = {}
    monkeypatch.setattr(Gate, "let_in", lambda self, asked, **_: callers[asked.headers.get("x-api-key", "anna")])
    app = create_app(services)

    def client(person="anna", role=Role.USER, **more):
        callers[person] = auth.Caller(person, role, **more)
        made = app.test_client()
        made.environ_base["HTTP_X_API_KEY"] = person
        return made

    services.registry.report(workers_played.report("gpu0", models=("sdxl-toy",)))
    return client


@pytest.fixture
def anna(web_of):
    return web_of("anna")


def send(web, **fields):
    answer = web.post("/v1/generate", json=BODY | fields)
    assert answer.status_code == 202, answer.json
    return answer.json["id"]


def change(web, job_id, **fields):
    return web.patch(f"/v1/jobs/{job_id}", json=fields)


def take(services, token="pen", queue=QUEUE):
    """The next job as a worker takes it; its id."""
    rule = lambda job, now_ms: lifecycle.claim(job, now_ms, worker="gpu0", gpu="GPU-0", token=token)  # noqa: E731
    taken = Shares(services.store, 30).claim_next(queue, rule)
    return taken and taken.id


def refused(answer, status, code):
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code), answer.json
    return answer.json["error"]["message"]


# -- one job -------------------------------------------------------------------------------------------------------------


def test_a_job_is_made_more_urgent_and_gets_a_ticket_in_its_new_queue(services, anna):
    job_id = send(anna)

    answer = change(anna, job_id, priority="high")

    assert (answer.status_code, answer.json["priority"]) == (200, "high")
    assert services.store.redis.llen("sdxl-toy.high") == 1
    assert take(services) is None
    assert take(services, queue="sdxl-toy.high") == job_id


def test_a_held_job_starts_nowhere_and_a_released_one_has_a_ticket_again(services, anna):
    job_id = send(anna)
    held = change(anna, job_id, held=True).json
    nothing = take(services)
    services.store.redis.delete(QUEUE)

    free = change(anna, job_id, held=False).json

    assert (held["held"], held["state"], held["queue"]["waits"]["code"]) == (True, "queued", "held")
    assert nothing is None
    assert free["held"] is False
    assert services.store.redis.llen(QUEUE) == 1
    assert take(services) == job_id


def test_a_job_moved_to_the_front_goes_before_its_owners_others(services, anna):
    first, second = send(anna), send(anna)

    change(anna, second, front=True)

    assert [take(services, str(n)) for n in range(2)] == [second, first]


def test_front_all_goes_before_everybodys_and_is_the_operators(services, web_of, anna):
    bert, olga = web_of("bert"), web_of("olga", Role.OPERATOR)
    send(bert)
    late = send(anna)

    own_wish = change(anna, late, front="all")
    answer = change(olga, late, front="all")

    assert "operator" in refused(own_wish, 403, "role_needed")
    assert answer.status_code == 200
    assert take(services) == late


@pytest.mark.parametrize("body", [{"priority": "high"}, {"held": True}, {"held": False}, {"front": True}])
def test_what_runs_is_not_changed_in_words(services, anna, body):
    job_id = send(anna)
    workers_played.start(services, job_id)

    assert "running" in refused(change(anna, job_id, **body), 409, "illegal_move")
    assert services.store.get(job_id).rev == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"priority": None}, "body"),
        ({"front": False}, "body"),
        ({"priority": "urgent"}, "priority"),
        ({"held": "yes"}, "held"),
        ({"front": "mine"}, "front"),
        ({"rank": 1}, "rank"),
    ],
)
def test_what_is_no_change_is_refused_with_its_field(anna, body, field):
    answer = change(anna, send(anna), **body)

    refused(answer, 422, "invalid_request")
    assert field in (answer.json["error"].get("field") or "body")


def test_a_key_may_not_make_a_job_more_urgent_than_itself(web_of):
    narrow = web_of("anna", scopes=Scopes(highest_priority=Priority.NORMAL))
    job_id = send(narrow)

    message = refused(change(narrow, job_id, priority="high"), 403, "scope_exceeded")

    assert "highest_priority" in message
    assert change(narrow, job_id, priority="low").status_code == 200


def test_a_held_jobs_deadline_goes_on(services, anna):
    job_id = send(anna, deadline_s=1)
    change(anna, job_id, held=True)

    ended = services.store.move(
        job_id, lambda job, now: lifecycle.overdue(job.model_copy(update={"deadline_at_ms": now}), now)
    )

    assert ended.error.code == "deadline_exceeded"


@pytest.mark.parametrize("_", range(6))
def test_a_change_against_a_claim_is_made_before_it_or_refused(services, anna, _):
    job_id = send(anna)

    def claim():
        try:
            return workers_played.start(services, job_id)
        except (Busy, IllegalMove) as error:
            return error

    answer, claimed = at_once(lambda: change(anna, job_id, held=True), claim)

    now = services.store.get(job_id)
    if answer.status_code == 409:
        assert (now.state, now.held) == (State.RUNNING, False)
    else:
        assert (now.state, now.held) == (State.QUEUED, True)
        assert isinstance(claimed, Busy)


# -- many ----------------------------------------------------------------------------------------------------------------


def outcomes(answer):
    assert answer.status_code == 200, answer.json
    return [(row["id"], row["outcome"]) for row in answer.json["jobs"]]


def test_one_bad_item_changes_nothing_for_the_others(services, anna):
    good, running, unknown = send(anna), send(anna), new_job_id()
    workers_played.start(services, running)

    answer = anna.patch("/v1/jobs", json={"ids": [good, running, unknown, "nonsense", good], "held": True})

    assert outcomes(answer) == [
        (good, "changed"),
        (running, "refused"),
        (unknown, "refused"),
        ("nonsense", "refused"),
    ]
    assert (answer.json["changed"], answer.json["refused"]) == (1, 3)
    codes = [row["error"] and row["error"]["code"] for row in answer.json["jobs"]]
    assert codes == [None, "illegal_move", "not_found", "not_found"]
    assert [row["state"] for row in answer.json["jobs"]] == ["queued", "running", None, None]


def test_asking_twice_changes_nothing(anna):
    job_id = send(anna)
    anna.patch("/v1/jobs", json={"ids": [job_id], "held": True})

    answer = anna.patch("/v1/jobs", json={"ids": [job_id], "held": True})

    assert outcomes(answer) == [(job_id, "unchanged")]


def test_several_jobs_moved_to_the_front_keep_the_order_that_was_asked_for(services, anna):
    jobs = [send(anna) for _ in range(5)]
    wanted = [jobs[3], jobs[1], jobs[4]]

    answer = anna.patch("/v1/jobs", json={"ids": wanted, "front": True})

    assert [job_id for job_id, _ in outcomes(answer)] == wanted
    assert [take(services, str(n)) for n in range(5)] == [*wanted, jobs[0], jobs[2]]


def test_a_filter_reaches_ones_own_jobs_only(services, web_of, anna):
    mine, theirs = send(anna), send(web_of("bert"))

    answer = anna.patch("/v1/jobs", json={"filter": {"state": "queued"}, "held": True})

    assert outcomes(answer) == [(mine, "changed")]
    assert not services.store.get(theirs).held


def test_anothers_jobs_answer_in_bulk_exactly_like_what_never_was(services, web_of, anna):
    theirs, never = send(web_of("bert")), new_job_id()

    for rows in (
        anna.patch("/v1/jobs", json={"ids": [theirs, never], "held": True}).json["jobs"],
        anna.post("/v1/jobs/cancel", json={"ids": [theirs, never]}).json["jobs"],
    ):
        told = [str(row).replace(theirs, "ID").replace(never, "ID") for row in rows]
        assert told[0] == told[1]
        assert rows[0]["error"]["code"] == "not_found"
    assert services.store.get(theirs).rev == 0
    assert change(anna, theirs, held=True).status_code == 404


def test_anothers_batch_is_not_reached_by_a_filter(services, web_of, anna):
    batch = batches_played.start(web_of("bert"), prompts=["a"])["id"]

    for answer in (
        anna.patch("/v1/jobs", json={"filter": {"batch": batch}, "held": True}),
        anna.post("/v1/jobs/cancel", json={"filter": {"batch": batch}}),
    ):
        refused(answer, 404, "not_found")
    assert not services.batches.get(batch).held
    assert services.batches.get(batch).state.value == "running"


def test_only_an_operators_filter_reaches_everybodys(services, web_of, anna):
    olga = web_of("olga", Role.OPERATOR)
    jobs = {send(anna), send(web_of("bert"))}

    own = anna.post("/v1/jobs/cancel", json={"filter": {"mine": False}})
    answer = olga.post("/v1/jobs/cancel", json={"filter": {"mine": False}})

    refused(own, 403, "role_needed")
    assert {job_id for job_id, _ in outcomes(answer)} == jobs
    assert services.store.counts()["cancelled"] == 2
    told, _ = Audit(services.store.redis).page(10)
    assert {(entry.what.value, entry.who) for entry in told} == {("job.cancelled", "olga")}


def test_a_filter_with_thousands_is_done_a_part_at_a_time(services, anna, monkeypatch):
    monkeypatch.setattr("api.requests.in_hand.MOST_JOBS", 3)
    jobs = [send(anna) for _ in range(7)]
    found, cursor = [], ""
    while cursor is not None:
        answer = anna.patch("/v1/jobs", json={"filter": {}, "held": True, "cursor": cursor})
        found += outcomes(answer)
        cursor = answer.json["next_cursor"]

    assert found == [(job_id, "changed") for job_id in jobs]


def test_queued_and_running_jobs_are_given_up_in_one_go_and_ended_ones_stay(services, anna):
    queued, running, ended = send(anna), send(anna), send(anna)
    workers_played.start(services, running)
    anna.delete(f"/v1/jobs/{ended}")

    answer = anna.post("/v1/jobs/cancel", json={"ids": [queued, running, ended]})

    assert outcomes(answer) == [(queued, "changed"), (running, "changed"), (ended, "unchanged")]
    assert [row["state"] for row in answer.json["jobs"]] == ["cancelled", "running", "cancelled"]
    assert services.store.get(running).cancel_requested


@pytest.mark.parametrize(
    "body",
    [
        {"held": True},
        {"ids": [], "held": True},
        {"ids": ["job_1"], "filter": {}, "held": True},
        {"ids": ["job_1"]},
        {"ids": ["x" * 101], "held": True},
        {"filter": {"state": "running"}, "held": True},
        {"filter": {"batch": "job_1"}, "held": True},
        {"ids": [f"job_{n}" for n in range(1001)], "held": True},
    ],
)
def test_a_bulk_request_that_names_jobs_in_no_way_or_two_is_refused_whole(anna, body):
    refused(anna.patch("/v1/jobs", json=body), 422, "invalid_request")


def test_a_held_batch_makes_no_more_jobs_and_a_released_one_goes_on(services, anna):
    batch = batches_played.start(anna, prompts=["a", "b", "c"])
    feeder = batches_played.feeder(services)

    anna.patch("/v1/jobs", json={"filter": {"batch": batch["id"]}, "held": True})
    feeder.feed_once()
    held = batches_played.look(anna, batch)
    anna.patch("/v1/jobs", json={"filter": {"batch": batch["id"]}, "held": False, "priority": "high"})
    feeder.feed_once()

    assert (held["counts"]["waiting"], held["waits"]["code"]) == (3, "held")
    assert {job.priority for job in batches_played.queued(services)} == {Priority.HIGH}
    assert batches_played.look(anna, batch)["waits"] is None


def test_the_jobs_a_batch_has_made_follow_too(services, anna):
    batch = batches_played.start(anna, prompts=["a", "b"])
    batches_played.feeder(services).feed_once()

    answer = anna.patch("/v1/jobs", json={"filter": {"batch": batch["id"]}, "held": True})

    assert answer.json["changed"] == 2
    assert {job.held for job in batches_played.queued(services)} == {True}


def test_giving_up_a_batchs_jobs_by_filter_gives_up_the_batch(services, anna):
    batch = batches_played.start(anna, prompts=["a", "b"])
    batches_played.feeder(services).feed_once()

    anna.post("/v1/jobs/cancel", json={"filter": {"batch": batch["id"]}})

    assert batches_played.look(anna, batch)["state"] == "cancelled"


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_the_address_of_bulk_cancels_is_no_jobs_id(anna, method):
    answer = getattr(anna, method)("/v1/jobs/cancel", json=None if method != "patch" else {"held": True})

    refused(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_every_method_of_a_job_is_described(anna):
    paths = anna.get("/openapi.json").json["paths"]

    assert {*paths["/v1/jobs"]} == {"get", "patch"}
    assert {*paths["/v1/jobs/{job_id}"]} == {"get", "patch", "delete"}


# -- pausing everything --------------------------------------------------------------------------------------------------


def test_a_pause_of_everything_holds_what_is_there_and_what_comes_and_ends_with_tickets_for_all(services, anna):
    before = send(anna)
    paused = anna.patch("/v1/me", json={"paused": True}).json
    during = send(anna)
    services.store.redis.delete(QUEUE)

    nothing = take(services)
    told = [anna.get(f"/v1/jobs/{job_id}").json["queue"]["waits"]["code"] for job_id in (before, during)]
    goes_on = anna.patch("/v1/me", json={"paused": False}).json

    assert (paused["paused"], anna.get("/v1/me").json["paused"], goes_on["paused"]) == (True, False, False)
    assert (nothing, told) == (None, ["held", "held"])
    assert services.store.redis.llen(QUEUE) == 2
    assert [take(services, str(n)) for n in range(2)] == [before, during]


def test_a_paused_persons_job_cannot_be_released_singly(anna):
    job_id = send(anna)
    anna.patch("/v1/me", json={"paused": True})

    assert "/v1/me" in refused(change(anna, job_id, held=False), 409, "illegal_move")


# -- why it waits --------------------------------------------------------------------------------------------------------


def waits(web, job_id):
    found = web.get(f"/v1/jobs/{job_id}").json["queue"]["waits"]
    return found["code"], found["message"]


def fresh(services):
    """As a second later."""
    services.reasons._gathered_at = services.forecast._gathered_at = float("-inf")


def busy(services, *jobs):
    services.registry.report(workers_played.report("gpu0", models=("sdxl-toy",), state="busy", jobs=jobs))
    fresh(services)


def test_a_job_beside_a_free_worker_starts(anna):
    assert waits(anna, send(anna))[0] == "starting"


def test_a_job_whose_model_nobody_has_says_so(services, anna):
    job_id = send(anna)
    services.registry.report(workers_played.report("gpu0", models=("other",)))
    fresh(services)

    assert waits(anna, job_id) == ("no_worker", "no living worker serves sdxl-toy")


def test_a_job_whose_model_is_loaded_is_told_how_far(services, anna):
    first, second = send(anna), send(anna)
    workers_played.start(services, first)
    Measurements(services.store.redis).add_time("sdxl-toy", "gpu0", LOAD, 10_000)
    services.store.redis.hset(f"darkroom:job:{first}", "started_at_ms", services.store.now_ms() - 4_000)
    busy(services, first)

    assert waits(anna, second) == ("loading", "loading sdxl-toy 40 %")


def test_a_job_behind_others_is_told_how_many_and_nothing_else_of_them(services, web_of, anna):
    bert = web_of("bert")
    running, *ahead = [send(bert, prompt="a secret") for _ in range(3)]
    workers_played.start(services, running)
    workers_played.step(services, running, 1)
    busy(services, running)
    mine = [send(anna) for _ in range(2)]

    code, message = waits(anna, mine[1])

    assert code == "behind"
    assert "job" in message
    assert not any(word in message for word in ("secret", "bert", *ahead, running))


def test_a_job_that_others_pass_by_because_its_owner_had_more_waits_for_its_share(services, web_of, anna):
    bert = web_of("bert")
    costly, mine = send(anna), send(anna)
    take(services)
    services.store.move(
        costly, lambda job, now: lifecycle.end(job, now, token="pen", state=State.SUCCEEDED, spent_s=100.0)
    )
    later = [send(bert) for _ in range(2)]
    busy(services, "job_" + "0" * 24)

    code, message = waits(anna, mine)

    assert code == "your_share"
    assert message.startswith("your share: others who had less go first")
    assert waits(bert, later[0])[0] != "your_share"
    assert take(services, "next") == later[0]


def test_a_thousand_jobs_are_told_in_few_round_trips(services, anna):
    ids = [send(anna) for _ in range(30)]
    busy(services, "job_" + "0" * 24)
    anna.get("/v1/jobs", query_string={"ids": ",".join(ids)})
    calls = []
    execute = type(services.store.redis.pipeline()).execute

    def counted(self, *args, **kwargs):
        calls.append(len(self))
        return execute(self, *args, **kwargs)

    services.store.redis.pipeline().__class__.execute = counted
    try:
        rows = anna.get("/v1/jobs", query_string={"ids": ",".join(ids)}).json["jobs"]
    finally:
        services.store.redis.pipeline().__class__.execute = execute

    assert {row["queue"]["waits"]["code"] for row in rows} <= {"behind", "turn", "starting"}
    assert len(calls) <= 5
