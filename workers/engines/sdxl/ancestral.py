"""Euler ancestral along any schedule: diffusers' own follows only the spacing of time steps.

The sampler needs nothing but noise levels and their time steps, and diffusers' Euler knows those of every schedule; so
one Euler scheduler of the same configuration is asked for them.
"""

from typing import Any

from diffusers import EulerAncestralDiscreteScheduler, EulerDiscreteScheduler
from diffusers.configuration_utils import register_to_config


class EulerAncestralAlong(EulerAncestralDiscreteScheduler):
    """`EulerAncestralDiscreteScheduler` with the flags and the `timesteps` of `EulerDiscreteScheduler`."""

    @register_to_config
    def __init__(
        self,
        num_train_timesteps: int = 1000,
        beta_start: float = 0.0001,
        beta_end: float = 0.02,
        beta_schedule: str = "linear",
        trained_betas: Any = None,
        prediction_type: str = "epsilon",
        timestep_spacing: str = "linspace",
        steps_offset: int = 0,
        rescale_betas_zero_snr: bool = False,
        use_karras_sigmas: bool = False,
        use_exponential_sigmas: bool = False,
        use_beta_sigmas: bool = False,
    ) -> None:
        super().__init__(
            num_train_timesteps=num_train_timesteps,
            beta_start=beta_start,
            beta_end=beta_end,
            beta_schedule=beta_schedule,
            trained_betas=trained_betas,
            prediction_type=prediction_type,
            timestep_spacing=timestep_spacing,
            steps_offset=steps_offset,
            rescale_betas_zero_snr=rescale_betas_zero_snr,
        )

    def set_timesteps(
        self, num_inference_steps: int | None = None, device: Any = None, timesteps: list[int] | None = None
    ) -> None:
        guide = EulerDiscreteScheduler.from_config(self.config)
        guide.set_timesteps(num_inference_steps, device=device, timesteps=timesteps)
        super().set_timesteps(guide.num_inference_steps, device=device)
        self.timesteps, self.sigmas = guide.timesteps, guide.sigmas
