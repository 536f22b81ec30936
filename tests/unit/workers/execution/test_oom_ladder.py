"""Out of VRAM: what is given up, in which order, with the real residency and arithmetic and engines that only count."""

from dataclasses import replace

import pytest

from shared.errors import NotFinite, OutOfVram
from shared.models.catalogue import Defaults, ModelCard, ModelLimits, Source, Vram
from shared.rack.worker_registry import GpuFacts, WorkerReport
from workers.execution.oom_ladder import larger_gpu, with_room
from workers.memory.budget import budget_for
from workers.memory.current_plans import CurrentPlans, what_changed
from workers.memory.needs import key_of
from workers.memory.planner import plan_rack
from workers.memory.residency import Residency
from workers.memory.shapes import Shape

SHAPE = Shape(1024, 1024)


def sdxl(name: str) -> ModelCard:
    return ModelCard(
        id=name,
        kind="generate",
        engine="sdxl",
        title=name,
        summary="",
        licence="MIT",
        source=Source(repo="a/b"),
        defaults=Defaults(),
        limits=ModelLimits(),
        vram=Vram(weights_mib=6617, peak_mib=9800),
    )


ONE, OTHER = sdxl("one"), sdxl("other")


class Loaded:
    """An engine that holds what its plan says."""

    def __init__(self, card, plan):
        self.card, self.plan, self.closed = card, plan, False

    def held_mib(self):
        return 2600 if self.plan.precision == "nf4" else 0 if self.plan.offload != "none" else 6617

    def close(self):
        self.closed = True


class Said:
    def __init__(self):
        self.degradations = []

    def step(self, step, steps, previews=None):
        raise AssertionError("the ladder reports no steps")

    def degrade(self, what):
        self.degradations.append(what)


@pytest.fixture
def card_of_24_gib():
    plans = CurrentPlans(plan_rack([ONE, OTHER], budget_for(24 * 1024)))
    residency = Residency(lambda card: Loaded(card, plans.of(card)), plans.rack.budget.usable_mib)
    return residency, plans


def fits_when(condition):
    def work(engine):
        if not condition(engine):
            raise OutOfVram(f"{engine.plan} does not fit")
        return engine.plan

    return work


def test_what_fits_gives_nothing_up(card_of_24_gib):
    residency, plans = card_of_24_gib
    said = Said()

    plan = with_room(residency, plans, ONE, SHAPE, said, fits_when(lambda engine: True))

    assert (plan.precision, said.degradations) == ("fp16", [])


def test_other_models_leave_before_this_one_is_put_smaller(card_of_24_gib):
    residency, plans = card_of_24_gib
    other = residency.engine_for(OTHER, 9000)
    said = Said()

    plan = with_room(residency, plans, ONE, SHAPE, said, fits_when(lambda engine: other.closed))

    assert (plan.precision, said.degradations) == ("fp16", ["others_evicted"])


def test_then_the_model_is_put_smaller_and_stays_so(card_of_24_gib):
    residency, plans = card_of_24_gib
    said, again = Said(), Said()
    needs_nf4 = fits_when(lambda engine: engine.plan.precision == "nf4")

    with_room(residency, plans, ONE, SHAPE, said, needs_nf4)
    with_room(residency, plans, ONE, SHAPE, again, needs_nf4)

    assert set(said.degradations) == {"vae_precision_bf16", "vae_tiling", "precision_nf4"}
    assert again.degradations == ["vae_tiling", "vae_precision_bf16", "precision_nf4"]


def test_a_job_too_large_for_the_plan_leaves_the_model_as_the_next_one_wants_it(card_of_24_gib):
    residency, plans = card_of_24_gib
    usual, huge, after = plans.of(ONE), Said(), Said()
    size = Shape(4096, 4096, 2)

    plan = with_room(residency, plans, ONE, size, huge, fits_when(lambda engine: True))
    next_plan = with_room(residency, plans, ONE, SHAPE, after, fits_when(lambda engine: True))

    assert plan != usual
    assert huge.degradations
    assert (next_plan, after.degradations) == (usual, [])


def test_a_pin_survives_being_put_smaller(card_of_24_gib):
    residency, plans = card_of_24_gib
    residency.engine_for(ONE, 9000)
    residency.pin(ONE.id)

    with_room(residency, plans, ONE, SHAPE, Said(), fits_when(lambda engine: engine.plan.vae_tiling))

    assert [(r.model, r.pinned) for r in residency.residents()] == [("one", True)]


def test_when_no_form_fits_the_error_comes_out_and_every_rung_was_tried(card_of_24_gib):
    residency, plans = card_of_24_gib
    said = Said()

    with pytest.raises(OutOfVram):
        with_room(residency, plans, ONE, SHAPE, said, fits_when(lambda engine: False))

    assert plans.shrink(ONE) is None
    assert {"vae_tiling", "precision_nf4", "offload_sequential"} <= set(said.degradations)


def on_a_card_in_fp16(has_bf16):
    rack = plan_rack([ONE, OTHER], budget_for(24 * 1024, has_bf16=has_bf16))
    halves = {name: replace(how, plan=replace(how.plan, precision="fp16")) for name, how in rack.planned.items()}
    plans = CurrentPlans(replace(rack, planned=halves))
    return Residency(lambda card: Loaded(card, plans.of(card)), plans.rack.budget.usable_mib), plans


def overflows_in(*precisions):
    def work(engine):
        if engine.plan.precision in precisions:
            raise NotFinite("the latents of seed 7 are not finite")
        return engine.plan

    return work


@pytest.mark.parametrize(("has_bf16", "wider"), [(True, "bf16"), (False, "fp32")])
def test_what_overflows_in_fp16_runs_again_in_a_wider_range_and_stays_there(has_bf16, wider):
    residency, plans = on_a_card_in_fp16(has_bf16)
    residency.engine_for(ONE, 9000)
    residency.pin(ONE.id)
    said, again = Said(), Said()

    first = with_room(residency, plans, ONE, SHAPE, said, overflows_in("fp16"))
    second = with_room(residency, plans, ONE, SHAPE, again, overflows_in("fp16"))

    assert (first.precision, second.precision) == (wider, wider)
    assert said.degradations == again.degradations == ["upcast"]
    assert [(r.model, r.pinned) for r in residency.residents()] == [("one", True)]


@pytest.mark.parametrize("has_bf16", [True, False])
def test_what_is_not_finite_in_any_range_comes_out_after_one_wider_try(has_bf16):
    residency, plans = on_a_card_in_fp16(has_bf16)
    said = Said()

    with pytest.raises(NotFinite):
        with_room(residency, plans, ONE, SHAPE, said, overflows_in("fp16", "bf16", "fp32"))

    assert said.degradations == ["upcast"]


def test_on_a_cpu_there_is_no_wider_range(card_of_24_gib):
    plans = CurrentPlans(plan_rack([ONE], budget_for(64 * 1024, device="cpu")))

    assert plans.of(ONE).precision == "fp32"
    assert plans.upcast(ONE) is None


def test_a_model_that_is_upcast_and_then_does_not_fit_goes_down_to_the_last_rung_and_ends():
    residency, plans = on_a_card_in_fp16(has_bf16=False)
    said = Said()

    def work(engine):
        overflows_in("fp16", "nf4")(engine)
        raise OutOfVram("fp32 is too large")

    with pytest.raises(OutOfVram):
        with_room(residency, plans, ONE, SHAPE, said, work)

    assert {"upcast", "vae_tiling", "offload_sequential"} <= set(said.degradations)


def test_what_changed_names_each_thing_once():
    plans = CurrentPlans(plan_rack([ONE], budget_for(24 * 1024)))
    before = plans.of(ONE)

    assert what_changed(before, before) == []
    assert what_changed(before, plans.shrink(ONE)) == ["vae_precision_bf16"]
    assert what_changed(before, plans.shrink(ONE)) == ["vae_tiling"]  # with room again for an exact VAE
    assert what_changed(before, plans.shrink(ONE)) == ["vae_tiling", "vae_precision_bf16"]


def worker(name, budget_mib, state="ready", models=("one",)):
    gpu = GpuFacts(name="card", uuid=name, total_mib=budget_mib)
    return WorkerReport(name=name, host="h", pid=1, state=state, gpu=gpu, budget_mib=budget_mib, models=models)


def test_a_job_climbs_to_the_smallest_larger_card_that_takes_jobs():
    rack = [worker("same", 8000), worker("big", 24000), worker("next", 12000), worker("away", 10000, "draining")]

    assert larger_gpu("one", 8000, rack).name == "next"
    assert larger_gpu("one", 24000, rack) is None
    assert larger_gpu("another", 1000, rack) is None


def test_an_idle_larger_card_is_better_than_a_busy_nearer_one():
    rack = [worker("near", 12000, "busy"), worker("far", 24000)]

    assert larger_gpu("one", 8000, rack).name == "far"


class Counting:
    """A device that counts, all residents together."""

    def __init__(self, peak_mib):
        self.peak, self.is_watched = peak_mib, False

    def free_mib(self):
        return None

    def own_mib(self):
        return None

    def free_cache(self):
        return None

    def start_peak(self):
        self.is_watched = True

    def peak_mib(self):
        return self.peak if self.is_watched else None


def learning(peak_mib):
    learned = []
    plans = CurrentPlans(plan_rack([ONE, OTHER], budget_for(24 * 1024)), add_peak=lambda *what: learned.append(what))
    device = Counting(peak_mib)
    residency = Residency(lambda card: Loaded(card, plans.of(card)), plans.rack.budget.usable_mib, device=device)
    return residency, plans, learned


def test_a_jobs_peak_is_learned_without_what_the_others_hold():
    residency, plans, learned = learning(peak_mib=6617 + 9000)
    residency.engine_for(OTHER, 7000)

    with_room(residency, plans, ONE, SHAPE, Said(), lambda engine: "done")

    assert learned == [("one", key_of(plans.of(ONE), SHAPE), 9000)]


def test_a_peak_that_was_not_counted_teaches_nothing():
    residency, plans, learned = learning(peak_mib=None)

    with_room(residency, plans, ONE, SHAPE, Said(), lambda engine: "done")

    assert learned == []
