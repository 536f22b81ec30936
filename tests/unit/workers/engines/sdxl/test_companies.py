"""Whatever company a picture is made in, whoever joins or leaves when, it is the picture that is made alone."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.contracts.samplers import FOLLOWS, SCHEDULERS
from tests.unit.workers.engines.parts import Watch, rings, stripes, work
from workers.engines.base import GenerateWork
from workers.engines.sdxl.engine import SdxlEngine

SMALL = {"width": 32, "height": 32}
#: One of each family: plain, ancestral, multistep, with noise of its own, of second order, one more call, skipping.
FAMILIES = ("euler", "euler_ancestral", "dpmpp_2m_karras", "dpmpp_2m_sde", "dpmpp_sde", "heun", "pndm", "lcm", "unipc")
LONG = "a winding road through the hills " * 4


@st.composite
def works(draw: st.DrawFn) -> GenerateWork:
    image = draw(st.sampled_from([None, None, rings(32, 32), stripes(32, 32)]))
    more = {"strength": draw(st.sampled_from([0.5, 0.75, 1.0]))} if image is not None else {}
    return work(
        image,
        **SMALL,
        **more,
        prompt=draw(st.sampled_from(["a red fox", "", LONG])),
        negative_prompt=draw(st.sampled_from(["", "birds"])),
        steps=draw(st.integers(2, 6)),
        guidance_scale=draw(st.sampled_from([0.0, 1.0, 2.5, 7.0, 15.0])),
        scheduler=draw(st.sampled_from(FAMILIES)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


def is_the_same(ours: Image.Image, alone: Image.Image) -> bool:
    """At most 1 of 255 for 99.9 % of the values, at most 3 for the rest."""
    apart = np.abs(np.asarray(ours, int) - np.asarray(alone, int))
    return bool((apart <= 1).mean() >= 0.999 and apart.max() <= 3)


def finished(engine: SdxlEngine, sample) -> Image.Image:
    [values] = engine._vae.decode(sample.latents, ["it"], sample.params, Watch()).split(1)
    return engine._txt2img.image_processor.postprocess(values, output_type="pil")[0]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(works(), min_size=2, max_size=5), st.data())
def test_random_companies_with_joins_and_leaves(engine, members, data):
    """Members join at random steps, take turns in random passes, and some leave before their end."""
    joins = [data.draw(st.integers(0, 6)) for _ in members]
    leaver = data.draw(st.integers(-1, len(members) - 1))
    rounds, here, done = 0, {}, {}
    while rounds <= 6 or here:
        here |= {i: engine._denoiser.begin(members[i], Watch())[0] for i, at in enumerate(joins) if at == rounds}
        if rounds == 4:
            here.pop(leaver, None)
        waits = data.draw(st.sets(st.sampled_from(sorted(here)), max_size=len(here) - 1)) if len(here) > 1 else set()
        for key in {sample.key for sample in here.values()}:
            company = [sample for i, sample in here.items() if sample.key == key and i not in waits]
            if company:
                engine._denoiser.step(company)
        done |= {i: here.pop(i) for i, sample in list(here.items()) if sample.is_done}
        rounds += 1

    for i, sample in done.items():
        assert is_the_same(finished(engine, sample), engine.generate([members[i]], Watch())[0][0])


def test_one_call_makes_jobs_of_every_setting_together(engine):
    mixed = [
        work(seed=1, steps=2, guidance_scale=0.0, scheduler="lcm", **SMALL),
        work(rings(32, 32), seed=2, steps=6, strength=0.5, scheduler="heun", **SMALL),
        work(seed=3, steps=5, guidance_scale=15.0, scheduler="dpmpp_2m_sde", n=2, **SMALL),
        work(seed=4, steps=4, prompt=LONG, **SMALL),
    ]
    watch = Watch()

    together = engine.generate(mixed, watch)

    alone = [engine.generate([each], Watch())[0] for each in mixed]
    assert all(
        is_the_same(a, b) for ours, solo in zip(together, alone, strict=True) for a, b in zip(ours, solo, strict=True)
    )
    assert watch.steps[-1] == (9, 9)  # the longest of each length of prompt


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("image", [None, rings(32, 32)], ids=["txt2img", "img2img"])
def test_every_sampler_keeps_its_picture_beside_another(engine, name, image):
    one = work(image, scheduler=name, seed=3, steps=4, **SMALL)
    other = work(scheduler="euler", seed=9, steps=7, guidance_scale=0.0, **SMALL)

    together = engine.generate([one, other], Watch())[0][0]

    assert is_the_same(together, engine.generate([one], Watch())[0][0])


@pytest.mark.parametrize("schedule", sorted(FOLLOWS["heun"]))
@pytest.mark.parametrize("strength", [0.3, 0.5, 0.75])
def test_a_sampler_of_second_order_starts_where_it_should_along_every_schedule(engine, schedule, strength):
    """diffusers counts a list of time steps by its entries, which such samplers double, and runs off its end."""
    sample = engine._denoiser.begin(
        work(rings(32, 32), scheduler="heun", schedule=schedule, steps=4, strength=strength, **SMALL), Watch()
    )[0]

    while not sample.is_done:
        engine._denoiser.step([sample])

    assert sample.step == sample.params.steps_run
    assert torch.isfinite(sample.latents).all()
