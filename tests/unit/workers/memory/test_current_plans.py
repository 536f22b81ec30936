"""What may go on where a model was put in another way."""

import pytest

from tests.unit.workers.memory.planned_models import GIB, SDXL, put
from workers.memory.budget import budget_for
from workers.memory.current_plans import CurrentPlans, computes_alike, what_changed
from workers.memory.planner import plan_rack


@pytest.mark.parametrize(
    ("kind", "one", "other", "goes_on"),
    [
        ("generate", "fp16", "nf4", True),
        ("generate", "fp16", "bf16", False),
        ("generate", "bf16", "nf4", False),
        ("generate", "nf4", "fp32", False),
        ("analyze", "bf16", "nf4", True),
        ("analyze", "fp16", "nf4", True),
        ("analyze", "fp16", "fp32", False),
        ("analyze", "nf4", "fp32", False),
        ("generate", "fp32", "fp32", True),
        ("generate", "fp16", "fp8", True),
        ("generate", "fp8", "nf4", True),
        ("generate", "fp8", "bf16", False),
    ],
)
def test_what_goes_on_in_another_precision_is_of_one_type(kind, one, other, goes_on):
    assert computes_alike(kind, one, other) is goes_on
    assert computes_alike(kind, other, one) is goes_on


def put_in(total_gib: int, *, has_bf16: bool = True, levers: tuple = ()) -> CurrentPlans:
    return CurrentPlans(plan_rack([SDXL], budget_for(total_gib * GIB, has_bf16=has_bf16, levers=levers)))


def test_a_model_in_eight_bits_that_overflows_is_loaded_whole_in_a_wide_range():
    plans = put_in(8, levers=("fp8_storage",))
    before = plans.of(SDXL)

    wider = plans.upcast(SDXL)

    assert (before.precision, wider.precision) == ("fp8", "bf16")
    assert what_changed(before, wider) == ["upcast"]
    assert plans.shrink(SDXL).precision == "nf4"  # and what does not fit so is put smaller, as ever


def test_what_levers_give_up_has_a_name():
    assert what_changed(put("fp16"), put("fp8")) == ["precision_fp8"]
    assert what_changed(put("nf4"), put("fp16", "group")) == ["precision_fp16", "offload_group"]


def test_from_the_first_rung_to_the_last_with_all_levers():
    plans = put_in(24, levers=("fp8_storage", "group_offload", "encoders_to_host"))
    way = [plans.of(SDXL)]
    while (smaller := plans.shrink(SDXL)) is not None:
        way.append(smaller)

    assert [(plan.precision, plan.offload) for plan in way][3:] == [
        ("fp16", "none"),
        ("fp8", "none"),
        ("nf4", "none"),
        ("fp16", "group"),
    ]
