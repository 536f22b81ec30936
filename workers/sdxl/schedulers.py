"""A scheduler's name → a fresh diffusers scheduler for one job.

A scheduler is stateful, so every run builds its own from the model's scheduler configuration. A row says only what
makes this sampler itself; the noise schedule, the prediction type and the spacing of time steps stay the model's.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import diffusers

from shared.errors import InvalidRequest


@dataclass(frozen=True)
class Sampler:
    """One row: the diffusers class and what it must be told beside the model's configuration."""

    class_name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    #: Whether it skips along a longer schedule of `original_inference_steps` (consistency models).
    skips_steps: bool = False
    #: Whether it draws noise from a seeded tree of its own instead of the pictures' generators.
    seeds_own_noise: bool = False


PLAIN = {"use_karras_sigmas": False}
KARRAS = {"use_karras_sigmas": True}
#: diffusers' own default of `original_inference_steps`; it must be at least the number of steps.
ORIGINAL_STEPS = 50

#: A model's setting: its noise schedule ends in pure noise. Second-order samplers and LMS, PNDM, DEIS have no such thing.
ZERO_SNR = "rescale_betas_zero_snr"

#: The keys are those of `shared.contracts.generation.SCHEDULERS`. Settings are spelled out where a model's saved
#: configuration may come from another sampler (DPM++ files carry algorithm_type and Karras flags, for example).
SAMPLERS: dict[str, Sampler] = {
    "euler": Sampler("EulerDiscreteScheduler", PLAIN),
    "euler_trailing": Sampler("EulerDiscreteScheduler", {**PLAIN, "timestep_spacing": "trailing"}),
    "euler_ancestral": Sampler("EulerAncestralDiscreteScheduler"),
    "dpmpp_2m": Sampler("DPMSolverMultistepScheduler", {**PLAIN, "algorithm_type": "dpmsolver++"}),
    "dpmpp_2m_karras": Sampler("DPMSolverMultistepScheduler", {**KARRAS, "algorithm_type": "dpmsolver++"}),
    "dpmpp_2m_sde_karras": Sampler("DPMSolverMultistepScheduler", {**KARRAS, "algorithm_type": "sde-dpmsolver++"}),
    "dpmpp_sde_karras": Sampler("DPMSolverSDEScheduler", KARRAS, seeds_own_noise=True),
    "lms": Sampler("LMSDiscreteScheduler", PLAIN),
    "lcm": Sampler("LCMScheduler", skips_steps=True),
    "tcd": Sampler("TCDScheduler", skips_steps=True),
    "ddim": Sampler("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False}),
    "unipc": Sampler("UniPCMultistepScheduler", PLAIN),
    "heun": Sampler("HeunDiscreteScheduler", PLAIN),
    "kdpm2": Sampler("KDPM2DiscreteScheduler", PLAIN),
    "kdpm2_ancestral": Sampler("KDPM2AncestralDiscreteScheduler", PLAIN),
    "pndm": Sampler("PNDMScheduler", {"skip_prk_steps": True, "set_alpha_to_one": False}),
    "deis": Sampler("DEISMultistepScheduler", {**PLAIN, "algorithm_type": "deis", "solver_type": "logrho"}),
}


def build(name: str, config: Mapping[str, Any], *, steps: int, seeds: Sequence[int]) -> Any:
    """A scheduler that nobody has used yet.

    Args:
        name: a key of `SAMPLERS`.
        config: the configuration of the scheduler the model came with.
        steps: of the coming run.
        seeds: one per picture; only samplers with noise of their own need them. Such noise is drawn on the device of
            the latents, as plain diffusers does with `noise_sampler_seed`.

    Raises:
        InvalidRequest: the model was trained on a noise schedule that this sampler cannot follow; diffusers would leave
            the setting out and paint something else.
    """
    row = SAMPLERS[name]
    if config.get(ZERO_SNR) and not _knows_zero_snr(row):
        able = [each for each, other in SAMPLERS.items() if _knows_zero_snr(other)]
        raise InvalidRequest(
            f"{name} cannot follow the noise schedule of this model ({ZERO_SNR}); one of {', '.join(able)} can",
            field="scheduler",
        )
    settings = dict(row.settings)
    if row.skips_steps:
        settings["original_inference_steps"] = max(ORIGINAL_STEPS, steps)
    if row.seeds_own_noise:
        settings["noise_sampler_seed"] = list(seeds)
    return getattr(diffusers, row.class_name).from_config(config, **settings)


def _knows_zero_snr(row: Sampler) -> bool:
    return ZERO_SNR in inspect.signature(getattr(diffusers, row.class_name)).parameters
