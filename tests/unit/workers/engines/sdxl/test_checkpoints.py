"""A sample that was saved, anywhere on its way, goes on to the very picture it would have been."""

import pytest
import torch

from shared.contracts.samplers import FOLLOWS, SCHEDULERS
from shared.errors import EngineFailed
from tests.unit.workers.engines.parts import Watch, rings, work

SMALL = {"width": 32, "height": 32, "steps": 5, "guidance_scale": 2.5, "seed": 3}


def begun(engine, each):
    return engine._denoiser.begin(each, Watch())[0]


def walked(engine, sample, calls=1000):
    while not sample.is_done and calls:
        engine._denoiser.step([sample])
        calls -= 1
    return sample


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("image", [None, rings(32, 32)], ids=["txt2img", "img2img"])
def test_a_sample_goes_on_where_it_was_saved(engine, name, image):
    each = work(image, scheduler=name, **SMALL)
    whole = walked(engine, begun(engine, each))

    for calls in range(1, len(whole.timesteps)):
        data = engine._denoiser.saved(walked(engine, begun(engine, each), calls))
        resumed = engine._denoiser.resumed(each, 0, data)

        assert resumed.calls == calls
        assert torch.equal(walked(engine, resumed).latents, whole.latents)


@pytest.mark.parametrize("schedule", sorted(FOLLOWS["euler_ancestral"]))
def test_a_sample_goes_on_along_any_schedule(engine, schedule):
    each = work(scheduler="euler_ancestral", schedule=schedule, **SMALL)

    data = engine._denoiser.saved(walked(engine, begun(engine, each), 2))

    whole = walked(engine, begun(engine, each))
    assert torch.equal(walked(engine, engine._denoiser.resumed(each, 0, data)).latents, whole.latents)


def test_the_second_picture_of_a_job_goes_on_as_the_second(engine):
    each = work(**SMALL | {"n": 2})
    second = engine._denoiser.begin(each, Watch())[1]

    data = engine._denoiser.saved(walked(engine, second, 2))

    assert engine._denoiser.resumed(each, 1, data).seed == 4


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_checkpoint_is_small(engine, name):
    each = work(scheduler=name, width=128, height=128, steps=8)
    sample = begun(engine, each)
    while not sample.is_done:
        engine._denoiser.step([sample])
        if not sample.is_done:
            # Eight times the latents, and what the generator and the names take.
            assert len(engine._denoiser.saved(sample)) <= 8 * sample.latents.nbytes + 12_000


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"\x80\x04K\x01.", bytes(8) + b"{}"])
def test_bytes_that_are_no_checkpoint_are_refused(engine, data):
    with pytest.raises(EngineFailed, match="from its beginning"):
        engine._denoiser.resumed(work(**SMALL), 0, data)


def test_a_checkpoint_of_a_longer_job_is_refused(engine):
    data = engine._denoiser.saved(walked(engine, begun(engine, work(**SMALL | {"steps": 9})), 7))

    with pytest.raises(EngineFailed, match="from its beginning"):
        engine._denoiser.resumed(work(**SMALL), 0, data)


def test_a_cut_checkpoint_is_refused(engine):
    data = engine._denoiser.saved(walked(engine, begun(engine, work(**SMALL)), 2))

    for length in range(0, len(data), 997):
        with pytest.raises(EngineFailed):
            engine._denoiser.resumed(work(**SMALL), 0, data[:length])
