"""The main job, whole: a prompt goes in over HTTP, a picture comes out, and it is the picture diffusers makes."""

import io
import json
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shared.pictures.pixels import to_png
from tests.rig import wait_for

PROMPT = {
    "prompt": "a small red boat on the sea",
    "negative_prompt": "fog",
    "model": "sdxl-toy",
    "width": 96,
    "height": 64,
}
SETTINGS = {"steps": 5, "guidance_scale": 4.0, "scheduler": "euler", "seed": 11}


@pytest.fixture(scope="module")
def pipeline(stack):
    """Plain diffusers over the very weights the worker built."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    stack.finish(stack.generate()["id"])  # the toy is built at first use
    pipe = StableDiffusionXLPipeline.from_pretrained(stack.folder / "models" / "sdxl-toy", dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    return pipe


def picture(stack, record, index=0):
    answer = stack.http.get(record["result"]["images"][index]["url"])
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content))


def plain(pipeline, **extra):
    generator = torch.Generator().manual_seed(SETTINGS["seed"])
    call = {
        "prompt": PROMPT["prompt"],
        "negative_prompt": PROMPT["negative_prompt"],
        "num_inference_steps": SETTINGS["steps"],
        "guidance_scale": SETTINGS["guidance_scale"],
        "generator": generator,
    }
    return pipeline(**call, **extra).images[0]


def test_a_picture_over_http_equals_plain_diffusers_pixel_for_pixel(stack, pipeline):
    record = stack.finish(stack.generate(**PROMPT, **SETTINGS)["id"])

    expected = plain(pipeline, width=PROMPT["width"], height=PROMPT["height"])

    assert np.array_equal(np.asarray(picture(stack, record)), np.asarray(expected))


def test_img2img_over_http_equals_plain_diffusers_pixel_for_pixel(stack, pipeline):
    from diffusers import StableDiffusionXLImg2ImgPipeline

    start = Image.fromarray(np.random.default_rng(3).integers(0, 255, (64, 96, 3), dtype=np.uint8))
    uploaded = stack.http.post("/v1/images", content=to_png(start), headers={"Content-Type": "image/png"}).json()
    body = PROMPT | SETTINGS | {"image": uploaded["id"], "strength": 0.6}

    record = stack.finish(stack.generate(**body)["id"])

    remix = StableDiffusionXLImg2ImgPipeline(**pipeline.components, add_watermarker=False)
    remix.set_progress_bar_config(disable=True)
    expected = plain(remix, image=start, strength=0.6)
    assert np.array_equal(np.asarray(picture(stack, record)), np.asarray(expected))


def test_a_png_tells_how_it_was_made(stack):
    record = stack.finish(stack.generate(**PROMPT, **SETTINGS)["id"])

    made = picture(stack, record)

    assert made.text["parameters"].startswith(
        "a small red boat on the sea\nNegative prompt: fog\nSteps: 5, Sampler: Euler, Schedule type: Normal"
    )
    about = json.loads(made.text["darkroom"])
    assert (about["job"], about["seed"], about["params"]["guidance_scale"]) == (record["id"], 11, 4.0)


def test_a_record_a_png_and_the_status_say_with_how_many_threads(stack):
    record = stack.finish(stack.generate(**PROMPT, **SETTINGS)["id"])

    def told() -> list[int]:
        workers = stack.http.get("/v1/status").json()["workers"]
        return [row["cpu_threads"] for worker in workers for row in worker["resident"] if row["model"] == "sdxl-toy"]

    assert record["result"]["cpu_threads"] == 1  # the rig's setting
    assert json.loads(picture(stack, record).text["darkroom"])["cpu_threads"] == 1
    wait_for(lambda: told() == [1], 10, "a report that says so")


def test_each_of_n_pictures_equals_the_one_its_seed_makes_alone(stack):
    many = stack.finish(stack.generate(**PROMPT, **SETTINGS, n=3)["id"])
    alone = stack.finish(stack.generate(**(PROMPT | SETTINGS | {"seed": 13}))["id"])

    assert [image["seed"] for image in many["result"]["images"]] == [11, 12, 13]
    third, single = np.asarray(picture(stack, many, 2)).astype(int), np.asarray(picture(stack, alone)).astype(int)
    assert abs(third - single).max() <= 1


def test_jobs_that_queue_up_share_passes_and_keep_their_own_results(stack):
    jobs = [stack.generate(**(PROMPT | SETTINGS | {"seed": seed, "steps": 20}))["id"] for seed in range(20, 32)]

    records = [stack.finish(job_id) for job_id in jobs]

    assert {record["state"] for record in records} == {"succeeded"}
    assert [record["result"]["images"][0]["seed"] for record in records] == list(range(20, 32))
    assert len({record["result"]["images"][0]["id"] for record in records}) == 12
    assert max(beside(record, records) for record in records) >= 2, "one was stored at most while the next was made"


def beside(record: dict[str, Any], records: list[dict[str, Any]]) -> int:
    """How many others its worker had in hand when it started."""
    others = [other for other in records if other["id"] != record["id"] and other["worker"] == record["worker"]]
    return sum(other["started_at"] <= record["started_at"] < other["ended_at"] for other in others)


def test_a_running_job_shows_steps_and_a_preview_and_stops_when_cancelled(stack):
    job_id = stack.generate(width=256, height=256, steps=150)["id"]
    from tests.rig import wait_for

    seen = wait_for(lambda: (r := stack.job(job_id))["preview"] and r, what="a preview")
    preview = stack.http.get(seen["preview"])
    assert (preview.status_code, preview.headers["content-type"]) == (200, "image/webp")
    assert 0 < seen["progress"]["step"] < 150

    stack.http.delete(f"/v1/jobs/{job_id}")

    assert stack.finish(job_id, limit_s=20)["state"] == "cancelled"
    assert stack.one_more_good_answer()


def test_a_queued_job_is_cancelled_at_once_and_knows_its_place(stack):
    blocker = stack.generate(width=256, height=256, steps=150)["id"]
    stack.wait_for_state(blocker, "running")
    waiting = [stack.generate(steps=3, seed=seed)["id"] for seed in (1, 2)]

    places = [stack.job(job_id)["queue"]["position"] for job_id in waiting]
    stack.http.delete(f"/v1/jobs/{waiting[0]}")

    assert places == [0, 1]
    assert stack.job(waiting[0])["state"] == "cancelled"
    stack.http.delete(f"/v1/jobs/{blocker}")
    assert stack.finish(waiting[1])["state"] == "succeeded"


def test_a_thousand_jobs_are_read_in_one_poll_in_the_order_asked_for(stack):
    known = [stack.generate(seed=seed, steps=2)["id"] for seed in range(5)]
    ids = [*(known * 200)[:999], "job_000000000000000000000000"]

    answer = stack.http.get("/v1/jobs", params={"ids": ",".join(ids)})

    jobs = answer.json()["jobs"]
    assert [job["id"] for job in jobs] == ids
    assert jobs[-1]["state"] == "unknown"
    assert all(stack.finish(job_id)["state"] == "succeeded" for job_id in known)


def test_prefer_wait_holds_the_answer_until_the_picture_is_there(stack):
    body = {"prompt": "a lamp", "model": "sdxl-toy", "steps": 2, "width": 64, "height": 64}

    answer = stack.http.post("/v1/generate", json=body, headers={"Prefer": "wait=30"})

    assert answer.json()["state"] == "succeeded"
    assert answer.headers["preference-applied"].startswith("wait")


def test_the_status_names_the_worker_its_models_and_the_queues(stack):
    stack.one_more_good_answer()
    from tests.rig import wait_for

    def reported():
        worker = stack.http.get("/v1/status").json()["workers"][0]
        return worker if "sdxl-toy" in [model["model"] for model in worker["resident"]] else None

    worker = wait_for(reported)

    assert worker["gpu"]["uuid"].startswith("cpu")


def test_models_are_loaded_and_unloaded_by_order_between_jobs(stack):
    from tests.rig import wait_for

    def resident():
        return [model["model"] for model in stack.http.get("/v1/status").json()["workers"][0]["resident"]]

    stack.one_more_good_answer()
    wait_for(lambda: "sdxl-toy" in resident())

    orders = stack.http.post("/v1/models/unload", json={"model_id": "sdxl-toy"}).json()["jobs"]
    assert stack.finish(orders[0]["id"])["result"]["unloaded"] == ["sdxl-toy"]

    ordered = stack.http.post("/v1/models/switch", json={"model_id": "sdxl-toy", "pin": True})
    assert ordered.status_code == 202
    loaded = stack.finish(ordered.json()["id"])
    assert ("sdxl-toy", True) in [(model["model"], model["pinned"]) for model in loaded["result"]["resident"]]
    wait_for(lambda: "sdxl-toy" in resident())
    assert stack.http.post("/v1/models/switch", json={"model_id": "sdxl-toy", "worker": "nobody"}).status_code == 404
