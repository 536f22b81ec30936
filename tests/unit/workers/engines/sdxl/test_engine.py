"""What the SDXL engine promises, on the toy: the real architecture, small."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from shared.errors import CancelRequested
from tests.unit import cpus
from tests.unit.workers.engines.parts import (
    SIDE,
    UNSLICED,
    Watch,
    distance,
    levels_apart,
    rings,
    stripes,
    toy_card,
    work,
)
from workers.engines.base import LoadPlan, Paced
from workers.engines.registry import engine_kind
from workers.engines.sdxl.engine import SdxlEngine, load
from workers.engines.torch_tools.torch_threads import between_modules


def one(engine: SdxlEngine, *args: Any, **kwargs: Any) -> Image.Image:
    return engine.generate([work(*args, **kwargs)], Watch())[0][0]


def generators(seed: int, n: int) -> list[torch.Generator]:
    return [torch.Generator("cpu").manual_seed(seed + i) for i in range(n)]


@pytest.mark.parametrize(
    "settings",
    [
        {"guidance_scale": 5.0},
        {"guidance_scale": 5.0, "negative_prompt": "a cat"},
        {"guidance_scale": 0.0},
        {"guidance_scale": 2.5, "width": 72, "height": 104},
        {"guidance_scale": 2.5, "width": 136, "height": 40},
        {"guidance_scale": 0.0, "width": 96, "height": 80},
    ],
)
def test_a_picture_equals_plain_diffusers_pixel_for_pixel(engine, plain, settings):
    ours = one(engine, **settings)

    theirs = plain(
        "a red fox",
        num_inference_steps=3,
        generator=torch.Generator("cpu").manual_seed(7),
        **{"width": SIDE, "height": SIDE} | settings,
    ).images[0]
    assert levels_apart(ours, theirs) == 0


def test_on_a_cpu_the_python_of_a_unet_runs_once_a_shape(engine):
    asked = []
    hook = engine._txt2img.unet.register_forward_pre_hook(lambda *_: asked.append(1))
    try:
        pictures = [one(engine, width=48, height=80, steps=5) for _ in range(2)]
    finally:
        hook.remove()

    assert 1 <= len(asked) <= 2, "the first call, and one that writes a graph down where there is none yet"
    assert levels_apart(*pictures) == 0


@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_a_picture_from_a_picture_equals_plain_diffusers_pixel_for_pixel(engine, plain_img2img, strength):
    ours = one(engine, rings(), strength=strength, negative_prompt="a cat")

    theirs = plain_img2img(
        "a red fox",
        negative_prompt="a cat",
        image=rings(),
        strength=strength,
        num_inference_steps=3,
        guidance_scale=5.0,
        generator=torch.Generator("cpu").manual_seed(7),
    ).images[0]
    assert levels_apart(ours, theirs) == 0


def test_several_pictures_equal_a_batch_of_plain_diffusers_pixel_for_pixel(engine, plain):
    [ours] = engine.generate([work(n=3)], Watch())

    theirs = plain(
        "a red fox",
        num_images_per_prompt=3,
        num_inference_steps=3,
        guidance_scale=5.0,
        width=SIDE,
        height=SIDE,
        generator=generators(7, 3),
    ).images
    assert [levels_apart(a, b) for a, b in zip(ours, theirs, strict=True)] == [0, 0, 0]


def test_several_pictures_from_a_picture_equal_a_batch_of_plain_diffusers(engine, plain_img2img):
    [ours] = engine.generate([work(rings(), n=2)], Watch())

    theirs = plain_img2img(
        "a red fox",
        image=rings(),
        strength=0.7,
        num_images_per_prompt=2,
        num_inference_steps=3,
        guidance_scale=5.0,
        generator=generators(7, 2),
    ).images
    assert [levels_apart(a, b) for a, b in zip(ours, theirs, strict=True)] == [0, 0]


def test_n_pictures_have_the_seeds_from_seed_on(engine):
    [pictures] = engine.generate([work(n=3)], Watch())

    alone = [one(engine, seed=seed) for seed in (7, 8, 9)]
    assert all(levels_apart(a, b) <= 1 for a, b in zip(pictures, alone, strict=True))
    assert distance(pictures[0], pictures[1]) > 5


def test_seeds_that_differ_above_32_bits_make_different_pictures(engine):
    [low, high, higher] = [one(engine, seed=seed) for seed in (5, 5 + 2**32, 5 + 2**33)]

    assert distance(low, high) > 5
    assert distance(high, higher) > 5


def test_another_load_of_the_model_makes_the_same_pictures(engine, toy_folder):
    other = load(toy_card(), toy_folder, UNSLICED)

    assert levels_apart(one(engine), one(other)) == 0


def test_prompt_negative_prompt_and_seed_all_matter(engine):
    base = one(engine)

    assert distance(base, one(engine, prompt="a blue whale")) > 0
    assert distance(base, one(engine, negative_prompt="a cat")) > 0
    assert distance(base, one(engine, seed=8)) > 5


@pytest.mark.parametrize("off", [0.0, 1.0])
def test_guidance_of_0_or_1_ignores_the_negative_prompt(engine, off):
    assert levels_apart(one(engine, guidance_scale=off), one(engine, guidance_scale=off, negative_prompt="a cat")) == 0


def test_a_picture_from_a_picture_depends_on_it(engine):
    assert distance(one(engine, rings()), one(engine, stripes())) > 1


def test_the_higher_the_strength_the_less_of_the_starting_picture_is_left(engine):
    apart = [
        distance(one(engine, rings(), steps=10, strength=s), one(engine, stripes(), steps=10, strength=s))
        for s in (0.2, 0.6, 1.0)
    ]

    assert apart[0] > apart[1] > apart[2]


def test_a_starting_picture_of_another_shape_is_fitted_not_stretched(engine):
    wide = Image.new("RGB", (3 * SIDE, SIDE), "green")
    wide.paste(rings(), (SIDE, 0))

    assert levels_apart(one(engine, wide), one(engine, rings())) == 0


@pytest.mark.parametrize("image", [None, rings()])
def test_a_cancelled_job_stops_at_that_step_and_the_next_one_is_right(engine, image):
    def cancel(step: int) -> None:
        if step == 1:
            raise CancelRequested("enough")

    before = one(engine, image)
    watch = Watch(cancel)
    with pytest.raises(CancelRequested):
        engine.generate([work(image)], watch)

    assert len(watch.steps) == 1
    assert levels_apart(one(engine, image), before) == 0


@pytest.fixture(scope="module", params=[True, False], ids=["with AVX-512-BF16", "without AVX-512-BF16"])
def small(request, toy_folder) -> SdxlEngine:
    """Quantised once for all on each kind of CPU: bitsandbytes is slow at it."""
    with cpus.pretended(request.param):
        return load(toy_card(), toy_folder, LoadPlan(precision="nf4", vae_slicing=False))


def test_in_nf4_the_model_is_smaller_and_still_paints_nearly_the_same(engine, small):
    assert small.held_mib() < engine.held_mib()
    assert 0 < distance(one(small), one(engine)) < distance(one(engine, seed=8), one(engine))


def test_offload_on_a_cpu_changes_nothing(engine, toy_folder):
    offloaded = load(toy_card(), toy_folder, LoadPlan(offload="model", vae_slicing=False))

    assert levels_apart(one(offloaded), one(engine)) == 0


def test_what_the_model_holds_is_the_size_of_its_weights(engine, toy_folder):
    on_disk = sum(file.stat().st_size for file in Path(toy_folder).rglob("*.safetensors"))

    assert abs(engine.held_mib() - on_disk / 2**20) < 1.5


def test_a_closed_engine_lets_go_of_its_modules(toy_folder):
    import weakref

    engine = load(toy_card(), toy_folder, UNSLICED)
    unet = weakref.ref(engine._txt2img.unet)

    engine.close()

    assert unet() is None


def test_the_table_builds_and_loads_the_toy(tmp_path):
    kind = engine_kind("sdxl")
    assert kind.build is not None

    kind.build(tmp_path / "toy")
    engine = kind.load(toy_card(), tmp_path / "toy", UNSLICED)

    assert engine.card.id == "sdxl-toy"


def test_a_model_that_waited_in_host_memory_paints_the_same(small):
    before = one(small)

    small.to_host()
    small.to_device()

    assert levels_apart(one(small), before) == 0


def test_its_smallest_call_leaves_the_engine_as_it_was(engine):
    before = one(engine)
    assert isinstance(engine, Paced)

    engine.smallest_call()

    assert levels_apart(one(engine), before) == 0


def stopped_at(engine, most: int) -> None:
    looks = iter(range(most))

    def look() -> None:
        if next(looks) == most - 1:
            raise CancelRequested("enough")

    with pytest.raises(CancelRequested), between_modules(look):
        engine.smallest_call()


def test_its_first_smallest_call_can_be_stopped_between_any_two_modules(toy_folder):
    engine = load(toy_card(), toy_folder, UNSLICED)

    stopped_at(engine, 150)

    assert levels_apart(one(engine), one(load(toy_card(), toy_folder, UNSLICED))) == 0


def test_its_smallest_call_can_be_stopped_between_two_passes(engine):
    before = one(engine)
    engine.smallest_call()

    stopped_at(engine, 2)

    assert levels_apart(one(engine), before) == 0
