"""Every scheduler a caller may name is built and run on the toy."""

from itertools import combinations

import pytest
import torch

from shared.contracts.generation import MAX_STEPS, SCHEDULERS
from shared.errors import InvalidRequest
from tests.unit.workers.engines.parts import Watch, distance, levels_apart, rings, work
from workers.engines.sdxl import samples, schedulers

#: Small and guided by nothing: the samplers are at test here, not the model.
SMALL = {"width": 32, "height": 32, "guidance_scale": 0.0, "steps": 5, "seed": 3}
#: DDPM's ancestral step is Euler ancestral's in other words.
ONE_WAY = ("euler_ancestral", "ddpm")


def picture(engine, name, image=None, **changes):
    return engine.generate([work(image, scheduler=name, **SMALL | changes)], Watch())[0][0]


@pytest.fixture(scope="module")
def made(engine):
    """One picture by each sampler, all else equal."""
    return {name: picture(engine, name) for name in SCHEDULERS}


def test_the_table_has_exactly_the_names_of_the_contract():
    assert schedulers.SAMPLERS.keys() == SCHEDULERS.keys()


def test_each_sampler_goes_a_way_of_its_own(made):
    pairs = [pair for pair in combinations(made, 2) if pair != ONE_WAY]

    assert [pair for pair in pairs if distance(made[pair[0]], made[pair[1]]) == 0] == []


@pytest.mark.parametrize("name", SCHEDULERS)
def test_each_sampler_works_from_a_picture(engine, name):
    assert picture(engine, name, rings(), strength=0.5).size == (32, 32)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_each_sampler_works_in_a_single_step(engine, name):
    assert picture(engine, name, steps=1).size == (32, 32)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_each_sampler_repeats_itself_in_a_batch_picture_by_picture(engine, made, name):
    [[first, second]] = engine.generate([work(scheduler=name, n=2, **SMALL)], Watch())

    assert levels_apart(first, made[name]) <= 1
    assert distance(first, second) > 1


@pytest.mark.parametrize("name", SCHEDULERS)
def test_each_sampler_takes_the_most_steps_a_caller_may_ask_for(engine, name):
    scheduler = schedulers.build(name, engine._denoiser.scheduler_config, steps=MAX_STEPS, seeds=[1])

    scheduler.set_timesteps(MAX_STEPS)

    assert len(scheduler.timesteps) >= MAX_STEPS


@pytest.mark.parametrize(
    "name", ["dpmpp_sde_karras", "euler_ancestral", "kdpm2_ancestral", "dpmpp_2m_sde_karras", "lcm"]
)
def test_the_noise_that_a_sampler_adds_on_its_way_depends_on_all_bits_of_a_seed(engine, name, monkeypatch):
    """From a start that is the same for both: what differs was drawn on the way."""
    monkeypatch.setattr(samples, "_noise", lambda *args: torch.ones(1, 4, 4, 4))

    first, second = (picture(engine, name, seed=seed) for seed in (5, 5 + 2**32))

    assert distance(first, second) > 0


#: Samplers that have no such thing in diffusers.
WITHOUT_ZERO_SNR = {"dpmpp_sde", "dpmpp_sde_karras", "lms", "heun", "kdpm2", "kdpm2_ancestral", "pndm", "deis"}


@pytest.mark.parametrize("name", sorted(SCHEDULERS.keys() - WITHOUT_ZERO_SNR))
def test_a_models_zero_snr_schedule_is_followed(engine, name):
    config = {**engine._denoiser.scheduler_config, "rescale_betas_zero_snr": True}

    assert schedulers.build(name, config, steps=4, seeds=[1]).config.rescale_betas_zero_snr


@pytest.mark.parametrize("name", sorted(WITHOUT_ZERO_SNR))
def test_a_sampler_that_would_leave_a_models_zero_snr_schedule_out_is_refused(engine, name):
    config = {**engine._denoiser.scheduler_config, "rescale_betas_zero_snr": True}

    with pytest.raises(InvalidRequest, match=r"one of euler,") as caught:
        schedulers.build(name, config, steps=4, seeds=[1])

    assert caught.value.field == "scheduler"


def test_every_build_is_a_fresh_scheduler(engine):
    first, second = (
        schedulers.build("dpmpp_2m", engine._denoiser.scheduler_config, steps=5, seeds=[1]) for _ in range(2)
    )

    assert first is not second


def test_a_models_own_karras_setting_does_not_leak_into_plain_samplers(engine):
    config = {**engine._denoiser.scheduler_config, "use_karras_sigmas": True, "algorithm_type": "sde-dpmsolver++"}

    assert not schedulers.build("euler", config, steps=5, seeds=[1]).config.use_karras_sigmas
    assert schedulers.build("dpmpp_2m", config, steps=5, seeds=[1]).config.algorithm_type == "dpmsolver++"
    assert schedulers.build("deis", config, steps=5, seeds=[1]).config.algorithm_type == "deis"


def test_trailing_is_the_only_thing_that_sets_euler_trailing_apart(engine):
    plain, trailing = (
        dict(schedulers.build(name, engine._denoiser.scheduler_config, steps=4, seeds=[1]).config)
        for name in ("euler", "euler_trailing")
    )

    assert {key for key in plain if plain[key] != trailing[key]} == {"timestep_spacing"}
