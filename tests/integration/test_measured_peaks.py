"""Peaks that runs measured reach plans, placing and `GET /v1/models`."""

import threading

import pytest

from shared.models.measurements import Measurements
from shared.redis.client import connect
from tests.rig import wait_for
from workers.devices.snapshot import Snapshot
from workers.memory.budget import budget_for
from workers.memory.measured_peaks import LOOK_EVERY_S, MeasuredPeaks
from workers.memory.needs import key_of
from workers.memory.planner import plans_of
from workers.memory.shapes import default_shape
from workers.supervisor.placing import place

CARD = Snapshot("GPU-a", "card", 0, 12_288, compute_capability=(8, 6))


@pytest.fixture
def learned(settings) -> Measurements:
    return Measurements(connect(settings.required_redis_url(), 5))


def test_callers_see_measured_peaks_with_their_samples(web, learned):
    for peak_mib in (9000, 8000, 9500):
        learned.add_peak("sdxl-toy", "1024x1024x1g:fp16+fp32:none@rtx-4090", peak_mib)

    shown = {model["id"]: model["measured"] for model in web.get("/v1/models").json["models"]}

    assert shown["sdxl-toy"] == {"1024x1024x1g:fp16+fp32:none@rtx-4090": {"peak_mib": 9500, "samples": 3}}
    assert shown["sdxl"] == {}


def test_peaks_are_read_now_and_then(learned):
    now_s = 0.0
    measured = MeasuredPeaks(learned, clock_s=lambda: now_s)
    assert measured.of("sdxl") == {}
    measured.add("sdxl", "a key", 7000)

    assert measured.of("sdxl") == {}
    now_s = LOOK_EVERY_S

    wait_for(lambda: measured.of("sdxl") == {"a key": 7000})


def test_whoever_asks_again_does_not_wait_for_redis(learned, monkeypatch):
    now_s = 0.0
    measured = MeasuredPeaks(learned, clock_s=lambda: now_s)
    measured.add("sdxl", "a key", 7000)
    measured.of("sdxl")
    may_go, were_let_go = threading.Event(), []
    monkeypatch.setattr(learned, "peaks_mib", lambda model: were_let_go.append(may_go.wait(10)) or {"a key": 8000})

    now_s = LOOK_EVERY_S
    assert measured.of("sdxl") == {"a key": 7000}
    may_go.set()

    wait_for(lambda: measured.of("sdxl") == {"a key": 8000})
    assert were_let_go == [True]


def test_what_was_read_last_counts_while_redis_is_away(learned, valkey):
    gone = connect("redis://127.0.0.1:1", 0.2)

    measured = MeasuredPeaks(Measurements(gone))

    assert measured.of("sdxl") == {}
    measured.add("sdxl", "a key", 7000)


def test_a_model_that_was_measured_to_be_too_large_is_not_served(settings):
    config = settings.model_copy(update={"gpus": "all"})
    toy = next(slot for slot in place(config, [CARD])).models
    assert "sdxl-toy" in toy

    huge = _every_plan_takes("sdxl-toy", 50_000, settings)
    [slot] = place(config, [CARD], peaks=lambda model: huge if model == "sdxl-toy" else {})

    assert "sdxl-toy" not in slot.models
    assert slot.too_large["sdxl-toy"] == 50_000


def _every_plan_takes(model, peak_mib, settings):
    from shared.models.catalogue import load_catalogue

    card = load_catalogue(settings).get(model)
    plans = plans_of(card, budget_for(CARD.total_mib, settings.vram_mode, has_bf16=True, gpu_type="card"))
    return {key_of(plan, default_shape(card)): peak_mib for plan in plans}
