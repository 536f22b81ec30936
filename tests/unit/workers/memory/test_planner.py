"""The plans for GPUs of all sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DoesNotFit
from tests.unit.workers.memory.planned_models import GIB, KIND, MOONDREAM, PLAIN, SDXL, SQUARE, TOY, put
from workers.memory.budget import MODES, budget_for
from workers.memory.needs import key_of, need_of
from workers.memory.planner import may_stay_together, plan_for, plan_rack, plans_of, table_mib
from workers.memory.shapes import default_shape


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


LEVERS = ("fp8_storage", "group_offload", "encoders_to_host")


def ways(mode: str, *levers: str, card=SDXL) -> list[tuple[str, str]]:
    plans = plans_of(card, budget_for(24 * GIB, mode, levers=levers))
    return list(dict.fromkeys((plan.precision, plan.offload) for plan in plans))


def test_eight_bits_come_between_half_precision_and_four_where_a_mode_gives_precision_up_for_room():
    assert ways("balanced", "fp8_storage")[:3] == [("fp16", "none"), ("fp8", "none"), ("nf4", "none")]
    assert "fp8" not in {precision for mode in ("low", "high") for precision, _ in ways(mode, "fp8_storage")}
    assert "fp8" not in {precision for precision, _ in ways("balanced", "fp8_storage", card=MOONDREAM)}


def test_offloading_with_streams_takes_the_place_of_both_kinds_without():
    assert ways("balanced", "group_offload") == [("fp16", "none"), ("nf4", "none"), ("fp16", "group")]
    assert ways("high", "group_offload") == [("fp16", "none"), ("fp16", "group")]
    assert ways("low", "group_offload") == [("nf4", "none"), ("nf4", "model"), ("fp16", "group")]


@pytest.mark.parametrize("mode", sorted(MODES))
def test_with_all_levers_each_rung_still_takes_less_than_the_one_before(mode):
    plans = plans_of(SDXL, budget_for(24 * GIB, mode, levers=LEVERS))
    needs = [need_of(SDXL, plan, SQUARE).peak_mib for plan in plans if mode != "low" or plan.precision == "nf4"]

    assert needs == sorted(needs, reverse=True)
    assert len(set(needs)) == len(needs)


def test_without_levers_and_on_a_cpu_the_rungs_are_those_of_the_table():
    for mode in MODES:
        with_levers, without = (
            plans_of(SDXL, budget_for(24 * GIB, mode, device="cpu", levers=levers)) for levers in (LEVERS, ())
        )
        assert [(p.precision, p.offload, p.vae_tiling) for p in with_levers] == [
            (p.precision, p.offload, p.vae_tiling) for p in without
        ]
        assert not {"fp8", "group"} & {word for way in ways(mode) for word in way}


def test_peaks_with_encoders_in_host_memory_are_kept_apart():
    [whole], [hosted] = (
        {key_of(plan, SQUARE) for plan in plans_of(SDXL, budget_for(24 * GIB, levers=levers))[:1]}
        for levers in ((), ("encoders_to_host",))
    )

    assert whole != hosted


def test_on_8_gb_eight_bits_keep_sdxl_from_four_where_it_is_alone():
    assert plan_for(SDXL, budget_for(8 * GIB)).plan.precision == "nf4"
    assert plan_for(SDXL, budget_for(8 * GIB, levers=("fp8_storage",))).plan.precision == "fp8"


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
