"""The rungs the SDXL engine climbs by itself when memory runs out, and how it comes down."""

import gc
import weakref

import pytest
import torch

from shared.errors import OutOfVram
from tests.unit.workers.engines.parts import SIDE, Watch, distance, levels_apart, rings, work


def fails(times: int, error: Exception, real):
    """The real call, after so many failures."""
    calls = []

    def call(*args, **kwargs):
        calls.append(1)
        if len(calls) <= times:
            raise error
        return real(*args, **kwargs)

    return call


NO_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", NO_MEMORY, ids=lambda e: str(e)[:30])
def test_a_decode_that_does_not_fit_is_repeated_in_tiles(engine, monkeypatch, error):
    whole = engine.generate([work()], Watch())[0][0]
    vae = engine._txt2img.vae
    monkeypatch.setattr(vae, "decode", fails(1, error, vae.decode))
    watch = Watch()

    picture = engine.generate([work()], watch)[0][0]

    assert watch.degradations == ["vae_tiling"]
    assert len(watch.steps) == 3  # the denoising was not repeated
    assert picture.size == (SIDE, SIDE)
    assert 0 < distance(picture, whole) < 40


def test_after_a_tiled_job_the_next_one_is_whole_again(engine, monkeypatch):
    whole = engine.generate([work()], Watch())[0][0]
    with monkeypatch.context() as patch:
        vae = engine._txt2img.vae
        patch.setattr(vae, "decode", fails(1, NO_MEMORY[0], vae.decode))
        engine.generate([work()], Watch())

    watch = Watch()
    assert levels_apart(engine.generate([work()], watch)[0][0], whole) == 0
    assert watch.degradations == []


def test_a_batch_that_does_not_fit_is_split_and_the_pictures_stay_the_same(engine, monkeypatch):
    works = [work(seed=1, n=2), work(seed=5, prompt="a castle")]
    whole = engine.generate(works, Watch())
    unet = engine._denoiser._unet
    monkeypatch.setattr(engine._denoiser, "_unet", fails(1, NO_MEMORY[0], unet))
    watch = Watch()

    split = engine.generate(works, watch)

    assert watch.degradations == ["batch_split"]
    assert watch.steps == [(1, 3), (2, 3), (3, 3)]  # what was done stays done
    for ours, theirs in zip(split, whole, strict=True):
        assert all(levels_apart(a, b) <= 1 for a, b in zip(ours, theirs, strict=True))


def test_a_starting_picture_whose_encoding_does_not_fit_is_encoded_in_tiles(engine, monkeypatch):
    vae = engine._txt2img.vae
    monkeypatch.setattr(vae, "encode", fails(1, NO_MEMORY[1], vae.encode))
    watch = Watch()

    [[picture]] = engine.generate([work(rings())], watch)

    assert watch.degradations == ["vae_tiling"]
    assert picture.size == (SIDE, SIDE)


def test_a_single_picture_that_never_fits_is_out_of_vram_with_the_numbers(engine, monkeypatch):
    unet = engine._denoiser._unet
    monkeypatch.setattr(engine._denoiser, "_unet", fails(99, NO_MEMORY[0], unet))

    with pytest.raises(OutOfVram, match=r"1 × 64×64.*2\.00 GiB"):
        engine.generate([work()], Watch())


def test_after_out_of_vram_nothing_stays_allocated_and_the_engine_works_on(engine, monkeypatch):
    good = engine.generate([work()], Watch())[0][0]
    kept = []

    def hungry(latents, **_):
        kept.append(weakref.ref(latents))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as patch:
        patch.setattr(engine._txt2img.vae, "decode", hungry)
        with pytest.raises(OutOfVram) as caught:
            engine.generate([work()], Watch())

    gc.collect()
    assert len(kept) == 2
    assert all(ref() is None for ref in kept), "a frame of the caught error still holds latents"
    assert caught.value.retryable
    assert levels_apart(engine.generate([work()], Watch())[0][0], good) == 0


def test_other_failures_are_not_mistaken_for_want_of_memory(engine, monkeypatch):
    monkeypatch.setattr(
        engine._denoiser, "_unet", fails(1, RuntimeError("mat1 and mat2 shapes cannot be multiplied"), None)
    )
    watch = Watch()

    with pytest.raises(RuntimeError, match="shapes"):
        engine.generate([work()], watch)
    assert watch.degradations == []
