"""Jobs that differ in what a pass shares are refused: mixed, they would spoil one another's pictures."""

import pytest
from PIL import Image

from shared.contracts.generation import GenerationParams
from shared.errors import EngineFailed
from workers.engines.base import GenerateWork
from workers.engines.sdxl.denoising import SHARED, refuse_mixture

PARAMS = GenerationParams(
    prompt="a lamp",
    negative_prompt="",
    width=64,
    height=64,
    steps=4,
    guidance_scale=5.0,
    scheduler="dpmpp_2m",
    schedule="karras",
    seed=1,
    n=1,
)
#: What is shared, by a change of the parameters.
DIFFERENT = {
    "width": {"width": 128},
    "height": {"height": 128},
}


@pytest.mark.parametrize("name", SHARED)
def test_a_job_that_differs_in_what_a_pass_shares_is_refused_by_name(name):
    changed = PARAMS.model_copy(update=DIFFERENT[name])

    with pytest.raises(EngineFailed, match=f"differ in {name}"):
        refuse_mixture([GenerateWork(PARAMS), GenerateWork(changed)])


def test_jobs_that_differ_in_what_is_their_own_are_taken_together():
    own = {"prompt": "a chair", "steps": 5, "guidance_scale": 1.0, "schedule": "beta", "seed": 2, "n": 3}

    refuse_mixture([GenerateWork(PARAMS), GenerateWork(PARAMS.model_copy(update=own))])


def test_img2img_without_its_picture_is_refused():
    starting = PARAMS.model_copy(update={"image": "img_1", "strength": 0.5})

    with pytest.raises(EngineFailed, match="starting picture"):
        refuse_mixture([GenerateWork(starting)])
    refuse_mixture([GenerateWork(starting, Image.new("RGB", (8, 8)))])
