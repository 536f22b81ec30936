"""Every parameter of a generation says what it is to a pass, and who shares one follows from that."""

from typing import Annotated

import pytest
from pydantic import BaseModel

from shared.contracts.generation import GenerationParams
from shared.contracts.passes import (
    NOT_COMPUTING,
    SharedByPass,
    roles_of,
    shared_by_batch,
    shared_by_pass,
    shared_values,
)
from shared.jobs.routing import batch_key_of

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
    image="img_1",
    strength=0.5,
)
#: A different value of each field.
OTHER = {
    "prompt": "a chair",
    "negative_prompt": "rust",
    "width": 128,
    "height": 128,
    "steps": 5,
    "guidance_scale": 1.0,
    "scheduler": "euler",
    "schedule": "beta",
    "seed": 2,
    "n": 2,
    "image": None,
    "strength": 0.6,
}


def unclassified(contract: type[BaseModel]) -> list[str]:
    return [name for name, roles in roles_of(contract).items() if len(roles) != 1]


def key(**changes: object) -> str:
    return batch_key_of("m", GenerationParams.model_validate(PARAMS.model_dump() | changes))


def test_every_field_is_classified_once():
    assert unclassified(GenerationParams) == []


def test_a_field_that_nobody_classified_is_found():
    class More(GenerationParams):
        clip_skip: int = 0

    assert unclassified(More) == ["clip_skip"]


def test_what_a_pass_shares():
    assert shared_by_pass(GenerationParams) == ("width", "height")


def test_what_a_batch_shares_that_is_made_from_end_to_end():
    assert shared_by_batch(GenerationParams) == (
        "width",
        "height",
        "steps",
        "guidance_scale",
        "sampling",
        "is_img2img",
        "strength",
    )


@pytest.mark.parametrize("name", GenerationParams.model_fields)
def test_jobs_share_a_gpu_batch_unless_they_differ_in_what_a_pass_shares(name):
    [role] = roles_of(GenerationParams)[name]

    assert (key(**{name: OTHER[name]}) == key()) is not isinstance(role, SharedByPass)


def test_another_starting_picture_is_a_samples_own():
    assert key(image="img_2") == key()


def test_another_model_is_another_gpu_batch():
    assert batch_key_of("m", PARAMS) != batch_key_of("other", PARAMS)


def test_a_new_shared_field_keeps_jobs_apart_without_a_word_elsewhere():
    class More(GenerationParams):
        control: Annotated[str | None, SharedByPass()] = None
        label: Annotated[str, NOT_COMPUTING] = ""

    plain = More.model_validate(PARAMS.model_dump())

    assert "control" in shared_values(plain)
    assert batch_key_of("m", plain) != batch_key_of("m", plain.model_copy(update={"control": "canny"}))
    assert batch_key_of("m", plain) == batch_key_of("m", plain.model_copy(update={"label": "x"}))
