"""The memory arithmetic against published figures, and the plans for cards of all sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalogue import ModelCard, Source, Vram, load_catalogue
from shared.errors import DoesNotFit
from shared.settings import Settings
from workers.load_plan import LoadPlan
from workers.needs import Shape, default_shape, key_of, need_of, weights_mib
from workers.vram import MODES, budget_for, free_mib, may_stay_together, plan_for, plan_rack, plans_of, table_mib

GIB = 1024
SDXL = load_catalogue(Settings()).get("sdxl")
TOY = load_catalogue(Settings()).get("sdxl-toy")
MOONDREAM = ModelCard(
    id="moondream",
    kind="analyze",
    engine="moondream",
    title="Moondream 2",
    summary="",
    licence="Apache-2.0",
    source=Source(repo="vikhyatk/moondream2"),
    vram=Vram(weights_mib=3676, peak_mib=4400),
)
SQUARE = Shape(1024, 1024)
BF16 = LoadPlan("cuda:0", "bf16")
TILED = LoadPlan("cuda:0", "bf16", vae_tiling=True)
NF4 = LoadPlan("cuda:0", "nf4", vae_tiling=True)
OFFLOADED = LoadPlan("cuda:0", "bf16", "model", vae_tiling=True)
LAYERWISE = LoadPlan("cuda:0", "bf16", "sequential", vae_tiling=True)


def peak_gib(plan: LoadPlan, shape: Shape = SQUARE) -> float:
    return need_of(SDXL, plan, shape).peak_mib / GIB


# -- against published figures ---------------------------------------------------------------------------------------


def test_sdxl_weighs_what_is_published_in_half_precision():
    assert weights_mib(SDXL, BF16) / GIB == pytest.approx(6.46, abs=0.05)  # 3.468 B parameters × 2 bytes


@pytest.mark.parametrize(
    ("plan", "low", "high"),
    [(BF16, 9.0, 10.0), (TILED, 7.0, 8.0), (OFFLOADED, 5.0, 6.0), (LAYERWISE, 0.5, 2.0)],
    ids=["plain", "tiled", "offloaded", "layerwise"],
)
def test_sdxl_peaks_at_1024_lie_where_they_are_published(plan, low, high):
    assert low <= peak_gib(plan) <= high


def test_nf4_shrinks_sdxl_as_its_linears_let_it():
    """UNet 4.78 → 1.79 GiB, text encoders 1.52 → 0.57, the VAE stays."""
    assert weights_mib(SDXL, NF4) / GIB == pytest.approx(1.79 + 0.57 + 0.16, abs=0.05)


def test_moondream_weighs_what_was_measured_in_both_precisions():
    assert weights_mib(MOONDREAM, BF16) / GIB == pytest.approx(3.59, abs=0.02)
    assert weights_mib(MOONDREAM, LoadPlan("cuda:0", "nf4")) / GIB == pytest.approx(1.15, abs=0.05)


# -- needs -----------------------------------------------------------------------------------------------------------


def test_a_measured_peak_replaces_the_formula():
    need = need_of(SDXL, BF16, SQUARE, {key_of(BF16, SQUARE): 9123})

    assert need.peak_mib == 9123


def test_a_measurement_of_another_size_batch_or_precision_does_not_count():
    learned = {key_of(BF16, SQUARE): 1, key_of(NF4, SQUARE): 2, key_of(BF16, Shape(1024, 1024, 2)): 3}

    assert need_of(SDXL, BF16, Shape(1152, 896), learned) == need_of(SDXL, BF16, Shape(1152, 896))


@given(st.integers(8, 256), st.integers(8, 256), st.integers(1, 8), st.sampled_from([BF16, TILED, NF4, OFFLOADED]))
def test_more_pixels_or_pictures_never_need_less(width, height, batch, plan):
    small = need_of(SDXL, plan, Shape(8 * width, 8 * height, batch)).peak_mib

    assert need_of(SDXL, plan, Shape(8 * width + 8, 8 * height, batch)).peak_mib >= small
    assert need_of(SDXL, plan, Shape(8 * width, 8 * height, batch + 1)).peak_mib >= small


@given(st.integers(8, 256), st.integers(8, 256), st.integers(1, 8))
def test_tiling_never_costs_memory(width, height, batch):
    shape = Shape(8 * width, 8 * height, batch)

    assert need_of(SDXL, TILED, shape).peak_mib <= need_of(SDXL, BF16, shape).peak_mib


def test_on_a_cpu_everything_is_twice_as_wide():
    cpu = LoadPlan("cpu", "fp32")

    assert weights_mib(SDXL, cpu) == pytest.approx(2 * weights_mib(SDXL, BF16), abs=1)


def test_a_toy_is_taken_at_its_rows_word_whatever_its_engine():
    need = need_of(TOY, LoadPlan("cpu", "fp32"), default_shape(TOY))

    assert need.peak_mib == TOY.vram.peak_mib


# -- budgets ---------------------------------------------------------------------------------------------------------


def test_free_is_the_smaller_of_what_the_driver_and_the_ledger_say():
    budget = budget_for(12 * GIB)

    assert free_mib(budget, held_mib=6000, driver_free_mib=900) == 900
    assert free_mib(budget, held_mib=6000, driver_free_mib=20_000) == budget.usable_mib - 6000
    assert free_mib(budget, held_mib=6000, driver_free_mib=None) == budget.usable_mib - 6000
    assert free_mib(budget, held_mib=20_000, driver_free_mib=None) == 0


def test_settings_win_over_the_modes_row():
    assert budget_for(24 * GIB, budget_mib=8000).limit_mib == 8000
    assert budget_for(24 * GIB, reserve_mib=0).limit_mib == 24 * GIB


def test_a_budget_never_exceeds_its_card():
    assert budget_for(8 * GIB, budget_mib=20_000).limit_mib == 8 * GIB - MODES["balanced"].reserve_mib


def test_the_process_is_capped_below_the_card():
    budget = budget_for(12 * GIB)

    assert budget.process_fraction * 12 * GIB + budget.context_mib == pytest.approx(budget.limit_mib)


# -- plans -----------------------------------------------------------------------------------------------------------


def rack(total_gib: int, mode: str = "balanced", **how: object):
    return plan_rack([SDXL, MOONDREAM], budget_for(total_gib * GIB, mode, **how))


def summary(total_gib: int, mode: str = "balanced") -> dict[str, tuple[str, str, bool]]:
    planned = rack(total_gib, mode).planned
    return {name: (p.plan.precision, p.plan.offload, p.plan.vae_tiling) for name, p in planned.items()}


def test_on_24_gb_nothing_is_given_up():
    assert summary(24) == {"sdxl": ("bf16", "none", False), "moondream": ("bf16", "none", False)}


def test_on_12_gb_both_stay_loaded_and_sdxl_keeps_its_precision():
    plan = rack(12)

    assert summary(12) == {"sdxl": ("bf16", "none", True), "moondream": ("nf4", "none", False)}
    assert may_stay_together(list(plan.planned.values()), plan.budget)


def test_on_8_gb_both_stay_loaded_in_four_bits():
    plan = rack(8)

    assert summary(8) == {"sdxl": ("nf4", "none", True), "moondream": ("nf4", "none", False)}
    assert may_stay_together(list(plan.planned.values()), plan.budget)


def test_on_6_gb_they_take_turns():
    plan = rack(6)

    assert set(plan.planned) == {"sdxl", "moondream"}
    assert not may_stay_together(list(plan.planned.values()), plan.budget)


def test_high_never_quantises():
    for total_gib in (6, 8, 12, 24):
        assert "nf4" not in {precision for precision, _, _ in summary(total_gib, "high").values()}


def test_low_leaves_a_desktop_its_memory_and_one_large_model_at_a_time():
    plan = rack(24, "low")

    assert plan.budget.reserve_mib == 2048
    assert not may_stay_together(list(plan.planned.values()), plan.budget)


def test_cards_without_bf16_get_fp16():
    plan = rack(24, has_bf16=False)

    assert plan.planned["sdxl"].plan.precision == "fp16"


def test_a_cpu_gets_fp32_and_no_offload():
    plan = rack(24, device="cpu")

    assert {(p.plan.precision, p.plan.offload) for p in plan.planned.values()} <= {("fp32", "none"), ("nf4", "none")}
    assert plan.budget.context_mib == 0


def test_siblings_of_sdxl_get_its_plan():
    anime = SDXL.model_copy(update={"id": "sdxl-anime"})

    plan = plan_rack([SDXL, MOONDREAM, anime, TOY], budget_for(12 * GIB))

    assert plan.planned["sdxl-anime"].plan == plan.planned["sdxl"].plan


def test_a_model_that_cannot_fit_is_refused_with_numbers_and_the_others_stay():
    plan = plan_rack([SDXL, MOONDREAM], budget_for(3 * GIB, "high"))

    assert set(plan.planned) == {"sdxl"}  # layer by layer
    assert plan.too_large["moondream"] > plan.budget.usable_mib
    with pytest.raises(DoesNotFit, match=r"moondream needs 4,\d{3} MiB, largest budget 2,033"):
        plan_for(MOONDREAM, plan.budget)


def test_learned_peaks_change_the_plan():
    """Runs showed that tiling was not needed on this card."""
    budget = budget_for(12 * GIB, "balanced")
    shape = default_shape(SDXL)
    greedy = plan_for(SDXL, budget, {key_of(BF16, shape): budget.usable_mib + 1})

    assert plan_for(SDXL, budget).plan == BF16
    assert greedy.plan == TILED


@given(st.integers(1024, 96 * GIB), st.sampled_from(sorted(MODES)), st.booleans())
def test_every_plan_fits_its_budget_or_is_refused(total_mib, mode, has_bf16):
    budget = budget_for(total_mib, mode, has_bf16=has_bf16)

    plan = plan_rack([SDXL, MOONDREAM, TOY], budget)

    assert all(p.need.peak_mib <= budget.usable_mib for p in plan.planned.values())
    assert all(mib > budget.usable_mib for mib in plan.too_large.values())
    assert set(plan.planned) | set(plan.too_large) == {"sdxl", "moondream", "sdxl-toy"}


@given(st.integers(2048, 96 * GIB), st.sampled_from(sorted(MODES)))
def test_a_larger_card_never_gives_up_more_of_a_model_alone(total_mib, mode):
    small, large = budget_for(total_mib, mode), budget_for(total_mib + 1024, mode)
    plans = plans_of(SDXL, small)
    try:
        before = plans.index(plan_for(SDXL, small).plan)
    except DoesNotFit:
        return

    assert plans.index(plan_for(SDXL, large).plan) <= before


def test_residents_share_one_working_room():
    plan = rack(24)

    needs = [p.need for p in plan.planned.values()]

    assert table_mib(list(plan.planned.values())) == sum(n.weights_mib for n in needs) + max(
        n.working_mib for n in needs
    )
