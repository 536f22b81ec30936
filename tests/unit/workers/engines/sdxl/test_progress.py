"""Every step that really runs is reported once, and the small picture shows what the latents show."""

import pytest
import torch

from tests.unit.workers.engines.parts import Watch, rings, work
from workers.engines.sdxl.progress import RGB_BIAS, begin_preview


def preview(latents: torch.Tensor):
    return begin_preview(latents)()


def test_empty_latents_are_the_bias_colour():
    assert preview(torch.zeros(4, 2, 3)).getpixel((0, 0)) == RGB_BIAS


def test_a_preview_has_the_size_of_the_latents_and_any_precision_will_do():
    picture = preview(torch.randn(4, 5, 7, dtype=torch.bfloat16) * 100)

    assert (picture.size, picture.mode) == ((7, 5), "RGB")


def test_the_first_channel_is_light():
    dark, light = (sum(preview(torch.tensor([v, 0.0, 0.0, 0.0]).view(4, 1, 1)).getpixel((0, 0))) for v in (-1.0, 1.0))

    assert dark < light


def test_broken_numbers_still_give_a_picture():
    assert preview(torch.full((4, 1, 1), float("nan"))).size == (1, 1)


def test_a_preview_shows_the_latents_as_they_were_when_it_was_begun():
    latents = torch.zeros(4, 1, 1)
    finish = begin_preview(latents)

    latents += 100

    assert finish().getpixel((0, 0)) == RGB_BIAS


class Event:
    """A CUDA event; the copy is done once somebody waited for it."""

    waited = 0

    def __init__(self, blocking=False):
        assert blocking

    def record(self):
        assert Event.waited == 0

    def synchronize(self):
        Event.waited += 1


class OnCard:
    """Latents that say they are on a GPU, and fail whoever would wait for it."""

    device, dtype, shape = torch.device("cuda"), torch.float16, (4, 2, 2)

    def detach(self):
        return self

    def __getattr__(self, name):
        raise AssertionError(f"{name} would wait for the GPU")


def test_on_a_card_only_the_finishing_thread_waits(monkeypatch):
    copies = []

    class Pinned(torch.Tensor):
        def copy_(self, source, non_blocking=False):
            copies.append((source, non_blocking))
            return self

    def empty(shape, dtype, pin_memory):
        assert pin_memory
        return torch.zeros(shape, dtype=dtype).as_subclass(Pinned)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch, "empty", empty)
    latents = OnCard()

    finish = begin_preview(latents)
    waited_before = Event.waited
    finish()

    assert (copies, waited_before, Event.waited) == ([(latents, True)], 0, 1)


def test_every_step_is_reported_with_a_small_preview_per_job(engine):
    watch = Watch()

    engine.generate([work(width=96), work(width=96, n=2)], watch)

    assert watch.steps == [(1, 3), (2, 3), (3, 3)]
    assert [preview.size for preview in watch.previews] == [(12, 8), (12, 8)]


@pytest.mark.parametrize(("strength", "steps"), [(0.5, 5), (0.1, 1), (1.0, 10)])
def test_a_picture_from_a_picture_reports_the_steps_that_really_run(engine, strength, steps):
    watch = Watch()

    engine.generate([work(rings(), steps=10, strength=strength)], watch)

    assert watch.steps == [(i + 1, steps) for i in range(steps)]


def test_second_order_samplers_report_steps_not_model_calls(engine):
    watch = Watch()

    engine.generate([work(scheduler="heun")], watch)

    assert watch.steps == [(1, 3), (1, 3), (2, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(("image", "steps"), [(None, 4), (rings(), 2)])
def test_a_sampler_that_calls_the_model_once_more_reports_the_steps_that_were_asked_for(engine, image, steps):
    watch = Watch()

    engine.generate([work(image, scheduler="pndm", steps=4, **({"strength": 0.5} if image else {}))], watch)

    assert watch.steps == [(1, steps), *((i + 1, steps) for i in range(steps))]
