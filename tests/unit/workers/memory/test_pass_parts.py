"""Parts of a pass: models are planned as if there were none, their jobs get room, and they leave first."""

import pytest

from shared.errors import DoesNotFit, OutOfVram
from shared.models.catalogue import ModelCard, Source, Vram
from tests.unit.workers.memory.fake_gpu import LARGE, OTHER, SMALL, FakeGpu, Rig, card
from tests.unit.workers.memory.planned_models import GIB, MOONDREAM, SDXL
from workers.memory.budget import budget_for
from workers.memory.current_plans import CurrentPlans
from workers.memory.needs import key_of, need_of
from workers.memory.pass_parts import PassPart
from workers.memory.planner import plan_rack
from workers.memory.residency import Residency
from workers.memory.shapes import Shape

#: An SDXL control net: 1.25 billion parameters in half precision.
CONTROL = PassPart("control-net", weights_mib=2400, working_mib=300)
ADAPTER = PassPart("adapter", weights_mib=200)
PLAIN, CONTROLLED = Shape(1024, 1024), Shape(1024, 1024, parts=(CONTROL,))


# -- planning ----------------------------------------------------------------------------------------------------------


def test_a_part_changes_no_models_plan_where_the_same_weights_as_a_model_would():
    """On 12 GiB a control net as a kind of its own pushes SDXL from half precision to four bits, for every job."""
    budget = budget_for(12 * GIB)
    as_model = ModelCard(
        id="control-net",
        kind="rating",
        engine="any",
        title="",
        summary="",
        licence="MIT",
        source=Source(path="/models/control-net"),
        vram=Vram(weights_mib=CONTROL.weights_mib, peak_mib=CONTROL.weights_mib + CONTROL.working_mib),
    )
    plans = CurrentPlans(plan_rack([SDXL, MOONDREAM], budget))
    before = plans.of(SDXL)

    plans.need(SDXL, CONTROLLED)

    assert plans.of(SDXL) == before
    assert before.precision == "fp16"
    assert plan_rack([SDXL, MOONDREAM, as_model], budget).planned["sdxl"].plan.precision == "nf4"


def test_a_part_adds_to_the_need_of_its_own_job_only():
    plans = CurrentPlans(plan_rack([SDXL, MOONDREAM], budget_for(24 * GIB)))

    plain, controlled = plans.need(SDXL, PLAIN), plans.need(SDXL, CONTROLLED)

    assert controlled.peak_mib - plain.peak_mib == 2400 + 300
    assert (controlled.weights_mib, controlled.parts_mib) == (plain.weights_mib, 2400)


def test_a_peak_measured_with_parts_says_nothing_of_a_job_without_them():
    plan = plan_rack([SDXL], budget_for(24 * GIB)).planned["sdxl"].plan
    measured = {key_of(plan, CONTROLLED): 13_000}

    assert need_of(SDXL, plan, CONTROLLED, measured).peak_mib == 13_000
    assert not need_of(SDXL, plan, PLAIN, measured).is_measured


def test_the_order_in_which_parts_are_named_makes_no_other_measurement():
    plan = plan_rack([SDXL], budget_for(24 * GIB)).planned["sdxl"].plan

    keys = {key_of(plan, Shape(1024, 1024, parts=parts)) for parts in ((CONTROL, ADAPTER), (ADAPTER, CONTROL))}

    assert len(keys) == 1


# -- on the GPU --------------------------------------------------------------------------------------------------------


def test_a_job_finds_its_part_loaded_beside_its_model():
    rig = Rig()

    with rig.residency.using(SMALL, 2000 + 2400, parts=[CONTROL]):
        held_mib = rig.residency.part("control-net").held_mib()

    assert held_mib == 2400
    assert rig.residency.held_mib == 2000 + 2400


def test_a_part_is_loaded_once_for_the_jobs_that_want_it():
    rig = Rig()

    for _ in range(3):
        rig.use(SMALL, parts=[CONTROL])

    assert rig.loads == ["small", "control-net"]


def test_for_a_part_the_longest_unused_model_leaves():
    rig = Rig()
    for name in ("a", "b", "c"):
        rig.use(card(name, 4000))

    rig.use(card("c", 4000), parts=[CONTROL])

    assert rig.names() == {"b", "c"}


def test_a_part_leaves_before_any_model_though_it_was_used_last():
    rig = Rig()
    large, small = rig.use(LARGE), rig.use(SMALL)
    rig.use(SMALL, parts=[CONTROL])

    rig.use(SMALL, working_mib=2000)

    assert not large.closed
    assert not small.closed
    assert rig.residency.held_mib == 7000 + 2000


def test_a_part_that_nobody_needs_the_room_of_stays_for_the_next_job():
    rig = Rig()
    rig.use(SMALL, parts=[CONTROL])
    rig.use(SMALL)

    rig.use(SMALL, parts=[CONTROL])

    assert rig.loads == ["small", "control-net"]


def test_a_part_of_another_job_leaves_for_the_one_that_is_wanted():
    rig = Rig(budget_mib=7000, device=FakeGpu(7000))
    other = PassPart("other-net", 2400)
    rig.use(card("base", 4000), parts=[CONTROL])

    rig.use(card("base", 4000), parts=[other])

    assert rig.loads == ["base", "control-net", "other-net"]
    assert rig.residency.held_mib == 4000 + 2400


def test_a_job_with_a_part_is_refused_with_numbers_where_both_do_not_fit():
    rig = Rig(budget_mib=8000)
    rig.use(SMALL)

    with pytest.raises(DoesNotFit, match="large needs 9,400 MiB, largest budget 8,000"):
        rig.use(LARGE, parts=[CONTROL])

    assert rig.names() == {"small"}


def test_what_parts_hold_stands_in_the_story_of_a_job_that_finds_no_room():
    rig = Rig(device=FakeGpu(9400, used_mib=0))
    rig.use(LARGE, parts=[CONTROL])

    with pytest.raises(OutOfVram, match="control-net 2,400"):
        rig.use(LARGE, working_mib=1000, parts=[CONTROL])


def test_when_a_part_does_not_load_the_others_leave_and_it_is_tried_once_more():
    """The part is larger than was said, and the driver is silent."""
    rig = Rig(device=FakeGpu(total_mib=10_000, silent=True))
    other = rig.use(OTHER)
    small = rig.use(SMALL)

    with rig.residency.using(SMALL, 2000 + 2400, parts=[PassPart("control-net", 4000)]):
        pass

    assert other.closed
    assert not small.closed
    assert rig.loads == ["other", "small", "control-net", "control-net"]


def test_the_ladder_asks_the_others_to_leave_and_keeps_what_its_job_wants():
    """Were its own part to leave, the job would load it again and find itself where it was, for ever."""
    rig = Rig()
    rig.use(SMALL, parts=[ADAPTER])
    rig.use(SMALL, parts=[CONTROL])

    first, second = rig.residency.evict_others("small"), rig.residency.evict_others("small")

    assert (first, second) == (["adapter"], [])


def test_a_peak_counts_the_parts_of_its_job_and_no_others():
    class Counting(FakeGpu):
        def peak_mib(self) -> int:
            return self.used_mib + 1000

    rig = Rig(device=Counting())
    rig.use(SMALL, parts=[ADAPTER])
    rig.use(SMALL, parts=[CONTROL])

    assert rig.residency.peak_mib("small") == 2000 + 2400 + 1000


def test_an_unused_part_leaves_after_the_keep_alive():
    rig = Rig()
    rig.use(SMALL, parts=[CONTROL])
    rig.residency.pin("small")
    rig.now_s += 61

    gone = rig.residency.expire_idle()

    assert gone == []  # it names models
    assert rig.device.used_mib == 2000


def test_unloading_all_takes_the_parts_too_and_a_running_job_keeps_its_own():
    rig = Rig()

    with rig.residency.using(SMALL, 2000 + 2400, parts=[CONTROL]):
        rig.residency.unload()
        while_running_mib = rig.device.used_mib
    rig.residency.unload()

    assert while_running_mib == 2000 + 2400
    assert rig.device.used_mib == 0


def test_memory_of_a_part_that_does_not_come_back_is_counted():
    rig = Rig(device=FakeGpu(keeps_mib=2400))
    rig.use(SMALL, parts=[CONTROL])
    rig.use(SMALL)

    rig.residency.evict_others("small")

    assert rig.residency.leaked_mib == 2400


def test_a_worker_whose_engines_have_no_parts_says_so():
    rig = Rig()
    residency = Residency(rig._load, 12_000, device=rig.device)

    with pytest.raises(LookupError, match="control-net"):
        residency.engine_for(SMALL, 4400, parts=[CONTROL])
