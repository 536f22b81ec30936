"""Names of samplers and schedules: what people send is understood, what cannot be is refused by name."""

import pytest
from pydantic import ValidationError

from shared.contracts.generation import GenerateRequest, GenerationParams
from shared.contracts.samplers import (
    COMBINED,
    FOLLOWS,
    SCHEDULERS,
    SCHEDULES,
    Sampling,
    sampling_of,
    schedule_name,
    scheduler_name,
)
from shared.jobs.routing import batch_key_of

SENT = {
    "dpmpp_sde": ("dpmpp_sde", "normal"),
    "dpmpp_2m_sde": ("dpmpp_2m_sde", "normal"),
    "dpmpp_2m_sde_gpu": ("dpmpp_2m_sde", "normal"),
    "dpmpp_3m_sde": ("dpmpp_3m_sde", "normal"),
    "uni_pc_bh2": ("unipc", "normal"),
    "ddpm": ("ddpm", "normal"),
    "Euler a Karras": ("euler_ancestral", "karras"),
    "k_euler_ancestral": ("euler_ancestral", "normal"),
    "DPM++ 2M Karras": ("dpmpp_2m", "karras"),
    "dpm++_2m karras": ("dpmpp_2m", "karras"),
    "  DPM++  2M  SDE  Karras ": ("dpmpp_2m_sde", "karras"),
    "dpm_pp_2m_sde_karras": ("dpmpp_2m_sde", "karras"),
    "k_dpmpp_2m": ("dpmpp_2m", "normal"),
    "k_dpmpp_2m_ka": ("dpmpp_2m", "karras"),
    "DPM++ 2M SDE Exponential": ("dpmpp_2m_sde", "exponential"),
    "DPM++ 3M SDE Karras": ("dpmpp_3m_sde", "karras"),
    "DPM++ 2M SDE Heun": ("dpmpp_2m_sde_heun", "normal"),
    "DPM2 a Karras": ("kdpm2_ancestral", "karras"),
    "LMS Karras": ("lms", "karras"),
    "Euler SGMUniform": ("euler", "sgm_uniform"),
    "lcm sgm uniform": ("lcm", "sgm_uniform"),
    "DPM++ 2M Align Your Steps": ("dpmpp_2m", "align_your_steps"),
    "heun_k": ("heun", "karras"),
    "EULER-A": ("euler_ancestral", "normal"),
    "Euler Automatic": ("euler", "normal"),
}


@pytest.mark.parametrize(("sent", "meant"), SENT.items())
def test_what_people_send_is_understood(sent, meant):
    assert sampling_of(scheduler_name(sent)) == Sampling(*meant)


@pytest.mark.parametrize(("name", "spelling"), [(n, s) for n, others in SCHEDULERS.items() for s in (n, *others)])
def test_every_listed_spelling_means_its_own_name(name, spelling):
    assert scheduler_name(spelling) == name
    assert scheduler_name(spelling.upper()) == name


@pytest.mark.parametrize(("name", "spelling"), [(n, s) for n, others in SCHEDULES.items() for s in (n, *others)])
def test_every_listed_schedule_means_its_own_name(name, spelling):
    assert schedule_name(spelling) == name


@pytest.mark.parametrize("sampler", FOLLOWS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_pair_is_read_in_one_word_as_in_two(sampler, schedule):
    spelling = f"{SCHEDULERS[sampler][0]} {SCHEDULES[schedule][0]}"
    try:
        in_two = sampling_of(sampler, schedule)
    except ValueError:
        with pytest.raises(ValueError, match=f"{sampler} cannot follow schedule {schedule}"):
            sampling_of(scheduler_name(spelling))
    else:
        assert sampling_of(scheduler_name(spelling)) == in_two


def test_our_own_name_of_a_pair_is_read_again_as_itself():
    names = [scheduler_name(f"{sampler} {schedule}") for sampler, able in FOLLOWS.items() for schedule in able]

    assert [scheduler_name(name) for name in names] == names


def test_the_table_names_every_sampler_and_known_schedules_only():
    assert FOLLOWS.keys() == SCHEDULERS.keys() - COMBINED.keys()
    assert set().union(*FOLLOWS.values()) == SCHEDULES.keys() - {"automatic"}


@pytest.mark.parametrize(("sent", "nearest"), [("dpmpp_2s", "dpmpp_2m"), ("euler_b", "euler"), ("unipc_bh1", "unipc")])
def test_an_unknown_sampler_is_refused_with_the_nearest(sent, nearest):
    with pytest.raises(ValueError, match=f"unknown scheduler '{sent}'; did you mean {nearest}"):
        scheduler_name(sent)


def test_an_unknown_schedule_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="unknown schedule 'karas'; did you mean karras"):
        schedule_name("karas")


def test_a_name_that_says_one_schedule_contradicts_another():
    with pytest.raises(ValueError, match="dpmpp_2m_karras says karras, schedule says exponential"):
        sampling_of("dpmpp_2m_karras", "exponential")
    with pytest.raises(ValueError, match="normal"):
        sampling_of("dpmpp_2m_karras", "normal")

    assert sampling_of("dpmpp_2m_karras", "karras") == sampling_of("dpmpp_2m_karras", "automatic")


@pytest.mark.parametrize("field", ["scheduler", "schedule"])
@pytest.mark.parametrize("value", ["", " ", 7, True, ["euler"]])
def test_what_is_no_name_is_refused(field, value):
    with pytest.raises(ValidationError):
        GenerateRequest(**{"prompt": "x", field: value})


#: As the version before schedules wrote it.
OLD = {
    "prompt": "a red fox", "negative_prompt": "", "width": 64, "height": 64, "steps": 3, "guidance_scale": 5.0,
    "scheduler": "dpmpp_2m_karras", "seed": 7, "n": 1, "image": None, "strength": None,
}  # fmt: skip


def test_a_record_written_before_there_were_schedules_still_means_the_same():
    assert GenerationParams.model_validate(OLD).sampling == Sampling("dpmpp_2m", "karras")
    assert GenerationParams.model_validate(OLD | {"scheduler": "unipc"}).sampling == Sampling("unipc", "normal")


def test_jobs_share_a_batch_only_if_sampler_and_schedule_agree():
    def key(**changes):
        return batch_key_of("sdxl", GenerationParams.model_validate(OLD | changes))

    assert key() == key(scheduler="dpmpp_2m", schedule="karras")
    assert key() != key(scheduler="dpmpp_2m", schedule="beta")
    assert key(scheduler="euler", schedule="karras") != key()
