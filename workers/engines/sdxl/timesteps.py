"""Schedules that are a list of time steps: `simple` and `align_your_steps`, and `sgm_uniform` for samplers that know no
spacing. Pure.

*SGM uniform* falls from the top in equal steps that would end below the bottom ("trailing"). *Simple* (A1111, ComfyUI)
takes every (T/n)th of the model's T noise levels from the top. *Align Your Steps* (Sabour et al. 2024,
https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/) found ten good noise levels for SDXL; for another number of
steps its authors interpolate their logarithms linearly.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from diffusers import EulerDiscreteScheduler
from diffusers.schedulers import AysSchedules

#: Schedules that are lists.
BY_LIST = ("simple", "align_your_steps")


def timesteps_of(schedule: str, steps: int, config: Mapping[str, Any]) -> list[int]:
    """The time steps of a run, falling, none twice.

    Args:
        steps: 1 to 150; so many are returned.
        config: of the scheduler the model came with.
    """
    train_steps = int(config.get("num_train_timesteps", 1000))
    if schedule == "sgm_uniform":
        return [round(train_steps - place * train_steps / steps) - 1 for place in range(steps)]
    if schedule == "simple":
        return [train_steps - 1 - place * train_steps // steps for place in range(steps)]
    return _aligned(steps, config)


def _aligned(steps: int, config: Mapping[str, Any]) -> list[int]:
    """For ten steps diffusers' list itself; else the model's time steps that lie nearest to the levels in between."""
    ten = AysSchedules["StableDiffusionXLTimesteps"]
    if steps == len(ten):
        return list(ten)
    levels = np.log(AysSchedules["StableDiffusionXLSigmas"][: len(ten)])
    wanted = np.interp(np.linspace(0, len(ten) - 1, steps), np.arange(len(ten)), levels)
    kept = EulerDiscreteScheduler.from_config(config).alphas_cumprod.double().numpy()
    known = np.log((1 - kept) / kept) / 2
    return [round(step) for step in np.interp(wanted, known, np.arange(len(known))).tolist()]
