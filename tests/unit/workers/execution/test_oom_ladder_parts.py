"""A job with parts on the ladder: the others leave first, then its model is put smaller, and the next job finds it as it was."""

from dataclasses import dataclass

import pytest

from shared.errors import OutOfVram
from tests.unit.workers.execution.test_oom_ladder import ONE, OTHER, SHAPE, Loaded, Said, fits_when
from workers.execution.oom_ladder import with_room
from workers.memory.budget import budget_for
from workers.memory.current_plans import CurrentPlans
from workers.memory.needs import key_of
from workers.memory.pass_parts import PassPart
from workers.memory.planner import plan_rack
from workers.memory.residency import Residency
from workers.memory.shapes import Shape

CONTROL = PassPart("control-net", weights_mib=2400)
CONTROLLED = Shape(1024, 1024, parts=(CONTROL,))


@dataclass
class Part:
    part: PassPart

    def held_mib(self) -> int:
        return self.part.weights_mib

    def close(self) -> None:
        return None


def gpu(total_mib: int) -> tuple[Residency, CurrentPlans]:
    plans = CurrentPlans(plan_rack([ONE, OTHER], budget_for(total_mib)))
    usable_mib = plans.rack.budget.usable_mib
    return Residency(lambda card: Loaded(card, plans.of(card)), usable_mib, load_part=Part), plans


def test_others_leave_before_a_jobs_model_is_put_smaller_for_its_part():
    residency, plans = gpu(24 * 1024)
    other = residency.engine_for(OTHER, 9000)
    said = Said()

    plan = with_room(residency, plans, ONE, CONTROLLED, said, fits_when(lambda engine: other.closed))

    assert (plan.precision, said.degradations) == ("fp16", ["others_evicted"])
    assert residency.part("control-net").held_mib() == 2400


def test_then_the_model_is_put_smaller_and_the_next_job_without_parts_finds_it_as_it_was():
    residency, plans = gpu(12 * 1024)
    usual, controlled, plain = plans.of(ONE), Said(), Said()

    plan = with_room(residency, plans, ONE, CONTROLLED, controlled, fits_when(lambda engine: True))
    next_plan = with_room(residency, plans, ONE, SHAPE, plain, fits_when(lambda engine: True))

    assert plan != usual
    assert controlled.degradations
    assert (next_plan, plain.degradations) == (usual, [])


def test_so_it_is_where_the_arithmetic_said_that_the_part_would_fit():
    residency, plans = gpu(24 * 1024)
    usual = plans.of(ONE)

    with_room(residency, plans, ONE, CONTROLLED, Said(), fits_when(lambda engine: engine.plan.precision == "nf4"))

    assert plans.of(ONE) == usual


def test_the_peak_of_a_job_with_parts_is_measured_as_such():
    measured: list[str] = []
    plans = CurrentPlans(plan_rack([ONE], budget_for(24 * 1024)), add_peak=lambda model, key, mib: measured.append(key))

    plans.add_peak(ONE, CONTROLLED, 12_000)

    assert measured == [key_of(plans.of(ONE), CONTROLLED)]
    assert "control-net" in measured[0]


def test_a_job_whose_part_fits_beside_no_form_of_its_model_ends_with_numbers():
    residency, plans = gpu(24 * 1024)

    with pytest.raises(OutOfVram, match="does not fit"):
        with_room(residency, plans, ONE, CONTROLLED, Said(), fits_when(lambda engine: False))

    assert plans.of(ONE) == plans.wanted(ONE)
