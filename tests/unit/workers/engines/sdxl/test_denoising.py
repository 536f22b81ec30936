"""Jobs of one GPU batch get the pictures that each would get alone; what cannot share a pass is refused."""

from typing import Any

import pytest
from PIL import Image

from shared.errors import EngineFailed
from tests.unit.workers.engines.parts import Watch, distance, levels_apart, params, rings, stripes, work
from workers.engines.sdxl.engine import SdxlEngine


def one(engine: SdxlEngine, *args: Any, **kwargs: Any) -> Image.Image:
    return engine.generate([work(*args, **kwargs)], Watch())[0][0]


def test_jobs_in_one_gpu_batch_equal_their_solo_runs(engine):
    works = [
        work(prompt="a castle", seed=1),
        work(prompt="a long " + "winding " * 30 + "road", negative_prompt="cars", seed=2, n=2),
        work(prompt="a fish", negative_prompt="birds", seed=3),
    ]

    together = engine.generate(works, Watch())

    alone = [engine.generate([each], Watch())[0] for each in works]
    assert [len(pictures) for pictures in together] == [1, 2, 1]
    for ours, solo in zip(together, alone, strict=True):
        assert all(levels_apart(a, b) <= 1 for a, b in zip(ours, solo, strict=True))


def test_jobs_that_start_from_pictures_share_a_gpu_batch(engine):
    works = [work(rings(), seed=1), work(stripes(), seed=1)]

    together = engine.generate(works, Watch())

    alone = [engine.generate([each], Watch())[0] for each in works]
    assert all(levels_apart(a[0], b[0]) <= 1 for a, b in zip(together, alone, strict=True))


def test_pictures_whose_seeds_cross_32_bits_equal_those_made_alone(engine):
    [pictures] = engine.generate([work(seed=2**32 - 1, n=2)], Watch())

    alone = [one(engine, seed=seed) for seed in (2**32 - 1, 2**32)]
    assert all(levels_apart(a, b) <= 1 for a, b in zip(pictures, alone, strict=True))
    assert distance(pictures[1], one(engine, seed=0)) > 5


def test_prompts_of_different_length_run_one_after_the_other_and_are_counted_so(engine):
    watch = Watch()

    engine.generate([work(), work(prompt="long " * 40)], watch)

    assert watch.steps == [(i + 1, 6) for i in range(6)]
    assert len(watch.previews) == 2


def test_jobs_that_differ_in_shared_settings_are_refused(engine):
    with pytest.raises(EngineFailed, match="width"):
        engine.generate([work(), work(width=72)], Watch())


def test_a_missing_starting_picture_is_refused(engine):
    broken = type(work())(params(image="an id", strength=0.5), None)

    with pytest.raises(EngineFailed, match="starting picture"):
        engine.generate([broken], Watch())
