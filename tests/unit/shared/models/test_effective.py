"""What a request comes to: the record says what runs, or the request is refused with the numbers."""

import pytest

from shared.contracts.generation import GenerateRequest, steps_run
from shared.errors import InvalidRequest
from shared.models.catalogue import load_catalogue
from shared.models.effective import effective_params
from shared.settings import Settings

CARD = load_catalogue(Settings()).get("sdxl-toy")


def asked(image_id=None, card=CARD, **wishes):
    return effective_params(GenerateRequest(prompt="a lamp", **wishes), card, image_id=image_id)


@pytest.mark.parametrize(
    ("wishes", "field", "words"),
    [
        ({"steps": 1, "strength": 0.05}, "strength", r"steps 1 × strength 0.05 .* strength of at least 1.0 or .* 20"),
        ({"steps": 8, "strength": 0.1}, "strength", r"strength of at least 0.125 or steps of at least 10"),
        ({"steps": 1}, "steps", r"steps 1 × strength 0.6 .* steps of at least 2"),
        ({"steps": 3, "strength": 5e-324}, "strength", r"strength of at least 0.3334$"),
    ],
)
def test_a_strength_that_leaves_no_step_is_refused_with_the_numbers(wishes, field, words):
    with pytest.raises(InvalidRequest, match=words) as caught:
        asked("img_1", **wishes)

    assert caught.value.field == field


@pytest.mark.parametrize("steps", range(1, 151))
def test_the_strength_that_a_refusal_advises_is_taken(steps):
    with pytest.raises(InvalidRequest) as caught:
        asked("img_1", steps=steps, strength=0.0001)
    advised = float(caught.value.message.split("strength of at least ")[1].split(" ")[0])

    assert steps_run(steps, asked("img_1", steps=steps, strength=advised).strength) == 1


@pytest.mark.parametrize("guidance", [0.01, 0.5, 0.999])
def test_a_guidance_between_0_and_1_is_refused_because_it_would_do_what_1_does(guidance):
    with pytest.raises(InvalidRequest, match="would do what 1 does") as caught:
        asked(guidance_scale=guidance)

    assert caught.value.field == "guidance_scale"


@pytest.mark.parametrize("guidance", [0.0, 1.0])
def test_a_negative_prompt_that_nothing_would_read_is_refused(guidance):
    with pytest.raises(InvalidRequest, match="raise it above 1") as caught:
        asked(guidance_scale=guidance, negative_prompt="fog")

    assert caught.value.field == "negative_prompt"


def test_a_models_own_negative_prompt_is_not_on_record_where_guidance_is_off():
    defaults = CARD.defaults.model_copy(update={"negative_prompt": "lowres"})
    card = CARD.model_copy(update={"defaults": defaults})

    assert asked(card=card).negative_prompt == "lowres"
    assert asked(card=card, guidance_scale=1.0).negative_prompt == ""
