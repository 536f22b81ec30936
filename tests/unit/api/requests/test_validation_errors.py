"""What pydantic finds wrong is told by the field as the caller wrote it, with a hint at the fix."""

import pytest
from pydantic import ValidationError

from api.requests.validation_errors import explained, located, nearest
from shared.contracts.generation import GenerateRequest
from shared.contracts.vision import AnalyzeRequest, CaptionTask


def refusal(model, **body):
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return explained(caught.value, model)


def test_a_member_of_a_tagged_union_is_no_part_of_a_path():
    assert located(AnalyzeRequest, ("tasks", 0, "caption", "length")) == ("tasks.0.length", CaptionTask)


def test_an_unknown_field_is_met_with_those_of_the_place_where_it_stands():
    error = refusal(AnalyzeRequest, image="img_1", tasks=[{"task": "caption", "lenght": "short"}])

    assert error.field == "tasks.0.lenght"
    assert error.message == "unknown field tasks.0.lenght: did you mean length?"


def test_the_first_problem_is_told_and_the_others_are_named():
    error = refusal(GenerateRequest, prompt="x", steps=0, width=7, n=0, guidance_scale=99, deadline_s=0)

    assert error.field == "width"
    assert error.message.startswith("width: input should be a multiple of 8, got 7")
    assert error.message.endswith("(also wrong: steps, guidance_scale, n and 1 more)")


def test_a_value_that_fills_pages_is_cut():
    assert len(refusal(GenerateRequest, prompt="x", steps="9" * 5000).message) < 200


def test_a_slip_of_the_keyboard_is_met_with_the_right_name():
    assert nearest("guidence_scale", ["guidance_scale", "steps"]) == "did you mean guidance_scale?"


def test_a_name_like_no_other_is_met_with_all_of_them():
    assert nearest("zzz", ["prompt", "steps"]) == "known: prompt, steps"
