"""A measured peak counts where it is one of the same work, plan and kind of GPU."""

from dataclasses import replace

from tests.unit.workers.memory.planned_models import EXACT, LAYERWISE, NF4, OFFLOADED, PLAIN, SDXL, SQUARE, TILED
from workers.memory.footprints import weights_mib
from workers.memory.needs import key_of, need_of
from workers.memory.shapes import Shape


def test_a_measured_peak_replaces_the_formula():
    need = need_of(SDXL, PLAIN, SQUARE, {key_of(PLAIN, SQUARE): 9123})

    assert need.peak_mib == 9123


def test_a_measurement_of_another_kind_of_work_plan_or_card_does_not_count():
    others = [
        (NF4, SQUARE),
        (EXACT, SQUARE),
        (TILED, SQUARE),
        (replace(PLAIN, gpu_type="rtx-3060"), SQUARE),
        (PLAIN, Shape(1152, 896)),
        (PLAIN, Shape(1024, 1024, 2)),
        (PLAIN, Shape(1024, 1024, is_guided=False)),
        (PLAIN, Shape(1024, 1024, is_img2img=True)),
        (PLAIN, Shape(1024, 1024, pictures=2)),
    ]
    learned = {key_of(plan, shape): 1 for plan, shape in others}

    assert len(learned) == len(others)
    assert need_of(SDXL, PLAIN, SQUARE, learned) == need_of(SDXL, PLAIN, SQUARE)


def test_keys_of_an_earlier_version_are_passed_over():
    learned = {"1024x1024x1g:fp16:none": 1, "1024x1024x1g:bf16:none-tiled": 1}

    assert not need_of(SDXL, PLAIN, SQUARE, learned).is_measured


def test_offloaded_weights_are_needed_in_ram_instead():
    for plan in (OFFLOADED, LAYERWISE):
        need = need_of(SDXL, plan, SQUARE)

        assert (need.weights_mib, need.host_mib) == (0, weights_mib(SDXL, TILED))
    assert need_of(SDXL, PLAIN, SQUARE).host_mib == 0
