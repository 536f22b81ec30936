"""Every schedule that a sampler follows is diffusers' own, and what the table denies cannot be had there."""

import inspect

import diffusers
import numpy as np
import pytest
import torch
from diffusers.schedulers import AysSchedules

from shared.contracts.generation import MAX_STEPS, GenerationParams
from shared.contracts.samplers import FOLLOWS
from tests.unit.workers.engines.parts import Watch, levels_apart, rings, work
from workers.engines.base import GenerateWork
from workers.engines.sdxl import schedulers
from workers.engines.sdxl.timesteps import BY_LIST, timesteps_of

SMALL = {"width": 32, "height": 32, "guidance_scale": 0.0, "steps": 4, "seed": 3}
PAIRS = [(sampler, schedule) for sampler, able in FOLLOWS.items() for schedule in sorted(able)]
FLAGS = {"karras": "use_karras_sigmas", "exponential": "use_exponential_sigmas", "beta": "use_beta_sigmas"}
#: What stock diffusers is told for a sampler beside its class.
SAMPLER_SETTINGS = {
    "dpmpp_2m": {"algorithm_type": "dpmsolver++"},
    "dpmpp_2m_sde": {"algorithm_type": "sde-dpmsolver++"},
    "dpmpp_2m_sde_heun": {"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"},
    "dpmpp_3m_sde": {"algorithm_type": "sde-dpmsolver++", "solver_order": 3},
    "dpmpp_sde": {"noise_sampler_seed": [3]},
    "ddim": {"clip_sample": False, "set_alpha_to_one": False},
    "ddpm": {"clip_sample": False},
    "pndm": {"skip_prk_steps": True, "set_alpha_to_one": False},
    "deis": {"algorithm_type": "deis", "solver_type": "logrho"},
}
#: One pair of each kind: a flag, a spacing, a list, and none of them; and those that are new.
PARITY = [
    ("dpmpp_2m", "karras"),
    ("unipc", "exponential"),
    ("heun", "beta"),
    ("euler", "sgm_uniform"),
    ("dpmpp_2m", "simple"),
    ("euler", "align_your_steps"),
    ("lcm", "sgm_uniform"),
    ("dpmpp_2m_sde", "normal"),
    ("dpmpp_2m_sde_heun", "karras"),
    ("dpmpp_3m_sde", "exponential"),
    ("dpmpp_sde", "beta"),
    ("ddpm", "align_your_steps"),
]


def picture(engine, scheduler, schedule, image=None, **changes):
    named = {"scheduler": scheduler, "schedule": schedule}
    return engine.generate([work(image, **named, **SMALL | changes)], Watch())[0][0]


def stock_class(sampler):
    return getattr(diffusers, schedulers.SAMPLERS[sampler].class_name)


def accepts(function, name):
    return name in inspect.signature(function).parameters


def stock(plain, sampler, schedule, steps=SMALL["steps"]):
    """A scheduler as diffusers' documentation makes it, and what the pipeline's call is told beside it."""
    settings = dict(SAMPLER_SETTINGS.get(sampler, {}))
    if schedule in FLAGS:
        settings[FLAGS[schedule]] = True
    if schedule == "sgm_uniform":
        settings["timestep_spacing"] = "trailing"
    call = {}
    if schedule == "align_your_steps":
        call = {"timesteps": timesteps_of(schedule, steps, plain.scheduler.config)}
    if schedule == "simple" or (schedule == "sgm_uniform" and sampler in ("lcm", "tcd")):
        call = {"timesteps": [999, 749, 499, 249]}
    return stock_class(sampler).from_config(plain.scheduler.config, **settings), call


@pytest.mark.parametrize(("sampler", "schedule"), PARITY)
def test_a_picture_equals_that_of_plain_diffusers(engine, plain, sampler, schedule):
    before = plain.scheduler
    plain.scheduler, call = stock(plain, sampler, schedule)
    try:
        expected = plain(
            "a red fox",
            width=SMALL["width"],
            height=SMALL["height"],
            num_inference_steps=SMALL["steps"],
            guidance_scale=0.0,
            generator=[torch.Generator("cpu").manual_seed(SMALL["seed"])],
            **call,
        ).images[0]
    finally:
        plain.scheduler = before

    assert levels_apart(picture(engine, sampler, schedule), expected) == 0


@pytest.mark.parametrize("sampler", FOLLOWS)
def test_the_table_has_what_diffusers_can_do_and_nothing_else(sampler):
    kind = stock_class(sampler)
    by_flag = {name for name, flag in FLAGS.items() if accepts(kind.__init__, flag)}
    by_list = set(BY_LIST) if accepts(kind.set_timesteps, "timesteps") else set()
    if sampler == "euler_ancestral":  # ours follows whatever Euler does
        by_flag, by_list = set(FLAGS), set(BY_LIST)

    assert FOLLOWS[sampler] == {"normal", "sgm_uniform"} | by_flag | by_list


def walk(scheduler, steps, call, begin=0):
    """Run a scheduler over a model that answers with a part of its input; fails where it runs off its end."""
    scheduler.set_timesteps(**call) if call else scheduler.set_timesteps(steps)
    if begin and hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin * scheduler.order)
    draws = torch.Generator("cpu").manual_seed(1)
    sample = torch.randn(1, 1, 2, 2, generator=draws) * scheduler.init_noise_sigma
    kwargs = {"generator": draws} if accepts(scheduler.step, "generator") else {}
    for step in scheduler.timesteps[begin * scheduler.order :]:
        seen = scheduler.scale_model_input(sample, step)
        sample = scheduler.step(0.9 * seen, step, sample, **kwargs).prev_sample
    return sample


@pytest.mark.parametrize(("sampler", "schedule"), PAIRS)
@pytest.mark.parametrize("steps", [1, 2, 37])
def test_every_pair_walks_to_its_end(engine, sampler, schedule, steps):
    config, named = engine._denoiser.scheduler_config, {"steps": steps, "schedule": schedule}
    for begin in {0, steps // 2}:
        scheduler = schedulers.build(sampler, config, seeds=[1], **named)
        call = schedulers.given_timesteps(sampler, config, **named)

        assert torch.isfinite(walk(scheduler, steps, call, begin)).all()


@pytest.mark.parametrize("schedule", sorted(FOLLOWS["dpmpp_2m"]))
@pytest.mark.parametrize("sampler", ["dpmpp_2m", "unipc", "deis", "dpmpp_3m_sde"])
def test_a_sampler_that_rounds_its_time_steps_takes_the_most_steps_too(engine, sampler, schedule):
    if schedule not in FOLLOWS[sampler]:
        return
    config, named = engine._denoiser.scheduler_config, {"steps": MAX_STEPS, "schedule": schedule}
    scheduler = schedulers.build(sampler, config, seeds=[1], **named)

    assert torch.isfinite(walk(scheduler, MAX_STEPS, schedulers.given_timesteps(sampler, config, **named))).all()


@pytest.mark.parametrize("schedule", sorted(FOLLOWS["euler_ancestral"]))
def test_euler_ancestral_stops_where_euler_does(engine, schedule):
    config, named = engine._denoiser.scheduler_config, {"steps": 7, "schedule": schedule}
    made = []
    for sampler in ("euler", "euler_ancestral"):
        scheduler = schedulers.build(sampler, config, seeds=[1], **named)
        call = schedulers.given_timesteps(sampler, config, **named)
        scheduler.set_timesteps(**call) if call else scheduler.set_timesteps(7)
        made.append(scheduler)

    assert torch.equal(made[0].sigmas, made[1].sigmas)
    assert torch.equal(made[0].timesteps, made[1].timesteps)
    assert made[0].init_noise_sigma == made[1].init_noise_sigma


def test_euler_ancestral_along_the_plain_schedule_is_diffusers_own(engine, plain):
    config = plain.scheduler.config
    ours = schedulers.EulerAncestralAlong.from_config(config)
    theirs = diffusers.EulerAncestralDiscreteScheduler.from_config(config)

    assert torch.equal(walk(ours, 6, {}), walk(theirs, 6, {}))


@pytest.mark.parametrize("schedule", ["karras", "align_your_steps"])
def test_euler_ancestral_makes_pictures_along_every_schedule_also_from_a_picture(engine, schedule):
    plain = picture(engine, "euler_ancestral", "normal")

    assert levels_apart(picture(engine, "euler_ancestral", schedule), plain) > 0
    assert picture(engine, "euler_ancestral", schedule, rings(), strength=0.5).size == (32, 32)


def test_for_ten_steps_align_your_steps_is_diffusers_list(engine):
    config = engine._denoiser.scheduler_config

    assert timesteps_of("align_your_steps", 10, config) == AysSchedules["StableDiffusionXLTimesteps"]


@pytest.mark.parametrize("steps", [1, 2, 8, 11, 30, MAX_STEPS])
def test_align_your_steps_lies_on_the_authors_levels(engine, steps):
    scheduler = diffusers.EulerDiscreteScheduler.from_config(engine._denoiser.scheduler_config)
    scheduler.set_timesteps(timesteps=timesteps_of("align_your_steps", steps, engine._denoiser.scheduler_config))
    ten = AysSchedules["StableDiffusionXLSigmas"][:10]

    wanted = np.exp(np.interp(np.linspace(0, 9, steps), np.arange(10), np.log(ten)))

    assert np.allclose(scheduler.sigmas[:-1].numpy(), wanted, rtol=0.025)
    assert (scheduler.timesteps[1:] < scheduler.timesteps[:-1]).all()


@pytest.mark.parametrize("steps", [1, 3, 20, MAX_STEPS])
def test_simple_takes_every_nth_level_from_the_top(engine, steps):
    found = timesteps_of("simple", steps, engine._denoiser.scheduler_config)

    # ComfyUI's and A1111's own words: sigmas[-(1 + int(x * len(sigmas) / steps))]
    assert found == [1000 - (1 + int(place * 1000 / steps)) for place in range(steps)]


def test_a_models_own_flags_do_not_leak_into_another_schedule(engine):
    config = {**engine._denoiser.scheduler_config, "use_beta_sigmas": True, "solver_order": 3, "solver_type": "heun"}

    made = schedulers.build("dpmpp_2m", config, steps=4, seeds=[1], schedule="karras").config

    assert (made.use_karras_sigmas, made.use_beta_sigmas) == (True, False)
    assert (made.solver_order, made.solver_type) == (2, "midpoint")


def test_a_queued_record_of_the_version_before_runs_as_it_did(engine):
    old = work(scheduler="dpmpp_2m_karras", **SMALL).params.model_dump()
    del old["schedule"]

    [[made]] = engine.generate([GenerateWork(GenerationParams.model_validate(old), None)], Watch())

    assert levels_apart(made, picture(engine, "dpmpp_2m", "karras")) == 0


def test_old_and_new_spellings_of_one_pair_share_a_batch(engine):
    works = [work(scheduler="dpmpp_2m_karras", **SMALL), work(scheduler="dpmpp_2m", schedule="karras", **SMALL)]

    [[first], [second]] = engine.generate(works, Watch())

    assert levels_apart(first, second) <= 1
