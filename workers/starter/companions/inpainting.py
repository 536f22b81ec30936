"""Something else where a thing was, without weights of its own: diffusers' inpainting pipeline, and our paste.

The pipeline paints the whole card anew and only leans on what is outside the mask; so the result is laid over the card
through the mask, and the rest is the card's, pixel for pixel. The mask is the thing's box and two latents around it: with
one latent a tenth fewer came out, since the cells on its border are known by half. The prompt spells out what shall be
there, as a short one would ask for a big thing in the middle (`usual.py`), which may lie outside the mask.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
import torch
from diffusers import StableDiffusionXLInpaintPipeline, StableDiffusionXLPipeline
from PIL import Image

from workers.starter.judge import sightings
from workers.starter.paint import paint
from workers.starter.truth import GROUND_PHRASES, PLACE_PHRASES, SKY_PHRASES, STYLE_NAMES, with_article
from workers.starter.world import (
    COLOURS,
    FLOATING,
    KINDS,
    SIDE_PX,
    Scene,
    Thing,
    is_held_out,
    put,
    scene_from_seed,
)

#: Pixels around a thing that the mask covers with it.
AROUND_PX = 16
STEPS, GUIDANCE = 16, 2.0
#: The measure's own seeds.
FIRST_SEED = 820_000


@dataclass(frozen=True)
class Exchange:
    """A card, what leaves it and what comes in its place; both stand, or both hang in the air."""

    card: Scene
    leaves: Thing
    comes: Thing

    @property
    def prompt(self) -> str:
        thing, card = self.comes, self.card
        words = f"{with_article(f'{thing.size} {thing.colour} {thing.kind}')} {PLACE_PHRASES[thing.place]}"
        where = f"{GROUND_PHRASES[card.ground][0]} {SKY_PHRASES[card.sky][0]}"
        return f"{with_article(STYLE_NAMES[card.style][-1])} of {words} {where}"

    def mask(self) -> Image.Image:
        """255 where the card may change: around what leaves, but not where a neighbour stands."""
        mask = Image.new("L", (SIDE_PX, SIDE_PX))
        mask.paste(255, _box_px(self.leaves, AROUND_PX))
        for thing in self.card.things:
            if thing is not self.leaves:
                mask.paste(0, _box_px(thing, 1))
        return mask


def exchanges(many: int) -> list[Exchange]:
    """The same for ever; half of the cards show one thing, half two."""
    return [_exchange(FIRST_SEED + k, 1 + k % 2) for k in range(many)]


def _exchange(seed: int, count: int) -> Exchange:
    draw = random.Random(f"exchange:{seed}")
    card = scene_from_seed(seed, count=count)
    leaves = draw.choice(card.things)
    there = {thing.kind for thing in card.things}
    kind = draw.choice([k for k in KINDS if k not in there and (k in FLOATING) == (leaves.kind in FLOATING)])
    colour = draw.choice([c for c in COLOURS if not is_held_out(c, kind, card.ground)])
    return Exchange(card, leaves, put(draw, kind, colour, leaves.size, leaves.place))


def inpainter(painter: StableDiffusionXLPipeline) -> StableDiffusionXLInpaintPipeline:
    """The stock pipeline over the painter's parts."""
    pipe = StableDiffusionXLInpaintPipeline(**painter.components, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def exchanged(pipe: StableDiffusionXLInpaintPipeline, exchange: Exchange) -> Image.Image:
    """The card with the new thing in the mask and every other pixel as it was."""
    card, mask = paint(exchange.card), exchange.mask()
    made = pipe(
        exchange.prompt,
        image=card,
        mask_image=mask,
        strength=1.0,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        width=SIDE_PX,
        height=SIDE_PX,
        generator=torch.Generator().manual_seed(exchange.card.seed),
    ).images[0]
    card.paste(made, mask=mask)
    return card


def is_there(exchange: Exchange, picture: Image.Image) -> bool:
    """Whether what was asked for is seen at the place of what left."""
    wanted = exchange.comes
    return any((s.kind, s.colour, s.place) == (wanted.kind, wanted.colour, wanted.place) for s in sightings(picture))


def rest_is_equal(exchange: Exchange, picture: Image.Image) -> bool:
    """Whether no pixel outside the mask has changed."""
    outside = np.asarray(exchange.mask()) == 0
    return bool((np.asarray(picture)[outside] == np.asarray(paint(exchange.card))[outside]).all())


def mark_inpainting(asked: Sequence[Exchange], pictures: Sequence[Image.Image]) -> dict[str, float]:
    """The share with the asked thing in the mask, with the rest equal, and how often the judge finds it on true cards."""
    true = [replace(e.card, things=tuple(e.comes if t is e.leaves else t for t in e.card.things)) for e in asked]
    return {
        "inpainting: judge on true cards": fmean(
            is_there(e, paint(scene)) for e, scene in zip(asked, true, strict=True)
        ),
        "inpainting: the asked thing in the mask": fmean(
            is_there(e, picture) for e, picture in zip(asked, pictures, strict=True)
        ),
        "inpainting: the rest pixel-equal": fmean(
            rest_is_equal(e, picture) for e, picture in zip(asked, pictures, strict=True)
        ),
    }


def _box_px(thing: Thing, around_px: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(share * SIDE_PX) for share in thing.box)
    low, high = around_px, SIDE_PX
    return max(0, left - low), max(0, top - low), min(high, right + low), min(high, bottom + low)
