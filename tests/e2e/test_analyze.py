"""`POST /v1/analyze` through the whole stack: one vision pass for all tasks, answers per task, jobs that share passes."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import pictures, talker
from tests.rig import Rig, running_stack

WORDS = {"max_tokens": 16, "temperature": 1.5, "top_p": 1.0, "seed": 3}
ALL_SIX = [
    {"task": "caption", "length": "short", **WORDS},
    {"task": "query", "question": "how many?", **WORDS},
    {"task": "query", "question": "which colour?", **WORDS},
    {"task": "detect", "object": "house", "max_objects": 2},
    {"task": "detect", "object": "tree", "max_objects": 2},
    {"task": "point", "object": "door", "max_objects": 2},
]


@pytest.fixture(scope="module")
def rig(tmp_path_factory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("analyze")
    with running_stack(folder, DARKROOM_MODELS_FILE=str(talker.catalogue_with(folder))) as stack:
        yield stack


def picture(shade: int) -> str:
    """A picture nobody sent before."""
    return base64.b64encode(pictures.png(80, 50, (shade, 60, 90))).decode()


def ask(rig, image: str, tasks: list, **fields) -> dict:
    answer = rig.http.post("/v1/analyze", json={"image": image, "tasks": tasks, **fields})
    assert answer.status_code == 202, answer.text
    return rig.finish(answer.json()["id"])


def test_a_picture_asked_six_times_costs_one_vision_pass(rig):
    first = ask(rig, picture(1), ALL_SIX, model="talker")
    again = ask(rig, picture(1), ALL_SIX[:2], model="talker")

    assert first["state"] == "succeeded", first
    assert first["result"]["vision_passes"] == 1
    assert again["result"]["vision_passes"] == 0
    assert [row["answer"] for row in again["result"]["answers"]] == [
        row["answer"] for row in first["result"]["answers"][:2]
    ]


def test_every_answer_names_its_task_engine_and_model(rig):
    tasks = [*ALL_SIX, {"task": "tags"}, {"task": "rating"}, {"task": "tags", "engine": "moondream", "max_tags": 3}]

    done = ask(rig, picture(2), tasks, model="talker")

    rows = done["result"]["answers"]
    assert [row["task"] for row in rows] == [task["task"] for task in tasks]
    assert [row["model"] for row in rows] == ["talker"] * 6 + ["efficientnet-lite0", "opennsfw", "talker"]
    assert all(row["ok"] and row["took_ms"] >= 0 and row["cpu_threads"] == 1 for row in rows)
    assert all(0.05 <= tag["score"] <= 1 for tag in rows[6]["answer"]["tags"])
    assert rows[7]["answer"]["scores"].keys() == {"sfw", "nsfw"}
    assert done["progress"]["percent"] == 100


def test_coordinates_come_as_shares_and_as_pixels(rig):
    done = ask(rig, picture(3), ALL_SIX[3:], model="talker")

    boxes, _, points = (row["answer"] for row in done["result"]["answers"])
    assert (done["result"]["width"], done["result"]["height"]) == (80, 50)
    assert len(boxes["objects"]) == len(points["points"]) == 2
    for box in boxes["objects"]:
        assert 0 <= box["x_min"] <= box["x_max"] <= 1
        assert box["pixels"]["x_max"] == round(box["x_max"] * 80)
        assert box["pixels"]["y_min"] == round(box["y_min"] * 50)
    for point in points["points"]:
        assert point["pixels"] == {"x": round(point["x"] * 80), "y": round(point["y"] * 50)}


def test_one_task_that_fails_leaves_the_others_their_answers(rig):
    too_long = {"task": "query", "question": "x" * 4000, **WORDS}
    unanswerable = {"task": "rating", "engine": "talker"}

    done = ask(rig, picture(4), [too_long, ALL_SIX[0], unanswerable], model="talker")

    first, second, third = done["result"]["answers"]
    assert done["state"] == "succeeded"
    assert (first["ok"], first["error"]["code"]) == (False, "invalid_request")
    assert second["ok"]
    assert (third["ok"], third["error"]["code"]) == (False, "engine_failed")
    assert "answer" not in first


def test_a_job_of_which_nothing_succeeds_fails_and_keeps_each_tasks_error(rig):
    done = ask(rig, picture(5), [{"task": "query", "question": "x" * 4000, **WORDS}], model="talker")

    assert done["state"] == "failed"
    assert done["error"]["code"] == "invalid_request"
    assert done["result"]["answers"][0]["error"]["code"] == "invalid_request"


def test_waiting_jobs_share_a_batch_and_each_keeps_its_own_answers(rig):
    alone = [ask(rig, picture(10 + i), [ALL_SIX[0]], model="talker") for i in range(3)]
    long = {**ALL_SIX[0], "max_tokens": 400}
    plug = rig.http.post("/v1/analyze", json={"image": picture(9), "model": "talker", "tasks": [long]}).json()["id"]
    rig.wait_for_state(plug, "running")
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda i: ask(rig, picture(10 + i), [ALL_SIX[0]], model="talker"), range(3)))

    assert [job["result"]["answers"][0]["answer"] for job in together] == [
        job["result"]["answers"][0]["answer"] for job in alone
    ]
    batches = [line for line in rig.log("workers").splitlines() if "job.started" in line and "batch=3" in line]
    assert any(job["id"] in line for job in together for line in batches)


def test_a_running_analysis_is_cancelled_at_its_next_token(rig):
    long = {"task": "caption", **WORDS, "max_tokens": 1500}
    job_id = rig.http.post("/v1/analyze", json={"image": picture(20), "model": "talker", "tasks": [long]}).json()["id"]
    running = rig.wait_for_state(job_id, "running", "succeeded")

    rig.http.delete(f"/v1/jobs/{job_id}")

    ended = rig.finish(job_id, limit_s=60)
    assert running["state"] == "running"
    assert ended["state"] == "cancelled"
    assert ask(rig, picture(20), [ALL_SIX[0]], model="talker")["state"] == "succeeded"
