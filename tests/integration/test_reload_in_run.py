"""A run of several jobs whose model overflows in fp16: it is loaded in a wider range, each begins again, nobody is lost."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, Reason
from shared.errors import NotFinite, OutOfVram
from shared.jobs import lifecycle
from shared.jobs.checkpoints import Checkpoints, Kept
from shared.jobs.routing import queue_of
from shared.rack.worker_registry import WorkerRegistry
from tests.integration.test_stepping_run import (
    MODEL,
    NoPeaks,
    PlayedEngine,
    PlayedSample,
    _every_step_looks_and_tells,
    queued,
    runtime_of,
    states,
)
from tests.rig import wait_for
from workers import assembly
from workers.execution.runner import Runner
from workers.execution.runtime import Runtime
from workers.execution.stepping import keeping
from workers.memory.residency import Residency

__all__ = ["_every_step_looks_and_tells"]

QUEUE = queue_of(MODEL, Priority.NORMAL)


@dataclass
class Typed(PlayedSample):
    """Its latents are of one type."""

    dtype: str = "fp16"


class TypedEngine(PlayedEngine):
    """One load of the model: what it is given must be of the type it computes in, as torch has it."""

    dtype = "fp16"
    told: Any = None

    def begin(self, work, watch):
        self.told.at_begin(work)
        return [Typed(work, seed, dtype=self.dtype) for seed in work.params.seeds()]

    def step(self, samples):
        if {sample.dtype for sample in samples} != {self.dtype}:
            raise RuntimeError("expected scalar type Half but found BFloat16")
        self.told.at_pass(self, samples)
        super().step(samples)
        self.told.steps += [(self.dtype, s.work.params.prompt, s.step) for s in samples]

    def finish(self, samples, watch):
        self.told.at_decode(self, samples)
        return super().finish(samples, watch)

    def resumed(self, work, place, data, watch):
        return Typed(work, work.params.seeds()[place], int(data), dtype=self.dtype)


@dataclass
class Rack:
    """A card whose model is loaded as its plan says."""

    runtime: Runtime
    runner: Runner
    #: Precision, job, step.
    steps: list[tuple[str, str, int]]
    at_pass: Any = lambda engine, samples: None
    at_begin: Any = lambda work: None
    at_decode: Any = lambda engine, samples: None

    def loaded(self, card):
        engine = TypedEngine(card)
        precision = self.runtime.plans.of(card).precision
        engine.dtype, engine.told = {"nf4": "fp16"}.get(precision, precision), self
        return engine

    def steps_of(self, name: str) -> list[tuple[str, int]]:
        return [(dtype, step) for dtype, who, step in self.steps if who == name]


def rack_of(services, *, has_bf16: bool = True, budget_mib: int = 8000, **settings) -> Rack:
    played = runtime_of(services, None, [], **settings)
    slot = played.slot.model_copy(update={"device": "cuda:0", "has_bf16": has_bf16})
    plans = assembly.plans_of(played.settings, slot, services.catalogue, NoPeaks())
    rack = Rack(None, None, [])
    residency = Residency(lambda card: rack.loaded(card), budget_mib)
    rack.runtime = replace(played, slot=slot, plans=plans, residency=residency)
    rack.runner = Runner(rack.runtime)
    rack.runner.run(queued(services, "warm").id, QUEUE)
    rack.steps.clear()
    return rack


@pytest.fixture
def rack(services) -> Rack:
    return rack_of(services)


def overflows_at(steps: int):
    """fp16 does, in a pass after so many."""

    def look(engine, samples) -> None:
        if engine.dtype == "fp16" and len(engine.told.steps) >= steps:
            raise NotFinite("the latents are not finite")

    return look


def records(services, *jobs) -> list[JobRecord]:
    return [services.store.get(job.id) for job in jobs]


def run_all(services, rack, first) -> None:
    rack.runner.run(first.id, QUEUE)
    while services.store.counts()["queued"]:
        rack.runner.run(first.id, QUEUE)


@pytest.mark.parametrize("has_bf16", [True, False])
def test_all_of_a_pass_that_overflows_begin_again_in_a_wider_range_and_say_so(services, has_bf16):
    rack = rack_of(services, has_bf16=has_bf16)
    jobs = [queued(services, name, steps=6) for name in ("one", "two")]
    rack.at_pass = overflows_at(5)

    rack.runner.run(jobs[0].id, QUEUE)

    ended = records(services, *jobs)
    wide = "bf16" if has_bf16 else "fp32"
    assert states(services, *jobs) == ["succeeded"] * 2
    assert [(job.attempt, job.history, job.degradations) for job in ended] == [(1, (), ("upcast",))] * 2
    for name in ("one", "two"):
        narrow = [step for dtype, step in rack.steps_of(name) if dtype == "fp16"]
        assert narrow == list(range(1, len(narrow) + 1))
        assert [step for dtype, step in rack.steps_of(name) if dtype == wide] == list(range(1, 7))


def test_who_had_given_its_seat_up_begins_again_too(services, rack):
    patient = queued(services, "patient", steps=6, side=72, priority=Priority.LOW)

    def press(engine, samples):
        if len(rack.steps) == 3:
            rack.at_pass = overflows_at(5)
            urgent.extend(queued(services, name, steps=4, priority=Priority.HIGH) for name in ("one", "two"))

    urgent: list[JobRecord] = []
    rack.at_pass = press
    rack.runner.run(patient.id, queue_of(MODEL, Priority.LOW))

    assert states(services, patient, *urgent) == ["succeeded"] * 3
    assert rack.steps_of("patient")[-6:] == [("bf16", step) for step in range(1, 7)]
    assert {dtype for dtype, _ in rack.steps_of("patient")} == {"fp16", "bf16"}
    assert all(job.degradations == ("upcast",) and job.attempt == 1 for job in records(services, patient, *urgent))


def test_who_joins_the_model_in_its_wider_form_says_so_too(services, rack):
    first, short, later = queued(services, "first", steps=8), queued(services, "short", steps=4), []

    def look(engine, samples):
        if engine.dtype == "bf16" and len(samples) == 2 and not later:
            later.append(queued(services, "later", steps=3))  # takes the short one's seat
        overflows_at(3)(engine, samples)

    rack.at_pass = look
    rack.runner.run(first.id, QUEUE)

    assert states(services, first, short, *later) == ["succeeded"] * 3
    assert [job.degradations for job in records(services, first, short, *later)] == [("upcast",)] * 3


def test_who_is_under_way_says_nothing_of_what_was_tried_for_one_that_fits_in_no_form(services, rack):
    small, large = queued(services, "small", steps=8), []

    def send(engine, samples):
        if len(rack.steps) == 3:
            large.append(queued(services, "large", steps=2, side=2048, priority=Priority.HIGH))

    rack.at_pass = send
    run_all(services, rack, small)

    assert states(services, small, *large) == ["succeeded", "failed"]
    of_small, of_large = (job.degradations for job in records(services, small, *large))
    assert of_small == ()
    assert {"vae_tiling", "precision_nf4"} <= set(of_large)


def test_who_takes_its_next_step_with_what_was_given_up_for_another_says_so(services):
    rack = rack_of(services, budget_mib=4643)  # beside the large one's latents there is room for four bits
    small, large = queued(services, "small", steps=8), []

    def send(engine, samples):
        if len(rack.steps) == 3:
            large.append(queued(services, "large", steps=2, side=512, priority=Priority.HIGH))

    rack.at_pass = send
    run_all(services, rack, small)

    assert states(services, small, *large) == ["succeeded"] * 2
    assert all("precision_nf4" in job.degradations for job in records(services, small, *large))


def test_a_job_that_had_gone_on_from_a_checkpoint_says_that_it_began_again(services, rack):
    job, other = queued(services, "drained", steps=20), queued(services, "other", steps=20)
    services.store.move(job.id, lambda r, now: lifecycle.claim(r, now, worker="w", gpu="G", token="t"))
    Checkpoints(services.store.redis).put(job.id, "t", Kept({0: b"12"}))
    services.store.move(
        job.id, lambda r, now: lifecycle.give_back(r, now, token="t", reason=Reason.DRAINED, not_before_ms=0)
    )
    rack.at_pass = overflows_at(4)

    run_all(services, rack, job)

    drained, _ = records(services, job, other)
    assert states(services, job, other) == ["succeeded"] * 2
    assert rack.steps_of("drained")[0] == ("fp16", 13)
    assert [step for dtype, step in rack.steps_of("drained") if dtype == "bf16"] == list(range(1, 21))
    assert drained.progress.resumed_at == 0


def test_checkpoints_are_those_of_the_new_beginning(services, monkeypatch):
    monkeypatch.setattr(keeping, "LEAST_S", 0.0)
    rack = rack_of(services, checkpoint_steps=2)
    jobs = [queued(services, name, steps=9) for name in ("one", "two")]
    kept, seen = Checkpoints(services.store.redis), []

    def look(engine, samples):
        step = samples[0].step
        if step == 4:
            seen.append(wait_for(lambda: kept.get(jobs[0].id).states.get(0) or kept.get(jobs[1].id).states.get(0)))
        if engine.dtype == "bf16" and step == 4:
            wait_for(lambda: any(int(kept.get(job.id).states.get(0, b"99")) <= 4 for job in jobs))
        if engine.dtype == "fp16" and step == 8:
            raise NotFinite("the latents are not finite")

    rack.at_pass = look
    rack.runner.run(jobs[0].id, QUEUE)

    assert states(services, *jobs) == ["succeeded"] * 2
    assert len(seen) >= 2


def test_where_no_wider_range_is_left_those_of_the_pass_run_alone_and_who_waited_goes_on(services, rack):
    patient = queued(services, "patient", steps=6, side=72, priority=Priority.LOW)
    urgent: list[JobRecord] = []

    def press(engine, samples):
        if len(rack.steps) == 3 and not urgent:
            urgent.extend(queued(services, name, steps=4, priority=Priority.HIGH) for name in ("bad", "good"))
        names = {sample.work.params.prompt for sample in samples}
        if "bad" in names and samples[0].step >= 1:
            raise NotFinite("the latents are not finite")

    rack.at_pass = press
    rack.runner.run(patient.id, queue_of(MODEL, Priority.LOW))
    while services.store.counts()["queued"]:
        rack.runner.run(urgent[0].id, queue_of(MODEL, Priority.HIGH))

    bad, good = records(services, *urgent)
    assert states(services, patient, *urgent) == ["succeeded", "failed", "succeeded"]
    assert bad.error.code == NotFinite.code
    assert good.history[0].reason == Reason.RUNS_ALONE
    assert [step for dtype, step in rack.steps_of("patient") if dtype == "bf16"] == list(range(1, 7))


def test_a_run_that_is_put_in_four_bits_goes_on_where_it_was(services, rack):
    jobs = [queued(services, name, steps=6) for name in ("one", "two")]
    rungs: list[str] = []

    def full(engine, samples):
        plan = rack.runtime.plans.of(engine.card)
        rungs.append(plan.precision)
        if len(rack.steps) >= 6 and plan.precision != "nf4":
            raise OutOfVram("no room")

    rack.at_pass = full
    rack.runner.run(jobs[0].id, QUEUE)

    assert states(services, *jobs) == ["succeeded"] * 2
    assert "nf4" in rungs
    for name in ("one", "two"):
        assert [step for _, step in rack.steps_of(name)] == list(range(1, 7))


def too_large_to_decode(rack, name: str, decoded: list[str]):
    """In any form but four bits, as long as it is that job's."""

    def full(engine, samples):
        if samples[0].work.params.prompt == name:
            decoded.append(rack.runtime.plans.of(engine.card).precision)
            if decoded[-1] != "nf4":
                raise OutOfVram("no room to decode")

    return full


def test_a_picture_that_cannot_be_decoded_for_want_of_memory_is_decoded_smaller_and_no_step_is_repeated(services, rack):
    job, decoded = queued(services, "sole", steps=6), []
    rack.at_decode = too_large_to_decode(rack, "sole", decoded)

    rack.runner.run(job.id, QUEUE)

    assert states(services, job) == ["succeeded"]
    assert len(decoded) > 1
    assert [step for _, step in rack.steps_of("sole")] == list(range(1, 7))


def test_so_it_is_in_company_which_goes_on_where_it_was(services, rack):
    job, other, decoded = queued(services, "large", steps=4), queued(services, "other", steps=8), []
    rack.at_decode = too_large_to_decode(rack, "large", decoded)

    rack.runner.run(job.id, QUEUE)

    assert states(services, job, other) == ["succeeded"] * 2
    assert [record.attempt for record in records(services, job, other)] == [1, 1]
    assert [step for _, step in rack.steps_of("large")] == list(range(1, 5))
    assert [step for _, step in rack.steps_of("other")] == list(range(1, 9))


def test_one_that_can_be_decoded_in_no_form_fails_alone(services, rack):
    job, other = queued(services, "large", steps=4), queued(services, "other", steps=8)

    def full(engine, samples):
        if samples[0].work.params.prompt == "large":
            raise OutOfVram("no room to decode")

    rack.at_decode = full
    run_all(services, rack, job)

    assert states(services, job, other) == ["failed", "succeeded"]
    assert services.store.get(job.id).error.code == OutOfVram.code
    assert services.store.get(other.id).attempt == 1


def test_a_picture_whose_latents_are_no_numbers_is_made_again_in_a_wider_range(services, rack):
    job = queued(services, "sole", steps=6)

    def overflow(engine, samples):
        if engine.dtype == "fp16":
            raise NotFinite("the latents are not finite")

    rack.at_decode = overflow
    rack.runner.run(job.id, QUEUE)

    assert states(services, job) == ["succeeded"]
    assert rack.steps_of("sole")[-6:] == [("bf16", step) for step in range(1, 7)]


@pytest.mark.parametrize("why", [OutOfVram("no room for the starting picture"), NotFinite("no numbers")])
def test_who_cannot_begin_in_company_is_tried_alone(services, rack, why):
    first, other = queued(services, "first", steps=6), queued(services, "other", steps=2)
    tried: list[str] = []

    def begin(work):
        tried.append(work.params.prompt)
        if work.params.prompt == "other" and tried.count("other") == 1:
            raise why

    rack.at_begin = begin
    run_all(services, rack, first)

    assert states(services, first, other) == ["succeeded"] * 2
    assert services.store.get(other.id).history[0].reason == Reason.RUNS_ALONE


def test_a_drain_after_the_reload_leaves_what_another_goes_on_from(services, rack, monkeypatch):
    monkeypatch.setattr(keeping, "LEAST_S", 0.0)
    job = queued(services, "long", steps=9)

    def look(engine, samples):
        if engine.dtype == "bf16" and samples[0].step == 3:
            WorkerRegistry(services.store.redis).drain("gpu0")
        if engine.dtype == "bf16" and samples[0].step == 5:
            wait_for(lambda: Checkpoints(services.store.redis).get(job.id).states.get(0) in (b"4", b"5"))
        overflows_at(6)(engine, samples)

    rack.at_pass = look
    rack.runner.run(job.id, QUEUE)

    assert states(services, job) == ["succeeded"]
