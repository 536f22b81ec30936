"""Computed memory against published figures and counted tensors."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.workers.memory.planned_models import (
    EXACT,
    GIB,
    LAYERWISE,
    MOONDREAM,
    NF4,
    OFFLOADED,
    PLAIN,
    SDXL,
    SQUARE,
    TILED,
    TOY,
    put,
)
from workers.engines.base import LoadPlan
from workers.memory.budget import budget_for
from workers.memory.footprints import weights_mib
from workers.memory.needs import need_of
from workers.memory.planner import plans_of
from workers.memory.shapes import Shape, asking_shape, default_shape


def peak_gib(plan: LoadPlan, shape: Shape = SQUARE) -> float:
    return need_of(SDXL, plan, shape).peak_mib / GIB


def test_sdxl_weighs_what_is_published_in_half_precision():
    assert weights_mib(SDXL, PLAIN) / GIB == pytest.approx(6.46, abs=0.05)  # 3.468 B parameters × 2 bytes


@pytest.mark.parametrize(
    ("plan", "low", "high"),
    [(PLAIN, 9.0, 10.0), (EXACT, 11.0, 13.0), (TILED, 7.0, 8.0), (OFFLOADED, 5.0, 6.0), (LAYERWISE, 0.5, 2.0)],
    ids=["plain", "exact", "tiled", "offloaded", "layerwise"],
)
def test_sdxl_peaks_at_1024_lie_where_they_are_published(plan, low, high):
    assert low <= peak_gib(plan) <= high


def test_nf4_shrinks_sdxl_as_its_linears_let_it():
    """UNet 4.78 → 1.79 GiB, text encoders 1.52 → 0.57, the VAE stays."""
    assert weights_mib(SDXL, NF4) / GIB == pytest.approx(1.79 + 0.57 + 0.16, abs=0.05)


def test_eight_bits_halve_the_unet_alone():
    """UNet 4,897 → 2,449 MiB, text encoders 1,558, the VAE in bf16 160: counted over the real modules."""
    assert weights_mib(SDXL, put("fp8", tiled=True)) == pytest.approx(2449 + 1558 + 160, rel=0.01)


def test_with_streams_two_layers_visit_and_the_vae_stays():
    grouped = put(offload="group", tiled=True)

    assert weights_mib(SDXL, grouped) == pytest.approx(160, abs=3)
    assert need_of(SDXL, grouped, SQUARE).host_mib + weights_mib(SDXL, grouped) == pytest.approx(6615, rel=0.01)
    assert peak_gib(LAYERWISE) < peak_gib(grouped) < peak_gib(OFFLOADED) / 3


def test_encoders_that_wait_in_host_memory_free_what_they_weigh_and_need_room_to_visit():
    hosted, tiled = replace(TILED, levers=("encoders_to_host",)), need_of(SDXL, TILED, SQUARE)
    need = need_of(SDXL, hosted, SQUARE)

    assert tiled.weights_mib - need.weights_mib == need.host_mib == pytest.approx(1558, rel=0.01)
    assert need.working_mib >= need.host_mib
    assert need.peak_mib < tiled.peak_mib
    four_bits = replace(NF4, levers=("encoders_to_host",))
    assert need_of(SDXL, four_bits, SQUARE).host_mib == pytest.approx(0.57 * GIB, rel=0.06)


def test_moondream_weighs_what_was_measured_in_both_precisions():
    assert weights_mib(MOONDREAM, PLAIN) / GIB == pytest.approx(3.59, abs=0.02)
    assert weights_mib(MOONDREAM, put("nf4")) / GIB == pytest.approx(1.15, abs=0.05)


def test_a_vae_in_fp32_takes_twice_the_room_and_the_rest_none_more():
    assert weights_mib(SDXL, EXACT) - weights_mib(SDXL, PLAIN) == pytest.approx(84e6 * 2 / 2**20, abs=2)
    assert need_of(SDXL, EXACT, SQUARE).working_mib - need_of(SDXL, PLAIN, SQUARE).working_mib == 2600


def test_four_bits_on_a_card_without_bf16_decode_in_fp32():
    """The VAE overflows in fp16: what it needs was counted in half precision."""
    [turing] = [p for p in plans_of(SDXL, budget_for(8 * GIB, "low", has_bf16=False)) if p.offload == "none"]

    assert (turing.precision, turing.vae_precision) == ("nf4", "fp32")
    assert need_of(SDXL, turing, SQUARE).working_mib > need_of(SDXL, NF4, SQUARE).working_mib


@pytest.mark.parametrize(("answers", "pictures", "alive_mib"), [(1, 1, 420), (16, 1, 4640), (16, 16, 6690)])
def test_moondreams_batches_are_planned_a_little_above_what_is_alive(answers, pictures, alive_mib):
    """Alive: keys and values of 730 + 768 tokens an answer, and the prefix of each picture. Sixteen answers about one
    picture were planned at 11,214 MiB, and SDXL left for nothing."""
    need = need_of(MOONDREAM, put("bf16"), asking_shape(answers, pictures))

    assert alive_mib < need.working_mib < 1.25 * alive_mib


@given(st.integers(8, 256), st.integers(8, 256), st.integers(1, 8), st.sampled_from([PLAIN, TILED, NF4, OFFLOADED]))
def test_more_pixels_or_pictures_never_need_less(width, height, batch, plan):
    small = need_of(SDXL, plan, Shape(8 * width, 8 * height, batch)).peak_mib

    assert need_of(SDXL, plan, Shape(8 * width + 8, 8 * height, batch)).peak_mib >= small
    assert need_of(SDXL, plan, Shape(8 * width, 8 * height, batch + 1)).peak_mib >= small


@given(st.integers(8, 256), st.integers(8, 256), st.integers(1, 8))
def test_tiling_never_costs_memory(width, height, batch):
    shape = Shape(8 * width, 8 * height, batch)

    assert need_of(SDXL, TILED, shape).peak_mib <= need_of(SDXL, PLAIN, shape).peak_mib


def test_on_a_cpu_everything_is_twice_as_wide():
    cpu = LoadPlan("cpu", precision="fp32")

    assert weights_mib(SDXL, cpu) == pytest.approx(2 * weights_mib(SDXL, PLAIN), abs=1)


def test_a_toy_is_taken_at_its_rows_word_whatever_its_engine():
    need = need_of(TOY, LoadPlan("cpu", precision="fp32"), default_shape(TOY))

    assert need.peak_mib == TOY.vram.peak_mib
