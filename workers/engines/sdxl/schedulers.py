"""A sampler and a schedule → a fresh diffusers scheduler for one job, and the time steps it is given.

A scheduler is stateful, so every run builds its own from the model's scheduler configuration. A row says only what
makes this sampler itself; the noise schedule, the prediction type and (for the schedule `normal`) the spacing of time
steps stay the model's. Which sampler follows which schedule stands in `shared.contracts.samplers.FOLLOWS`.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import diffusers

from shared.contracts.samplers import COMBINED, sampling_of
from shared.errors import InvalidRequest
from workers.engines.sdxl.ancestral import EulerAncestralAlong
from workers.engines.sdxl.timesteps import BY_LIST, timesteps_of


@dataclass(frozen=True)
class Sampler:
    """One row: the diffusers class and what it must be told beside the model's configuration."""

    class_name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    #: Whether it skips along a longer schedule of `original_inference_steps` (consistency models).
    skips_steps: bool = False
    #: Whether it draws noise from a seeded tree of its own instead of the pictures' generators.
    seeds_own_noise: bool = False
    #: Whether its time steps are rounded to whole ones. Two of them may then be equal, and a sampler that looks its first
    #: one up takes the second place: it skips a noise level and runs off the end (diffusers 0.42.1, beta from 37 steps on).
    rounds: bool = False


#: What each schedule tells a scheduler; a model's own flags must not leak into another schedule.
PLAIN = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}
FLAGS: dict[str, Mapping[str, Any]] = {
    "karras": PLAIN | {"use_karras_sigmas": True},
    "exponential": PLAIN | {"use_exponential_sigmas": True},
    "beta": PLAIN | {"use_beta_sigmas": True},
    "sgm_uniform": PLAIN | {"timestep_spacing": "trailing"},
}
#: diffusers' own default of `original_inference_steps`; it must be at least the number of steps.
ORIGINAL_STEPS = 50

#: A model's setting: its noise schedule ends in pure noise. Second-order samplers and LMS, PNDM, DEIS have no such thing.
ZERO_SNR = "rescale_betas_zero_snr"

#: Settings are spelled out where a model's saved configuration may come from another sampler (DPM++ files carry
#: algorithm_type and solver_order, for example).
_MULTISTEP = {"solver_order": 2, "solver_type": "midpoint"}
_ODE = {**_MULTISTEP, "algorithm_type": "dpmsolver++"}
_SDE = {**_MULTISTEP, "algorithm_type": "sde-dpmsolver++"}
_OWN: dict[str, Sampler] = {
    "euler": Sampler("EulerDiscreteScheduler"),
    "euler_ancestral": Sampler("EulerAncestralDiscreteScheduler"),
    "dpmpp_2m": Sampler("DPMSolverMultistepScheduler", _ODE, rounds=True),
    "dpmpp_2m_sde": Sampler("DPMSolverMultistepScheduler", _SDE, rounds=True),
    "dpmpp_2m_sde_heun": Sampler("DPMSolverMultistepScheduler", {**_SDE, "solver_type": "heun"}, rounds=True),
    "dpmpp_3m_sde": Sampler("DPMSolverMultistepScheduler", {**_SDE, "solver_order": 3}, rounds=True),
    "dpmpp_sde": Sampler("DPMSolverSDEScheduler", seeds_own_noise=True),
    "lms": Sampler("LMSDiscreteScheduler"),
    "lcm": Sampler("LCMScheduler", skips_steps=True),
    "tcd": Sampler("TCDScheduler", skips_steps=True),
    "ddim": Sampler("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False}),
    "ddpm": Sampler("DDPMScheduler", {"clip_sample": False}),
    "unipc": Sampler("UniPCMultistepScheduler", rounds=True),
    "heun": Sampler("HeunDiscreteScheduler"),
    "kdpm2": Sampler("KDPM2DiscreteScheduler"),
    "kdpm2_ancestral": Sampler("KDPM2AncestralDiscreteScheduler"),
    "pndm": Sampler("PNDMScheduler", {"skip_prk_steps": True, "set_alpha_to_one": False}),
    "deis": Sampler("DEISMultistepScheduler", {"algorithm_type": "deis", "solver_type": "logrho"}, rounds=True),
}
#: The keys are those of `SCHEDULERS`: names that also say a schedule share their sampler's row.
SAMPLERS: dict[str, Sampler] = _OWN | {name: _OWN[sampler] for name, (sampler, _) in COMBINED.items()}


def build(
    name: str, config: Mapping[str, Any], *, steps: int, seeds: Sequence[int], schedule: str | None = None
) -> Any:
    """A scheduler that nobody has used yet.

    Args:
        name: a scheduler, as records spell it.
        config: the configuration of the scheduler the model came with.
        steps: of the coming run.
        seeds: one per picture; only samplers with noise of their own need them. Such noise is drawn on the device of
            the latents, as plain diffusers does with `noise_sampler_seed`.
        schedule: None: what the name says, else normal.

    Raises:
        InvalidRequest: the model was trained on a noise schedule that this sampler cannot follow; diffusers would leave
            the setting out and paint something else.
    """
    sampling = sampling_of(name, schedule)
    row = SAMPLERS[sampling.sampler]
    if config.get(ZERO_SNR) and not _knows_zero_snr(row):
        able = [each for each, other in SAMPLERS.items() if _knows_zero_snr(other)]
        raise InvalidRequest(
            f"{name} cannot follow the noise schedule of this model ({ZERO_SNR}); one of {', '.join(able)} can",
            field="scheduler",
        )
    settings = {**FLAGS.get(sampling.schedule, PLAIN), **row.settings}
    if row.skips_steps:
        settings["original_inference_steps"] = max(ORIGINAL_STEPS, steps)
    if row.seeds_own_noise:
        settings["noise_sampler_seed"] = list(seeds)
    is_along = sampling.sampler == "euler_ancestral" and sampling.schedule not in ("normal", "sgm_uniform")
    made = _class(row, is_along).from_config(config, **settings)
    return _from_the_first_step(made) if row.rounds else made


def given_timesteps(name: str, config: Mapping[str, Any], *, steps: int, schedule: str | None) -> dict[str, list[int]]:
    """What a pipeline's call must be told where the schedule is a list: `timesteps`, in place of a number of steps."""
    sampling = sampling_of(name, schedule)
    is_list = sampling.schedule in BY_LIST
    # Consistency models do not look at `timestep_spacing`.
    is_list |= sampling.schedule == "sgm_uniform" and SAMPLERS[sampling.sampler].skips_steps
    return {"timesteps": timesteps_of(sampling.schedule, steps, config)} if is_list else {}


def _class(row: Sampler, is_along: bool) -> Any:
    return EulerAncestralAlong if is_along else getattr(diffusers, row.class_name)


def _from_the_first_step(scheduler: Any) -> Any:
    """Start at the first noise level by its place; a pipeline that begins later (img2img) says so afterwards."""
    set_timesteps = scheduler.set_timesteps

    @wraps(set_timesteps)
    def setting(*args: Any, **kwargs: Any) -> None:
        set_timesteps(*args, **kwargs)
        scheduler.set_begin_index(0)

    scheduler.set_timesteps = setting
    return scheduler


def _knows_zero_snr(row: Sampler) -> bool:
    return ZERO_SNR in inspect.signature(getattr(diffusers, row.class_name)).parameters
