"""One forward pass of the UNet over samples that may share one, and the step each takes of it.

Rows stand as diffusers' pipelines lay them: the negative halves of the guided samples first, then every sample's own. A
sample's row does not know of its neighbours; what differs from a solo run is how the arithmetic of larger matrices rounds.

The order it promises: no sample has changed until the UNet has answered for all. Only the pass needs memory worth naming,
so whoever caught its `OutOfVram` may go on with fewer samples; `calls` says who has taken the step.
"""

from collections.abc import Sequence
from typing import Any

import torch

from workers.engines.sdxl.samples import Sample


@torch.no_grad()
def advance(unet: Any, samples: Sequence[Sample]) -> None:
    """Take every sample one call further.

    Args:
        unet: of the model that all samples began with.
        samples: of one `key`, none done, in the order of their rows.
    """
    for sample, noise in zip(samples, predict(unet, samples), strict=True):
        sample.take(noise)


@torch.no_grad()
def predict(unet: Any, samples: Sequence[Sample]) -> list[torch.Tensor]:
    """The noise that the UNet sees in each sample, guided: shaped as its latents. Nothing changes."""
    guided = [sample for sample in samples if sample.is_guided]
    inputs = {id(sample): sample.model_input() for sample in samples}
    rows = [*guided, *samples]
    answer = unet(
        torch.cat([inputs[id(sample)] for sample in rows]),
        _timesteps(rows),
        encoder_hidden_states=torch.cat(
            [_of(s.conditioning.negative) for s in guided] + [s.conditioning.prompt for s in samples]
        ),
        timestep_cond=_guidance_embeddings(rows),
        added_cond_kwargs={
            "text_embeds": torch.cat(
                [_of(s.conditioning.negative_pooled) for s in guided] + [s.conditioning.pooled for s in samples]
            ),
            "time_ids": torch.cat([s.negative_time_ids for s in guided] + [s.time_ids for s in samples]),
        },
        return_dict=False,
    )[0]
    parts = list(answer.split(1))
    negative = {id(sample): part for sample, part in zip(guided, parts, strict=False)}
    return [
        _guided(sample, negative.get(id(sample)), own)
        for sample, own in zip(samples, parts[len(guided) :], strict=True)
    ]


def _timesteps(rows: Sequence[Sample]) -> torch.Tensor:
    """One a row. Whole and broken numbers meet as fp32, which is what the UNet makes of either."""
    each = [row.timestep for row in rows]
    alike = len({step.dtype for step in each}) == 1
    return torch.stack(each if alike else [step.float() for step in each])


def _guidance_embeddings(rows: Sequence[Sample]) -> torch.Tensor | None:
    given = [row.guidance_embedding for row in rows if row.guidance_embedding is not None]
    return torch.cat(given) if given else None


def _guided(sample: Sample, negative: torch.Tensor | None, own: torch.Tensor) -> torch.Tensor:
    """Classifier-free guidance (Ho and Salimans 2022), as diffusers writes it."""
    if negative is None:
        return own
    return negative + sample.params.guidance_scale * (own - negative)


def _of(tensor: torch.Tensor | None) -> torch.Tensor:
    assert tensor is not None  # guided samples have it
    return tensor
