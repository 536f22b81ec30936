"""The least that an SDXL model can be asked for: what its pace is measured with."""

from shared.contracts.generation import GenerationParams
from shared.errors import EngineFailed
from shared.models.catalogue import ModelCard

#: UNet passes are what a picture's time goes into; one would mostly measure the way there.
STEPS = 2


class Nobody:
    """A watch that nobody looks at."""

    def step(self, step: int, steps: int, previews: object = None) -> None:
        return None

    def degrade(self, what: str) -> None:
        return None


def smallest(card: ModelCard) -> GenerationParams:
    """A picture of the smallest size that the model's limits allow.

    Raises:
        EngineFailed: its card has no limits.
    """
    if card.limits is None or card.defaults is None:
        raise EngineFailed(f"{card.id} has no limits, so there is no smallest picture")
    return GenerationParams(
        prompt="",
        negative_prompt="",
        width=card.limits.min_side_px,
        height=card.limits.min_side_px,
        steps=STEPS,
        guidance_scale=card.defaults.guidance_scale,
        scheduler=card.defaults.scheduler,
        seed=0,
        n=1,
    )
