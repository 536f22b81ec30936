"""The memory arithmetic against published figures, and the plans for cards of all sizes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DoesNotFit
from shared.models.catalogue import ModelCard, Source, Vram, load_catalogue
from shared.settings import Settings
from workers.engines.base import LoadPlan
from workers.memory.budget import (
    MODES,
    budget_for,
    free_mib,
    may_stay_together,
    plan_for,
    plan_rack,
    plans_of,
    table_mib,
)
from workers.memory.needs import Shape, asking_shape, default_shape, key_of, need_of, weights_mib

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
KIND = "rtx-4090"


def put(precision: str = "fp16", offload: str = "none", *, vae: str = "bf16", tiled: bool = False) -> LoadPlan:
    return LoadPlan("cuda:0", precision, offload, tiled, vae_precision=vae, gpu_type=KIND)


EXACT, PLAIN, TILED = put(vae="fp32"), put(), put(tiled=True)
NF4 = put("nf4", tiled=True)
OFFLOADED = put(offload="model", tiled=True)
LAYERWISE = put(offload="sequential", tiled=True)


def peak_gib(plan: LoadPlan, shape: Shape = SQUARE) -> float:
    return need_of(SDXL, plan, shape).peak_mib / GIB


# -- against published figures ---------------------------------------------------------------------------------------


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


def test_moondream_weighs_what_was_measured_in_both_precisions():
    assert weights_mib(MOONDREAM, PLAIN) / GIB == pytest.approx(3.59, abs=0.02)
    assert weights_mib(MOONDREAM, put("nf4")) / GIB == pytest.approx(1.15, abs=0.05)


# -- needs -----------------------------------------------------------------------------------------------------------


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

    assert budget.process_mib + budget.context_mib == budget.limit_mib
    assert budget.process_mib == budget.usable_mib + budget.margin_mib


# -- plans -----------------------------------------------------------------------------------------------------------


def rack(total_gib: int, mode: str = "balanced", **how: object):
    return plan_rack([SDXL, MOONDREAM], budget_for(total_gib * GIB, mode, **how))


def summary(total_gib: int, mode: str = "balanced", **how: object) -> dict[str, tuple[str, str, bool]]:
    planned = rack(total_gib, mode, **how).planned
    return {name: (p.plan.precision, p.plan.offload, p.plan.vae_tiling) for name, p in planned.items()}


def vae_on(total_gib: int, **how: object) -> str:
    return rack(total_gib, **how).planned["sdxl"].plan.vae_precision


def test_on_24_gb_nothing_is_given_up():
    assert summary(24) == {"sdxl": ("fp16", "none", False), "moondream": ("bf16", "none", False)}
    assert vae_on(24) == "fp32"


def test_on_16_gb_a_grain_in_the_vae_is_less_than_four_bits_of_words():
    assert summary(16) == {"sdxl": ("fp16", "none", False), "moondream": ("bf16", "none", False)}
    assert vae_on(16) == "bf16"


def test_on_12_gb_both_stay_loaded_and_sdxl_keeps_its_precision():
    plan = rack(12)

    assert summary(12) == {"sdxl": ("fp16", "none", True), "moondream": ("nf4", "none", False)}
    assert vae_on(12) == "fp32"
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


def test_cards_without_bf16_get_fp16_and_a_vae_in_fp32():
    for total_gib in (8, 12, 24):
        precisions = {precision for precision, _, _ in summary(total_gib, has_bf16=False).values()}

        assert "bf16" not in precisions
        assert vae_on(total_gib, has_bf16=False) == "fp32"


def test_sdxl_is_put_as_its_files_are_on_every_card():
    """They are fp16: bf16 would drop three bits of every weight."""
    for mode in MODES:
        for has_bf16 in (True, False):
            plans = plans_of(SDXL, budget_for(24 * GIB, mode, has_bf16=has_bf16))

            assert {plan.precision for plan in plans} <= {"fp16", "nf4"}


def test_each_rung_takes_less_than_the_one_before():
    needs = [need_of(SDXL, plan, SQUARE).peak_mib for plan in plans_of(SDXL, budget_for(24 * GIB, "high"))]

    assert needs == sorted(needs, reverse=True)
    assert len(set(needs)) == len(needs)


def test_plans_say_for_which_kind_of_card_they_are():
    [kind] = {plan.gpu_type for plan in plans_of(SDXL, budget_for(24 * GIB, gpu_type="rtx-4090"))}

    assert kind == "rtx-4090"


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
    budget = budget_for(12 * GIB, "balanced", gpu_type=KIND)
    shape = default_shape(SDXL)
    greedy = plan_for(SDXL, budget, {key_of(PLAIN, shape): budget.usable_mib + 1})

    assert plan_for(SDXL, budget).plan == PLAIN
    assert greedy.plan == put(vae="fp32", tiled=True)


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
