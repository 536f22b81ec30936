"""`/v1/batches` against a real server: what is accepted, what is refused, what is shown."""

import io
import json
import struct
import threading

import pytest

from api.services.decoding import Decoding
from shared.contracts.batch_records import new_batch_id
from tests.batches_played import ASK, REMIX, STEP, fails_where, look, members, run_all, start
from tests.integration.jobs import lose_answers
from tests.pictures import CASES, case, jpeg, png


def stored(services, count: int) -> list[str]:
    return [services.artifacts.put(png(8, 8, (number % 256, number // 256, 7))) for number in range(count)]


def form(web, files, **options):
    data = {"batch": json.dumps(options), "files": [(io.BytesIO(data), name) for name, data in files]}
    return web.post("/v1/batches", data=data, content_type="multipart/form-data")


def test_a_batch_is_accepted_with_its_record_and_every_member_waits(web):
    answer = web.post("/v1/batches", json={"name": "foxes", "prompts": ["a fox", "a hare"], "steps": [STEP]})

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/batches/{answer.json['id']}"
    assert answer.json["state"] == "running"
    assert answer.json["total"] == answer.json["counts"]["waiting"] == 2
    assert answer.json["percent"] == 0


def test_five_thousand_members_with_three_steps_are_accepted_without_making_a_job(web, services):
    batch = start(web, images=stored(services, 50) * 100, steps=[ASK, STEP | {"prompt": "x"}, ASK])

    assert batch["counts"]["waiting"] == 5000
    assert sum(batch["jobs"].values()) == 0
    assert sum(services.store.counts().values()) == 0


def test_a_grid_has_a_member_for_each_prompt_seed_and_model(web):
    grid = {"prompts": ["a", "b"], "seeds": [1, 2, 3], "models": ["sdxl-toy"]}

    batch = start(web, grid=grid, steps=[{"kind": "generate", "steps": 2}])

    cells = {(row["prompt"], row["seed"], row["model"]) for row in members(web, batch)}
    assert cells == {(p, s, "sdxl-toy") for p in "ab" for s in (1, 2, 3)}


def test_a_seed_of_a_grid_may_be_drawn(web, services):
    grid = {"prompts": ["a", "b"], "seeds": [-1, 7]}

    batch = start(web, grid=grid, steps=[{"kind": "generate", "steps": 2}])

    assert [row["seed"] for row in members(web, batch)] == [None, 7, None, 7]
    assert len({job.params["seed"] for job in run_all(services)}) == 3


def test_a_step_takes_a_schedule_and_a_contradiction_names_the_step(web, services):
    step = {"kind": "generate", "scheduler": "Euler a Karras", "seed": -1}
    start(web, prompts=["a", "b"], steps=[step])
    wrong = web.post("/v1/batches", json={"prompts": ["a"], "steps": [step | {"schedule": "beta"}]})

    jobs = run_all(services)

    assert {(job.params["scheduler"], job.params["schedule"]) for job in jobs} == {("euler_ancestral", "karras")}
    assert len({job.params["seed"] for job in jobs}) == 2
    assert (wrong.status_code, wrong.json["error"]["field"]) == (422, "steps.0.schedule")


def test_pictures_that_are_not_here_fail_alone_with_their_reason(web, services):
    here, nowhere = stored(services, 1)[0], "img_" + "0" * 32

    batch = start(web, images=[here, {"id": nowhere, "name": "lost.png"}], steps=[ASK])

    assert batch["counts"] | {"waiting": 1, "failed": 1} == batch["counts"]
    assert batch["failures"] == [{"code": "not_found", "count": 1, "message": f"there is no picture {nowhere}"}]
    assert members(web, batch, state="failed")[0]["error"]["code"] == "not_found"


def test_a_form_of_files_makes_each_a_member_and_a_bad_one_does_not_spoil_the_rest(web):
    files = [("a.png", png()), ("b.png", b"no picture"), ("c.jpg", jpeg()), ("d.png", png()[:60]), ("e.png", b"")]

    answer = form(web, files, steps=[ASK])

    assert answer.status_code == 202
    rows = members(web, answer.json)
    assert [(row["name"], row["state"]) for row in rows] == [
        *(("a.png", "waiting"), ("b.png", "failed"), ("c.jpg", "waiting"), ("d.png", "failed"), ("e.png", "failed")),
    ]
    assert all(row["error"]["code"] == "bad_picture" for row in rows if row["state"] == "failed")


def test_a_form_may_have_hundreds_of_files(web):
    answer = form(web, [(f"{n}.png", png(8, 8, (n % 256, 0, 0))) for n in range(300)], steps=[ASK])

    assert answer.json["total"] == 300


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"prompts": []}, "prompts"),
        ({"prompts": ["a"], "images": ["img_" + "0" * 32]}, "body"),
        ({"images": ["nonsense"]}, "images.0.id"),
        ({"images": ["img_" + "0" * 32]}, "steps.0.prompt"),
        ({"images": ["img_" + "0" * 32], "steps": [STEP]}, "steps.0.prompt"),
        ({"prompts": ["a"], "steps": [ASK]}, "steps.0.kind"),
        ({"prompts": ["a"], "steps": [REMIX]}, "steps.0.image"),
        ({"prompts": ["a"], "steps": [STEP, STEP | {"width": 8}]}, "steps.1.width"),
        ({"prompts": ["a"], "steps": [STEP | {"strength": 0.5}]}, "steps.0.strength"),
        ({"prompts": ["a"], "steps": [STEP | {"n": "1"}]}, "steps.0.n"),
        ({"prompts": ["a"], "steps": [{"kind": "upscale"}]}, "steps.0.kind"),
        ({"prompts": ["a"], "steps": [STEP] * 9}, "steps"),
        ({"prompts": ["a"], "priority": "urgent"}, "priority"),
        ({"prompts": ["a"], "webhook": "https://example.org/"}, "webhook"),
        ({"prompts": ["a"], "members": 3}, "members"),
        ({"grid": {"prompts": ["a"], "seeds": [-2]}}, "grid.seeds.0"),
    ],
)
def test_what_is_wrong_is_refused_with_the_field_to_blame(web, body, field):
    answer = web.post("/v1/batches", json=body)

    assert answer.status_code == 422
    assert answer.json["error"]["field"] == field, answer.json


def test_an_unknown_model_is_not_found(web):
    assert web.post("/v1/batches", json={"prompts": ["a"], "steps": [STEP | {"model": "x"}]}).status_code == 404


def test_forms_without_files_or_with_unknown_fields_are_refused(web):
    assert form(web, [], steps=[ASK]).status_code == 422
    assert web.post("/v1/batches", data={"steps": "[]", "f": (io.BytesIO(png()), "a.png")}).status_code == 422
    assert web.post("/v1/batches", data={"batch": "{", "f": (io.BytesIO(png()), "a.png")}).status_code == 400


def test_the_same_key_and_body_is_the_same_batch_and_another_body_is_a_conflict(web):
    def send(*prompts):
        body = {"prompts": list(prompts), "steps": [STEP]}
        return web.post("/v1/batches", json=body, headers={"Idempotency-Key": "k"})

    first, again, other = send("a"), send("a"), send("b")

    assert first.json["id"] == again.json["id"]
    assert other.status_code == 409
    assert len(web.get("/v1/batches").json["batches"]) == 1


def test_a_batch_with_a_key_whose_making_had_its_answer_lost_is_there(web, monkeypatch):
    lost = lose_answers(monkeypatch, lambda answer: answer == [b"created"])

    sent = web.post("/v1/batches", json={"prompts": ["a"], "steps": [STEP]}, headers={"Idempotency-Key": "k"})

    assert lost() == 1
    assert sent.status_code == 202
    assert [each["id"] for each in web.get("/v1/batches").json["batches"]] == [sent.json["id"]]


def test_unknown_batches_are_404_and_deleted_ones_410(web):
    batch = start(web, prompts=["a"])

    assert web.delete(f"/v1/batches/{batch['id']}").status_code == 204
    for path in ("", "/members", "/export.csv", "/export.jsonl", "/export.xmp.zip"):
        assert web.get(f"/v1/batches/{batch['id']}{path}").status_code == 410
        assert web.get(f"/v1/batches/{new_batch_id()}{path}").status_code == 404
    assert web.get("/v1/batches/nonsense").status_code == 404
    assert web.post(f"/v1/batches/{new_batch_id()}/cancel").status_code == 404
    assert web.post(f"/v1/batches/{batch['id']}/resume").status_code == 410
    assert web.get("/v1/batches").json["batches"] == []


def test_members_turn_their_pages_by_state(web, services):
    batch = start(web, prompts=[str(n) for n in range(7)])
    run_all(services, fails_where(lambda job: job.params["prompt"] in "135"))

    first = web.get(f"/v1/batches/{batch['id']}/members?state=failed&limit=2").json
    second = web.get(f"/v1/batches/{batch['id']}/members?state=failed&limit=2&cursor={first['next_cursor']}").json

    assert [row["prompt"] for row in first["members"] + second["members"]] == ["1", "3", "5"]
    assert second["next_cursor"] is None
    assert all(row["error"]["code"] == "engine_failed" for row in first["members"])
    assert [row["prompt"] for row in members(web, batch)] == list("0123456")


def test_batches_are_listed_newest_first(web):
    ids = [start(web, prompts=[name])["id"] for name in "abc"]

    page = web.get("/v1/batches?limit=2").json
    rest = web.get(f"/v1/batches?limit=2&cursor={page['next_cursor']}").json

    assert [row["id"] for row in page["batches"] + rest["batches"]] == ids[::-1]
    assert rest["next_cursor"] is None


def test_an_ended_batch_shows_its_numbers(web, services):
    batch = start(web, prompts=["a", "b", "c", "d"])
    run_all(services, fails_where(lambda job: job.params["prompt"] == "b"))

    now = look(web, batch)

    assert now["state"] == "finished"
    assert now["counts"] == {"waiting": 0, "active": 0, "succeeded": 3, "failed": 1, "cancelled": 0}
    assert now["percent"] == 100
    assert now["members_per_second"] > 0
    assert now["eta_s"] is None
    assert now["failures"] == [{"code": "engine_failed", "count": 1, "message": "as ordered: sdxl-toy"}]
    assert now["started_at"] <= now["ended_at"]


def test_a_poll_with_the_known_etag_answers_304_until_something_changes(web, services):
    batch = start(web, prompts=["a"])
    etag = web.get(f"/v1/batches/{batch['id']}").headers["ETag"]

    unchanged = web.get(f"/v1/batches/{batch['id']}", headers={"If-None-Match": etag})
    run_all(services)
    changed = web.get(f"/v1/batches/{batch['id']}?wait=5", headers={"If-None-Match": etag})

    assert unchanged.status_code == 304
    assert changed.json["state"] == "finished"


def test_a_caller_may_have_only_so_many_batches_under_way(web, services):
    limit = services.settings.max_batches_per_caller
    for _ in range(limit):
        start(web, prompts=["a"])

    answer = web.post("/v1/batches", json={"prompts": ["a"], "steps": [STEP]})

    assert answer.status_code == 429
    assert answer.headers["Retry-After"]


def test_nothing_a_batch_writes_lives_for_ever(web, services):
    start(web, prompts=["a", "b"], steps=[STEP, REMIX | {"prompt": "x"}])
    run_all(services, fails_where(lambda job: job.params["prompt"] == "a"))

    # What is not ours: kombu's lists and bindings.
    endless = [key for key in services.store.redis.scan_iter("darkroom:*") if services.store.redis.ttl(key) < 0]
    assert endless == []


def test_an_odd_picture_is_a_member_like_any_other(web):
    names = sorted(path.name for path in CASES.iterdir() if path.suffix != ".md")

    answer = form(web, [(name, case(name)) for name in names], steps=[ASK])

    assert answer.status_code == 202
    assert answer.json["counts"]["waiting"] == len(names)


def test_whatever_one_file_makes_us_raise_the_others_are_taken(web, monkeypatch):
    odd = {b"odd": struct.error("a decoder's"), b"odder": SystemError("nobody expected it")}
    real = Decoding.check

    def check(turns, data, *given, **named):
        if data in odd:
            raise odd[data]
        return real(turns, data, *given, **named)

    monkeypatch.setattr(Decoding, "check", check)

    answer = form(web, [("a.png", png()), ("1.png", b"odd"), ("2.png", b"odder"), ("b.png", png())], steps=[ASK])

    assert answer.status_code == 202
    assert answer.json["counts"] | {"waiting": 2, "failed": 2} == answer.json["counts"]
    assert [row["name"] for row in members(web, answer.json, state="failed")] == ["1.png", "2.png"]


def test_members_that_are_remixed_without_a_size_keep_their_own_aspect(web, services):
    remix = {"kind": "generate", "image": "@previous", "prompt": "at night", "model": "sdxl-toy"}
    wide, tall = services.artifacts.put(png(160, 90)), services.artifacts.put(png(90, 160))

    by_id = start(web, images=[wide, tall], steps=[remix, remix | {"strength": 0.9}])
    by_form = form(web, [("wide.png", png(160, 90)), ("tall.png", png(90, 160))], steps=[remix]).json
    run_all(services)

    for batch in (by_id, by_form):
        jobs = [services.store.get(job["id"]) for row in members(web, batch) for job in row["jobs"]]
        sizes = [(job.params["width"], job.params["height"]) for job in jobs if job.params["strength"] != 0.9]
        assert sizes == [(168, 96), (96, 168)]
        assert jobs[0].batch_key != jobs[-1].batch_key


def test_a_picture_that_cannot_be_read_any_more_fails_alone(web, services):
    remix = {"kind": "generate", "image": "@previous", "prompt": "at night", "model": "sdxl-toy"}

    batch = start(web, images=[services.artifacts.put(b"no picture"), *stored(services, 1)], steps=[remix])

    assert batch["counts"] | {"waiting": 1, "failed": 1} == batch["counts"]
    assert batch["failures"][0]["code"] == "bad_picture"


def test_enough_forms_at_a_time_and_the_next_is_told_to_come_again(web, services, monkeypatch):
    monkeypatch.setattr(services.decoding, "_forms", threading.BoundedSemaphore(1))

    with services.decoding.form():
        answer = form(web, [("a.png", png())], steps=[ASK])

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
