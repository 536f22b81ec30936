"""A folder captioned, questioned, tagged, rated and remixed by real engines: each picture is encoded once, known ones never."""

import csv
import io
import json

import pytest

from tests.pictures import png
from tests.rig import wait_for

WORDS = {"max_tokens": 6, "seed": 1}
CAPTION = {"kind": "analyze", "tasks": [{"task": "caption", "length": "short", **WORDS}]}
QUESTION = {"kind": "analyze", "tasks": [{"task": "query", "question": "which colour?", **WORDS}]}
LABELS = {"kind": "analyze", "tasks": [{"task": "tags", "min_score": 0.0, "max_tags": 3}, {"task": "rating"}]}
REMIX = {
    "kind": "generate",
    "model": "sdxl-toy",
    "image": "@previous",
    "prompt": "as a painting",
    "width": 64,
    "height": 64,
    "steps": 4,
}
PICTURES = 6


@pytest.fixture(scope="module")
def batch(stack):
    """The batch of a folder, ended."""
    files = [("files", (f"{n}.png", io.BytesIO(png(64, 48, (40 * n, 200, 9))))) for n in range(PICTURES)]
    return run(stack, [CAPTION, QUESTION, LABELS, REMIX], files=files)


def run(rig, steps, **how):
    answer = rig.http.post("/v1/batches", data={"batch": json.dumps({"steps": steps})}, **how)
    assert answer.status_code == 202, answer.text

    def over():
        now = rig.http.get(f"/v1/batches/{answer.json()['id']}").json()
        return now if now["state"] == "finished" else None

    return wait_for(over, 120, "the end of the batch")


def members(rig, batch):
    return rig.http.get(f"/v1/batches/{batch['id']}/members").json()["members"]


def test_every_step_of_every_picture_succeeds(batch):
    assert batch["failures"] == []
    assert batch["counts"]["succeeded"] == PICTURES
    assert batch["jobs"]["succeeded"] == 4 * PICTURES


def test_a_picture_is_encoded_once_for_all_its_steps(stack, batch):
    for member in members(stack, batch):
        caption, question, _, remix = (stack.job(job["id"]) for job in member["jobs"])

        assert (caption["result"]["vision_passes"], question["result"]["vision_passes"]) == (1, 0)
        assert question["worker"] == caption["worker"]
        assert remix["params"]["image"] == member["image"]
        assert member["images"] == [remix["result"]["images"][0]["id"]]


def test_the_export_has_what_was_found_out(stack, batch):
    table = list(
        csv.DictReader(io.StringIO(stack.http.get(f"/v1/batches/{batch['id']}/export.csv").content.decode("utf-8-sig")))
    )

    assert [row["file"] for row in table] == [f"{n}.png" for n in range(PICTURES)]
    for row in table:
        assert row["tags"]
        assert 0 <= float(row["nsfw"]) <= 1
        assert row["pictures"].startswith("img_")


def test_the_same_pictures_again_cost_nothing(stack, batch):
    files = [("files", (f"{n}.png", io.BytesIO(png(64, 48, (40 * n, 200, 9))))) for n in range(PICTURES)]

    again = run(stack, [CAPTION, QUESTION, LABELS], files=files)

    assert again["reused"] == again["jobs"]["succeeded"] == 3 * PICTURES
    first, second = members(stack, batch)[0]["jobs"][0], members(stack, again)[0]["jobs"][0]
    assert second["reused"]
    assert stack.job(second["id"])["result"] == stack.job(first["id"])["result"]
