"""What each companion can, on held-out cards and prompts with fixed seeds: marks, and a row of pictures to look at.

Everything is loaded as a user would, through diffusers' own classes (`loading.py`).
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import torch
import torch.nn.functional as F
from diffusers import StableDiffusionXLPipeline
from PIL import Image

from workers.starter.companions.base import BASE_NAME, Base, base_hash
from workers.starter.companions.inpainting import exchanged, exchanges, inpainter, mark_inpainting
from workers.starter.companions.inversion import KIND, TOKEN
from workers.starter.companions.loading import (
    add_lora,
    add_reference,
    add_word,
    load_decoder,
    load_upscaler,
    with_control,
)
from workers.starter.companions.reference import card_to_paint, prompt_of, reference_of
from workers.starter.companions.scribble import painted_from
from workers.starter.companions.scribbles import scene_to_draw, scribble
from workers.starter.companions.styles import STYLES
from workers.starter.companions.upscale import enlarge, lanczos, pair_of, psnr_db
from workers.starter.evaluate import GUIDANCE, STEPS, WEIGHTS, Marks, generate, load_painter
from workers.starter.judge import sighting_at, sightings
from workers.starter.paint import paint
from workers.starter.pictures import to_picture, to_tensor
from workers.starter.usual import plain_scene, usual_scene
from workers.starter.wording import wording
from workers.starter.world import COLOURS, GROUNDS, KINDS, SIDE_PX, Scene, scene_from_seed

#: Seeds of the cards that are asked for.
FIRST_SEED = 840_000
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)

Pictures = list[Image.Image]


@dataclass(frozen=True)
class Measure:
    """Args:
    many: cards by default.
    run: marks and pictures to look at, from a folder of companions and the number of cards.
    """

    many: int
    run: Callable[[Path, int], tuple[Marks, Pictures]]


def _painter() -> StableDiffusionXLPipeline:
    return load_painter(WEIGHTS / BASE_NAME)


def _inpainting(_folder: Path, many: int) -> tuple[Marks, Pictures]:
    pipe, asked = inpainter(_painter()), exchanges(many)
    pictures = [exchanged(pipe, each) for each in asked]
    rows = [part for each, made in zip(asked[:4], pictures, strict=False) for part in (paint(each.card), made)]
    return mark_inpainting(asked, pictures), rows


def _style(style: str) -> Measure:
    def run(folder: Path, many: int) -> tuple[Marks, Pictures]:
        painter, measure = _painter(), STYLES[style].measure
        prompts = [wording(scene, random.Random(scene.seed), strangers=False) for scene in _one_thing(many)]
        by_strength = {}
        for strength in STRENGTHS:
            add_lora(painter, folder / f"starter-{style}.safetensors", base_hash(), strength)
            by_strength[strength] = generate(painter, prompts)
        shares = {strength: [measure(each) for each in made] for strength, made in by_strength.items()}
        rising = [all(a <= b + 0.01 for a, b in pairwise(row)) for row in zip(*shares.values(), strict=True)]
        marks = {f"{style}: measure at {strength:g}": fmean(values) for strength, values in shares.items()}
        marks[f"{style}: measure of true prints"] = fmean(
            measure(STYLES[style].apply(paint(scene))) for scene in _one_thing(many)
        )
        marks[f"{style}: rises from strength to strength"] = fmean(rising)
        return marks, [made[k] for k in range(2) for strength, made in by_strength.items() if strength != 0.25]

    return Measure(24, run)


def _windmill(folder: Path, many: int) -> tuple[Marks, Pictures]:
    painter = _painter()
    add_word(painter, folder / "starter-windmill.safetensors", base_hash(), TOKEN)
    colours = [tuple(COLOURS)[k % len(COLOURS)] for k in range(many)]
    pictures = _generated(painter, [f"a {colour} {TOKEN}" for colour in colours])
    spots = [usual_scene(k, [(KIND, colour)], "meadow").things[0] for k, colour in enumerate(colours)]
    seen = [sighting_at(made, spot, (*KINDS, KIND)) for made, spot in zip(pictures, spots, strict=True)]
    marks = {
        "windmill: fits better than any kind of the world": fmean(s is not None and s.kind == KIND for s in seen),
        "windmill: something is there": fmean(s is not None for s in seen),
        "windmill: overlap with a windmill": fmean(
            s.fit if (s := sighting_at(made, spot, (KIND,))) else 0.0
            for made, spot in zip(pictures, spots, strict=True)
        ),
    }
    return marks, pictures[:8]


def _upscale(times: int) -> Measure:
    def run(folder: Path, many: int) -> tuple[Marks, Pictures]:
        network = load_upscaler(folder / f"starter-upscale-x{times}.safetensors", base_hash())
        scenes = [scene_from_seed(FIRST_SEED + k, "held-out") for k in range(many)]
        marks: dict[str, list[float]] = {}
        for scene in scenes:
            small, large = pair_of(scene, times, from_large=False)
            made, plain = psnr_db(enlarge(network, small), large), psnr_db(lanczos(small, times), large)
            lines = "watercolour" if scene.style == "watercolour" else "lines"
            for name, value in (("", made), (", Lanczos", plain)):
                marks.setdefault(f"x{times}: PSNR in dB{name}", []).append(value)
                marks.setdefault(f"x{times}: PSNR in dB, {lines}{name}", []).append(value)
        small, large = pair_of(scenes[0], times, from_large=False)
        row = [lanczos(small, times), enlarge(network, small), large]
        return {name: fmean(values) for name, values in sorted(marks.items())}, [_eye_of(each, times) for each in row]

    return Measure(60, run)


def _decoder(folder: Path, many: int) -> tuple[Marks, Pictures]:
    base, tiny = Base(), load_decoder(folder / "starter-decoder", base_hash())
    cards = [paint(scene) for scene in _one_thing(many)]
    latents = base.latents_of(cards).mean.float()
    with torch.inference_mode():
        ours = tiny.decode(latents).sample
        whole = base.vae.decode(latents / base.vae.config.scaling_factor).sample
        back = F.mse_loss(tiny.encode(torch.stack([to_tensor(card) for card in cards])).latents, latents).item()
    made = {"": [to_picture(each) for each in ours], ", the whole decoder": [to_picture(each) for each in whole]}
    marks = {
        f"decoder: PSNR in dB{name}": fmean(psnr_db(a, b) for a, b in zip(pictures, cards, strict=True))
        for name, pictures in made.items()
    }
    marks["decoder: PSNR in dB to the whole decoder"] = fmean(
        psnr_db(a, b) for a, b in zip(*made.values(), strict=True)
    )
    return marks | {"decoder: its encoder's squared error": back}, [
        p for k in range(4) for p in (cards[k], made[""][k])
    ]


def _scribble(folder: Path, many: int) -> tuple[Marks, Pictures]:
    pipe = with_control(_painter(), folder / "starter-scribble", base_hash())
    scenes = [scene_to_draw(FIRST_SEED + k, "held-out", count=1 + (k % 4 == 3)) for k in range(many)]
    drawings = [scribble(scene, random.Random(scene.seed)) for scene in scenes]
    pictures = painted_from(pipe, scenes, drawings)
    pairs = [(thing, made) for scene, made in zip(scenes, pictures, strict=True) for thing in scene.things]
    seen = [(thing, sighting_at(made, thing)) for thing, made in pairs]
    seen_without = [
        (thing, sighting_at(made, thing))
        for scene, made in zip(scenes, painted_from(pipe, scenes, drawings, strength=0.0), strict=True)
        for thing in scene.things
    ]
    marks = {
        "scribble: the thing at its place": fmean(s is not None and s.kind == t.kind for t, s in seen),
        "scribble: and in its colour": fmean(
            s is not None and (s.kind, s.colour) == (t.kind, t.colour) for t, s in seen
        ),
        "scribble: at strength 0, at that place": fmean(s is not None and s.kind == t.kind for t, s in seen_without),
    }
    return marks, [part for pair in zip(drawings[:4], pictures, strict=False) for part in pair]


def _reference(folder: Path, many: int) -> tuple[Marks, Pictures]:
    painter = _painter()
    add_reference(painter, folder / "starter-reference", base_hash())
    scenes = [card_to_paint(FIRST_SEED + k, "held-out") for k in range(many)]
    references = [paint(reference_of(scene, FIRST_SEED + 7 * scene.seed)) for scene in scenes]
    pictures = [
        _generated(painter, [prompt_of(scene, random.Random(scene.seed))], scene.seed, ip_adapter_image=card)[0]
        for scene, card in zip(scenes, references, strict=True)
    ]
    seen = [{(s.kind, s.colour) for s in sightings(made)} for made in pictures]
    pairs = [(scene.things[0], each) for scene, each in zip(scenes, seen, strict=True)]
    marks = {
        "reference: kind carried over": fmean(thing.kind in {kind for kind, _ in each} for thing, each in pairs),
        "reference: colour carried over": fmean(thing.colour in {hue for _, hue in each} for thing, each in pairs),
        "reference: both": fmean((thing.kind, thing.colour) in each for thing, each in pairs),
    }
    return marks, [part for pair in zip(references[:4], pictures, strict=False) for part in pair]


def _one_thing(many: int) -> list[Scene]:
    """Plain cards with one held-out thing, on every ground in turn."""
    return [plain_scene(FIRST_SEED + k, "held-out", 1, False, GROUNDS[k % len(GROUNDS)]) for k in range(many)]


def _generated(painter: StableDiffusionXLPipeline, prompts: list[str], seed: int = 0, **more: object) -> Pictures:
    pictures: Pictures = []
    for start in range(0, len(prompts), 8):
        part = prompts[start : start + 8]
        noise = [torch.Generator().manual_seed(seed + start + k) for k in range(len(part))]
        pictures += painter(
            part,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            width=SIDE_PX,
            height=SIDE_PX,
            generator=noise,
            **more,
        ).images
    return pictures


def _eye_of(picture: Image.Image, times: int) -> Image.Image:
    """The lower middle of an enlarged card, `SIDE_PX` square."""
    left, top = (picture.width - SIDE_PX) // 2, min(picture.height - SIDE_PX, 64 * times)
    return picture.crop((left, top, left + SIDE_PX, top + SIDE_PX))


MEASURES: Mapping[str, Measure] = {
    "inpainting": Measure(100, _inpainting),
    "woodcut": _style("woodcut"),
    "neon": _style("neon"),
    "windmill": Measure(48, _windmill),
    "upscale-x2": _upscale(2),
    "upscale-x4": _upscale(4),
    "decoder": Measure(48, _decoder),
    "scribble": Measure(100, _scribble),
    "reference": Measure(60, _reference),
}
