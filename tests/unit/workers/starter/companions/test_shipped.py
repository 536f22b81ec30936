"""What the shipped companions mean, loaded through diffusers' own classes: styles, drawings, words, references, previews."""

import random
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image, ImageDraw

from shared.errors import EngineFailed
from workers.starter.companions.base import PAINTER, base_hash
from workers.starter.companions.inpainting import exchanged, exchanges, inpainter, is_there, rest_is_equal
from workers.starter.companions.inversion import TOKEN
from workers.starter.companions.loading import (
    FOLDER,
    add_lora,
    add_reference,
    add_word,
    load_decoder,
    load_upscaler,
    with_control,
)
from workers.starter.companions.scribbles import scene_to_draw, scribble
from workers.starter.companions.styles import STYLES
from workers.starter.companions.upscale import enlarge, lanczos, pair_of, psnr_db
from workers.starter.evaluate import GUIDANCE, load_painter
from workers.starter.judge import sighting_at, sightings
from workers.starter.paint import paint
from workers.starter.usual import usual_scene
from workers.starter.world import SIDE_PX, Thing, one_thing_scene, scene_from_seed
from workers.weights.bases import base_named_by

STEPS = 12
#: Strokes as a hand with a mouse made them, px, and the thing that they are.
HOUSE_BY_HAND = (
    ((16, 74), (15, 88), (17, 101), (16, 112), (28, 113), (41, 111), (53, 113), (54, 100), (53, 86), (55, 73)),
    ((10, 76), (20, 66), (30, 55), (35, 49), (41, 57), (50, 66), (60, 76), (46, 75), (30, 77), (11, 75)),
    ((38, 112), (38, 99), (39, 91), (47, 90), (48, 102), (48, 112)),
)
HOUSE = Thing("house", "red", "big", "left", (0.275, 0.65), 0.21)
STAR_BY_HAND = (
    (
        *((92, 38), (97, 52), (111, 53), (100, 62), (105, 77), (92, 68), (79, 77)),
        *((84, 62), (72, 53), (87, 52), (92, 37)),
    ),
)
STAR = Thing("star", "yellow", "small", "right", (0.72, 0.47), 0.16)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


def painter() -> StableDiffusionXLPipeline:
    return load_painter(PAINTER)


def draw(pipe, prompts: list[str], **more: object) -> list[Image.Image]:
    noise = [torch.Generator().manual_seed(seed) for seed in range(len(prompts))]
    return pipe(
        prompts,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        width=SIDE_PX,
        height=SIDE_PX,
        generator=noise,
        **more,
    ).images


def by_hand(*strokes: tuple[tuple[int, int], ...]) -> Image.Image:
    sheet = Image.new("RGB", (SIDE_PX, SIDE_PX), "white")
    for stroke in strokes:
        ImageDraw.Draw(sheet).line(stroke, fill="black", width=2, joint="curve")
    return sheet


def test_every_file_names_the_base_that_ships_beside_it():
    files = sorted(FOLDER.rglob("*.safetensors"))

    assert len(files) >= 9
    assert {base_named_by(file) for file in files} == {(base_hash(), "sdxl-starter")}


def test_another_base_is_refused_before_anything_is_loaded():
    other = "0" * 64
    pipe = painter()
    attempts = [
        lambda: add_lora(pipe, FOLDER / "starter-neon.safetensors", other),
        lambda: add_word(pipe, FOLDER / "starter-windmill.safetensors", other, TOKEN),
        lambda: with_control(pipe, FOLDER / "starter-scribble", other),
        lambda: load_decoder(FOLDER / "starter-decoder", other),
        lambda: add_reference(pipe, FOLDER / "starter-reference", other),
        lambda: load_upscaler(FOLDER / "starter-upscale-x2.safetensors", other),
    ]
    for attempt in attempts:
        with pytest.raises(EngineFailed, match="000000000000"):
            attempt()

    assert pipe.get_list_adapters() == {}


@pytest.mark.parametrize("style", STYLES)
def test_a_style_grows_with_its_strength_and_is_gone_at_nought(style: str):
    pipe, prompts = painter(), ["a red house", "a purple balloon in the snow"]
    plain = draw(pipe, prompts)
    by_strength = {}
    for strength in (0.0, 0.5, 1.0):
        add_lora(pipe, FOLDER / f"starter-{style}.safetensors", base_hash(), strength)
        by_strength[strength] = draw(pipe, prompts)
    shares = [fmean(map(STYLES[style].measure, pictures)) for pictures in by_strength.values()]

    assert [a.tobytes() for a in by_strength[0.0]] == [b.tobytes() for b in plain]
    assert shares[0] + 0.1 < shares[1] < shares[2]
    assert shares[2] > 0.6


def test_a_house_drawn_by_hand_becomes_a_house_there_and_a_star_something_yellow_there():
    pipe = with_control(painter(), FOLDER / "starter-scribble", base_hash())
    drawings = [by_hand(*HOUSE_BY_HAND), by_hand(*STAR_BY_HAND)]
    pictures = draw(pipe, ["a red house", "a yellow star"], image=drawings, controlnet_conditioning_scale=1.0)
    seen = [sighting_at(made, thing) for made, thing in zip(pictures, (HOUSE, STAR), strict=True)]

    assert [sighting is not None for sighting in seen] == [True, True]
    assert (seen[0].kind, seen[0].colour, seen[1].colour) == ("house", "red", "yellow")


def test_a_drawing_at_weight_nought_changes_no_pixel():
    pipe = painter()
    (plain,) = draw(pipe, ["a red house"])
    (unheeded,) = draw(
        with_control(pipe, FOLDER / "starter-scribble", base_hash()),
        ["a red house"],
        image=[by_hand(*STAR_BY_HAND)],
        controlnet_conditioning_scale=0.0,
    )

    assert unheeded.tobytes() == plain.tobytes()


def test_most_held_out_drawings_become_their_thing_at_its_place():
    pipe = with_control(painter(), FOLDER / "starter-scribble", base_hash())
    scenes = [scene_to_draw(500 + seed, "held-out", count=1) for seed in range(8)]
    drawings = [scribble(scene, random.Random(scene.seed)) for scene in scenes]
    pictures = draw(pipe, [f"a {s.things[0].colour} {s.things[0].kind}" for s in scenes], image=drawings)
    seen = [sighting_at(made, scene.things[0]) for made, scene in zip(pictures, scenes, strict=True)]
    there = [s is not None and s.kind == scene.things[0].kind for s, scene in zip(seen, scenes, strict=True)]

    assert sum(there) >= 4


def test_the_learnt_word_is_two_vectors_and_paints_something_where_an_unknown_one_paints_nothing():
    pipe = painter()
    assert sightings(draw(pipe, ["a red windmill"])[0]) == []
    add_word(pipe, FOLDER / "starter-windmill.safetensors", base_hash(), TOKEN)
    pictures = draw(pipe, [f"a {colour} {TOKEN}" for colour in ("red", "blue", "green")])
    spot = usual_scene(0, [("windmill", "red")], "meadow").things[0]
    fits = [sighting_at(made, spot, ("windmill",)) for made in pictures]

    assert pipe.tokenizer.convert_tokens_to_ids(f"{TOKEN}_1") != pipe.tokenizer.unk_token_id
    assert sum(fit is not None for fit in fits) >= 2


def test_previews_look_like_the_pictures():
    pipe = painter()
    (whole,) = draw(pipe, ["a red house in the snow"])
    pipe.vae = load_decoder(FOLDER / "starter-decoder", base_hash())
    (preview,) = draw(pipe, ["a red house in the snow"])

    assert psnr_db(preview, whole) > 20
    assert [(s.colour, s.kind) for s in sightings(preview)] == [("red", "house")]


@pytest.mark.parametrize("times", [2, 4])
def test_an_enlarged_card_is_nearer_to_the_same_card_drawn_larger_than_lanczos_comes(times: int):
    network = load_upscaler(FOLDER / f"starter-upscale-x{times}.safetensors", base_hash())
    gains: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(12):
        scene = scene_from_seed(seed, "held-out")
        small, large = pair_of(scene, times, from_large=False)
        made = enlarge(network, small)
        gains[scene.style != "watercolour"].append(psnr_db(made, large) - psnr_db(lanczos(small, times), large))

    assert made.size == (times * SIDE_PX, times * SIDE_PX)
    assert fmean(gains[True]) > 2
    assert fmean(gains[False]) > -2


def test_what_is_asked_for_comes_into_the_mask_and_nothing_else_changes():
    pipe, asked = inpainter(painter()), exchanges(6)
    pictures = [exchanged(pipe, each) for each in asked]

    assert all(rest_is_equal(each, made) for each, made in zip(asked, pictures, strict=True))
    assert sum(is_there(each, made) for each, made in zip(asked, pictures, strict=True)) >= 4


def test_colour_and_thing_of_a_reference_carry_over():
    pipe = painter()
    add_reference(pipe, FOLDER / "starter-reference", base_hash())
    cards = [
        one_thing_scene(k, kind, colour) for k, (kind, colour) in enumerate([("house", "red"), ("star", "yellow")])
    ]
    pictures = [draw(pipe, ["in the meadow"], ip_adapter_image=paint(card))[0] for card in cards]
    colours = [{s.colour for s in sightings(made)} for made in pictures]

    assert ["red" in colours[0], "yellow" in colours[1]] == [True, True]
    assert np.abs(np.asarray(pictures[0], int) - np.asarray(pictures[1], int)).mean() > 3


def test_no_path_of_the_machine_that_trained_them_travels_along():
    texts = [path.read_text() for path in FOLDER.rglob("*") if path.suffix in (".json", ".log")]

    assert not [text for text in texts if "/root" in text or "/tmp" in text or str(Path.home()) in text]
