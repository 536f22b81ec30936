"""A run of steps over the real store: jobs join, share passes, give up seats, go on from checkpoints. The engine is played."""

import threading
from concurrent.futures import wait
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from PIL import Image
from structlog.testing import capture_logs

from shared.contracts.base import Priority
from shared.contracts.generation import GenerationParams
from shared.contracts.jobs import JobRecord, Progress, Reason, State, new_job_id
from shared.errors import EngineFailed, NotFinite, OutOfVram, RedisUnavailable
from shared.jobs import lifecycle
from shared.jobs.checkpoints import Checkpoints, Kept
from shared.jobs.routing import batch_key_of, own_queue_of, queue_of
from shared.rack.worker_registry import WorkerRegistry
from shared.redis import keys
from tests import pictures
from tests.integration.jobs import is_moved, lose_answers
from tests.rig import wait_for
from workers import assembly
from workers.devices.slot import Slot
from workers.execution import progress
from workers.execution.claiming import Claiming
from workers.execution.runner import NotOurs, Runner
from workers.execution.runtime import Runtime
from workers.execution.stepping import admission, ahead, arrivals, keeping, vigil
from workers.execution.stepping import run as stepping_run
from workers.execution.threads import Threads
from workers.memory.residency import Residency

MODEL = "sdxl-toy"
QUEUE = queue_of(MODEL, Priority.NORMAL)


@dataclass
class PlayedSample:
    work: Any
    seed: int
    step: int = 0

    @property
    def steps(self) -> int:
        return self.work.params.steps

    @property
    def key(self):
        return (self.work.params.width, self.work.params.height)

    rows = 1

    @property
    def is_done(self) -> bool:
        return self.step >= self.steps


@dataclass
class PlayedEngine:
    """Counts steps instead of computing; `at_pass` is told of each pass before it is made."""

    card: Any
    passes: list[list[tuple[str, int]]] = field(default_factory=list)
    at_pass: Any = lambda samples: None
    at_finish: Any = lambda samples: None

    def held_mib(self) -> int:
        return 10

    uses_mib = host_mib = held_mib

    def close(self) -> None: ...

    def rest(self) -> None: ...

    settle = rest

    def begin(self, work, watch):
        return [PlayedSample(work, seed) for seed in work.params.seeds()]

    def step(self, samples):
        self.at_pass(samples)
        self.passes.append([(s.work.params.prompt, s.step + 1) for s in samples])
        for sample in samples:
            sample.step += 1

    def finish(self, samples, watch):
        self.at_finish(samples)
        return [Image.new("RGB", s.key, (s.seed % 256, 0, 0)) for s in samples]

    def preview(self, sample):
        return lambda: Image.new("RGB", (8, 8))

    def saved(self, sample) -> bytes:
        return str(sample.step).encode()

    def resumed(self, work, place, data, watch):
        return PlayedSample(work, work.params.seeds()[place], int(data))


ANSWER = ahead.Ahead.answer


def settled_answer(self):
    found = self.settled()
    # One that a test holds up is not waited for.
    wait([member.work for member in self._company._coming], timeout=1)
    return found


@pytest.fixture(autouse=True)
def _every_step_looks_and_tells(monkeypatch):
    """Played steps take no time: what is done now and then is done at each, and whoever can be claimed is there after it."""
    monkeypatch.setattr(arrivals, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(ahead, "PATIENCE_S", 30.0)
    monkeypatch.setattr(ahead, "LONG_PATIENCE_S", 30.0)
    monkeypatch.setattr(ahead.Ahead, "answer", settled_answer)
    monkeypatch.setattr(progress, "BEAT_EVERY_S", 0.0)


@pytest.fixture
def engine(services) -> PlayedEngine:
    return PlayedEngine(services.catalogue.get(MODEL))


@pytest.fixture
def sent() -> list[tuple[str, str]]:
    return []


class Sends:
    """Remembers tickets instead of sending them."""

    def __init__(self, dispatcher, sent):
        self._dispatcher, self._sent = dispatcher, sent

    def send_run(self, ticket, queue):
        self._sent.append((ticket, queue))

    def try_resend(self, record):
        self._sent.append((record.id, record.queue))


def runtime_of(services, engine, sent, **settings) -> Runtime:
    ours = services.settings.model_copy(
        update={"max_batch": 2, "slower_in_company": 100.0, "continuous_batching": True} | settings
    )
    slot = Slot(
        name="gpu0",
        gpu="GPU-0",
        device="cpu",
        total_mib=8000,
        budget_mib=8000,
        models=(MODEL, "sdxl-starter"),
        threads=1,
    )
    return Runtime(
        settings=ours,
        slot=slot,
        store=services.store,
        artifacts=services.artifacts,
        catalogue=services.catalogue,
        dispatcher=Sends(services.dispatcher, sent),
        residency=Residency(lambda card: engine, 8000),
        plans=assembly.plans_of(ours, slot, services.catalogue, NoPeaks()),
        threads=Threads((1,), None, None),
    )


class NoPeaks:
    def of(self, *args):
        return {}

    add = of
    __call__ = of


@pytest.fixture
def runner(services, engine, sent) -> Runner:
    return warm(Runner(runtime_of(services, engine, sent)), services, engine)


def warm(runner: Runner, services, engine) -> Runner:
    """It knows what a step takes alone: before, a pass has no company."""
    runner.run(queued(services, "warm").id, QUEUE)
    engine.passes.clear()
    return runner


def queued(
    services, name: str, *, steps: int = 4, priority=Priority.NORMAL, n: int = 1, side: int = 64, image=None, **fields
) -> JobRecord:
    params = GenerationParams(
        prompt=name,
        negative_prompt="",
        width=side,
        height=side,
        steps=steps,
        guidance_scale=0.0,
        scheduler="euler",
        seed=1,
        n=n,
        image=image,
        strength=None if image is None else 0.5,
    )
    record = JobRecord(
        id=new_job_id(),
        kind="generate",
        model=MODEL,
        state=State.QUEUED,
        caller="ann",
        priority=priority,
        params=params.model_dump(),
        batch_key=batch_key_of(MODEL, params),
        **({"queue": queue_of(MODEL, priority)} | fields),
    )
    return services.store.create(record)[0]


def states(services, *records) -> list[str]:
    return [services.store.get(record.id).state.value for record in records]


def test_jobs_of_one_size_share_passes_whatever_their_steps_are(services, engine, runner):
    long, short, third = (
        queued(services, "long", steps=5),
        queued(services, "short", steps=2),
        queued(services, "third", steps=3),
    )

    runner.run(long.id, QUEUE)

    together = [sorted(name for name, _ in each) for each in engine.passes if len(each) == 2]
    assert ["long", "short"] in together
    assert ["long", "third"] in together  # it joined when the short one left
    assert states(services, long, short, third) == ["succeeded"] * 3
    assert services.store.get(short.id).result["images"][0]["width"] == 64


def test_what_a_job_is_charged_it_was_running_for_its_encoding_too(services, engine, runner, monkeypatch):
    begin = engine.begin
    monkeypatch.setattr(engine, "begin", lambda *about: threading.Event().wait(0.05) or begin(*about))
    job = queued(services, "slow to encode", steps=1)

    runner.run(job.id, QUEUE)

    done = services.store.get(job.id)
    assert 0.05 <= done.spent_s <= done.timings.running_ms / 1000 + 0.001


def test_a_job_of_several_pictures_is_that_many_samples_and_ends_with_the_last(services, engine, runner):
    job = queued(services, "many", n=3, steps=2)

    runner.run(job.id, QUEUE)

    assert max(map(len, engine.passes)) == 2
    assert [image["seed"] for image in services.store.get(job.id).result["images"]] == [1, 2, 3]


def test_jobs_of_other_sizes_come_one_after_the_other_in_one_run(services, engine, runner):
    jobs = [queued(services, f"job {side}", side=side, steps=2) for side in (64, 72, 80)]

    runner.run(jobs[0].id, QUEUE)

    assert {len(each) for each in engine.passes} == {1}
    assert states(services, *jobs) == ["succeeded"] * 3


def test_an_urgent_job_takes_a_seat_within_a_step_and_who_gave_it_goes_on_where_it_was(services, engine, runner):
    first, second = queued(services, "first", steps=6), queued(services, "second", steps=6)
    urgent = []

    def send(samples):
        if len(engine.passes) == 3 and not urgent:
            urgent.append(queued(services, "urgent", steps=2, priority=Priority.HIGH))

    engine.at_pass = send
    runner.run(first.id, QUEUE)

    at = next(i for i, each in enumerate(engine.passes) if ("urgent", 1) in each)
    assert at <= 5  # sent during the fourth pass
    assert all(len(each) <= 2 for each in engine.passes)
    assert states(services, first, second, *urgent) == ["succeeded"] * 3
    assert [step for each in engine.passes for name, step in each if name == "second"] == list(range(1, 7))


def test_who_gave_up_its_seat_is_told_to_be_paused(services, engine, runner):
    first, second = queued(services, "first", steps=6), queued(services, "second", steps=6)
    seen = set()

    def look(samples):
        if len(engine.passes) == 2:
            for name in ("u1", "u2"):
                queued(services, name, steps=4, priority=Priority.HIGH)
        seen.update(
            services.store.get(record.id).progress.phase
            for record in (first, second)
            if services.store.get(record.id).progress
        )

    engine.at_pass = look
    runner.run(first.id, QUEUE)

    assert "paused" in seen
    assert states(services, first, second) == ["succeeded"] * 2


def test_a_cancelled_job_leaves_and_the_other_goes_on(services, engine, runner):
    stays, goes = queued(services, "stays", steps=5), queued(services, "goes", steps=50)

    def cancel(samples):
        if len(engine.passes) == 2:
            services.store.move(goes.id, lifecycle.cancel)

    engine.at_pass = cancel
    runner.run(stays.id, QUEUE)

    assert states(services, stays, goes) == ["succeeded", "cancelled"]
    assert len(engine.passes) < 30


def test_a_run_gives_its_ticket_back_and_goes_on_with_the_next(services, engine, runner, sent, monkeypatch):
    monkeypatch.setattr(stepping_run, "TICKET_S", 0.0)
    job = queued(services, "long", steps=3)

    runner.run(job.id, QUEUE)

    [(ticket, queue)] = sent
    assert queue == own_queue_of("gpu0", Priority.NORMAL)
    assert states(services, job) == ["running"]
    monkeypatch.setattr(stepping_run, "TICKET_S", 60.0)
    runner.run(ticket, queue)
    assert states(services, job) == ["succeeded"]
    assert len(engine.passes) == 3
    with pytest.raises(NotOurs):
        runner.run(ticket, queue)


def test_a_command_is_given_way_within_a_step(services, engine, runner, sent):
    job = queued(services, "long", steps=20)

    def command(samples):
        if len(engine.passes) == 3:
            record = JobRecord(
                id=new_job_id(),
                kind="unload",
                model=MODEL,
                state=State.QUEUED,
                params={"model": MODEL},
                queue=own_queue_of("gpu0"),
            )
            services.store.create(record)

    engine.at_pass = command
    runner.run(job.id, QUEUE)

    assert len(engine.passes) in (4, 5)
    assert states(services, job) == ["running"]
    ticket, queue = sent[-1]
    engine.at_pass = lambda samples: None
    runner.run(ticket, queue)  # the command's own ticket would come first; the run gives way again
    assert states(services, job) == ["running"]


def test_a_draining_worker_takes_nobody_more(services, engine, runner):
    first = queued(services, "first", steps=4)
    later = []

    def drain(samples):
        if len(engine.passes) == 1:
            WorkerRegistry(services.store.redis).drain("gpu0")
            later.append(queued(services, "later"))

    engine.at_pass = drain
    runner.run(first.id, QUEUE)

    assert states(services, first, *later) == ["succeeded", "queued"]


def test_who_broke_a_pass_runs_alone_and_nobody_joins_it(services, engine, runner):
    bad, good = queued(services, "bad", steps=3), queued(services, "good", steps=3)

    def crash(samples):
        names = {sample.work.params.prompt for sample in samples}
        if "bad" in names and (len(names) == 2 or samples[0].step == 2):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    engine.at_pass = crash
    runner.run(bad.id, QUEUE)
    while services.store.counts()["queued"]:
        runner.run(bad.id, QUEUE)

    assert states(services, bad, good) == ["failed", "succeeded"]
    assert services.store.get(bad.id).error.code == EngineFailed.code
    assert services.store.get(good.id).history[0].reason == Reason.RUNS_ALONE
    assert max(len(each) for each in engine.passes) == 1


def test_a_pass_that_does_not_fit_is_made_smaller(services, engine, runner):
    jobs = [queued(services, f"job {i}", steps=2) for i in range(2)]

    def full(samples):
        if len(samples) > 1:
            raise OutOfVram("no room")

    engine.at_pass = full
    runner.run(jobs[0].id, QUEUE)

    assert states(services, *jobs) == ["succeeded"] * 2
    assert services.store.get(jobs[0].id).degradations == ("batch_split",)


def test_a_picture_that_is_none_fails_its_own_job_alone(services, engine, runner):
    bad, good = queued(services, "bad", steps=2), queued(services, "good", steps=4)

    def black(samples):
        if samples[0].work.params.prompt == "bad":
            raise NotFinite("the pixels of seed 1 are not finite")

    engine.at_finish = black
    runner.run(bad.id, QUEUE)
    while services.store.counts()["queued"]:
        runner.run(bad.id, QUEUE)

    assert states(services, bad, good) == ["failed", "succeeded"]


def test_a_job_whose_worker_died_goes_on_from_its_checkpoint(services, engine, runner):
    job = queued(services, "long", steps=20)
    services.store.move(job.id, lambda r, now: lifecycle.claim(r, now, worker="gone", gpu="G", token="t"))
    Checkpoints(services.store.redis).put(job.id, "t", Kept({0: b"12"}))
    services.store.move(job.id, lambda r, now: lifecycle.lose(r, now, reason="died", token="t"))

    runner.run(job.id, QUEUE)

    record = services.store.get(job.id)
    assert record.state == State.SUCCEEDED
    assert [step for each in engine.passes for _, step in each] == list(range(13, 21))
    assert record.progress.resumed_at == 12
    assert not Checkpoints(services.store.redis).get(job.id).states


def test_a_job_whose_resumed_attempt_was_lost_starts_from_zero(services, engine, runner):
    job = queued(services, "long", steps=20)
    services.store.move(job.id, lambda r, now: lifecycle.claim(r, now, worker="gone", gpu="G", token="t"))
    Checkpoints(services.store.redis).put(job.id, "t", Kept({0: b"12"}, was_resumed=True))
    services.store.move(job.id, lambda r, now: lifecycle.lose(r, now, reason="died", token="t"))

    runner.run(job.id, QUEUE)

    assert len(engine.passes) == 20


def test_checkpoints_are_written_on_the_way(services, engine, sent):
    runner = warm(Runner(runtime_of(services, engine, sent, checkpoint_steps=2)), services, engine)
    job = queued(services, "long", steps=8)
    kept = Checkpoints(services.store.redis)

    def look(samples):
        if len(engine.passes) == 3:
            wait_for(lambda: kept.get(job.id).states == {0: b"2"})

    engine.at_pass = look
    runner.run(job.id, QUEUE)

    assert states(services, job) == ["succeeded"]


# -- beside a pass -----------------------------------------------------------------------------------------------------


@pytest.fixture
def looks_by_itself(monkeypatch):
    """Looks are made while a pass is, as in earnest, and beats are rare."""
    monkeypatch.setattr(ahead.Ahead, "answer", ANSWER)
    monkeypatch.setattr(arrivals, "LOOK_EVERY_S", 0.002)
    monkeypatch.setattr(progress, "BEAT_EVERY_S", 3600.0)


def running(services, *records) -> bool:
    return states(services, *records) == ["running"] * len(records)


def await_on_their_way(runner, *records) -> None:
    """Until these are claimed, and stand before the run's next boundary with all that their beginning needs."""
    company = runner._runs[MODEL]._company
    wanted = {record.id for record in records}
    wait_for(lambda: wanted <= {member.record.id for member in company._coming if member.work.done()})


def test_who_follows_the_last_step_of_another_is_claimed_while_that_is_made_and_nobody_before(
    services, engine, sent, looks_by_itself, monkeypatch
):
    runner = warm(Runner(runtime_of(services, engine, sent, max_batch=1)), services, engine)
    first, second = queued(services, "first", steps=3), queued(services, "second", steps=2)
    seen, pass_begins = [], ahead.Ahead.pass_begins

    def noted(self, *, leaves):
        seen.append((leaves, running(services, second)))
        pass_begins(self, leaves=leaves)

    def look(samples):
        if len(engine.passes) == 2:
            wait_for(lambda: running(services, second))

    monkeypatch.setattr(ahead.Ahead, "pass_begins", noted)
    engine.at_pass = look
    runner.run(first.id, QUEUE)

    assert seen[:3] == [(False, False), (False, False), (True, False)]
    assert states(services, first, second) == ["succeeded"] * 2
    assert len(engine.passes) == 5


def test_an_urgent_job_that_comes_during_a_pass_has_its_first_step_in_the_next(
    services, engine, runner, looks_by_itself
):
    first, second = queued(services, "first", steps=6), queued(services, "second", steps=6)
    urgent = []

    def send(samples):
        if len(engine.passes) == 3:
            urgent.append(queued(services, "urgent", steps=2, priority=Priority.HIGH))
            await_on_their_way(runner, *urgent)

    engine.at_pass = send
    runner.run(first.id, QUEUE)

    at = next(i for i, each in enumerate(engine.passes) if ("urgent", 1) in each)
    assert at == 4  # it came during the fourth
    assert states(services, first, second, *urgent) == ["succeeded"] * 3


def test_an_urgent_job_waits_for_nobodys_encoding(services, engine, sent, monkeypatch, looks_by_itself):
    runner = warm(Runner(runtime_of(services, engine, sent, max_batch=4)), services, engine)
    first, begun, later = queued(services, "first", steps=8), [], []
    begin = engine.begin
    monkeypatch.setattr(engine, "begin", lambda work, watch: begun.append(work.params.prompt) or begin(work, watch))

    def send(samples):
        if len(engine.passes) == 1:
            later.append(queued(services, "patient"))
            later.append(queued(services, "as patient"))
            await_on_their_way(runner, *later)
            later.append(queued(services, "urgent", priority=Priority.HIGH))
            await_on_their_way(runner, *later)

    engine.at_pass = send
    runner.run(first.id, QUEUE)

    assert begun == ["first", "urgent", "patient", "as patient"]
    assert states(services, first, *later) == ["succeeded"] * 4


@pytest.mark.parametrize("names_one", [False, True], ids=["and names none", "and names one itself"])
def test_an_urgent_job_waits_for_nobodys_slow_picture(services, engine, sent, monkeypatch, looks_by_itself, names_one):
    runner = warm(Runner(runtime_of(services, engine, sent, max_batch=8)), services, engine)
    slow_one, quick_one = (services.artifacts.put(pictures.png(64, 64, (shade, 0, 0))) for shade in (10, 200))
    is_fetched, slow, urgent, begun = threading.Event(), [], [], []
    get, begin = services.artifacts.get, engine.begin

    def fetch(picture):
        assert picture != slow_one or is_fetched.wait(30)
        return get(picture)

    def come(samples):
        if len(engine.passes) == 1:
            slow.extend(queued(services, f"slow {n}", image=slow_one) for n in range(6))
            wait_for(lambda: running(services, *slow))
            image = quick_one if names_one else None
            urgent.append(queued(services, "urgent", image=image, priority=Priority.HIGH))
            await_on_their_way(runner, *urgent)
        if any(("urgent", 1) in each for each in engine.passes):
            is_fetched.set()

    monkeypatch.setattr(services.artifacts, "get", fetch)
    monkeypatch.setattr(engine, "begin", lambda work, watch: begun.append(work.params.prompt) or begin(work, watch))
    engine.at_pass = come
    first = queued(services, "at work", steps=10)
    runner.run(first.id, QUEUE)

    assert begun[:2] == ["at work", "urgent"]
    assert states(services, first, *urgent, *slow) == ["succeeded"] * 8


def test_a_cancel_that_comes_during_a_pass_is_heard_before_the_next_though_no_beat_is_due(
    services, engine, runner, looks_by_itself
):
    job = queued(services, "goes", steps=50)
    found = Unwanted(runner)

    def cancel(samples):
        if len(engine.passes) == 3:
            services.store.move(job.id, lifecycle.cancel)
            wait_for(lambda: job.id in found())

    engine.at_pass = cancel
    runner.run(job.id, QUEUE)

    assert states(services, job) == ["cancelled"]
    assert len(engine.passes) == 4


def test_who_cannot_be_taken_is_not_asked_for_at_every_look_but_as_soon_as_somebody_leaves(
    services, engine, runner, monkeypatch, looks_by_itself
):
    monkeypatch.setattr(admission, "VAIN_S", 3600.0)
    first, other = queued(services, "first", steps=3), queued(services, "of another size", steps=2, side=72)
    tried, looked = [], []
    next_of, look = Claiming.next_of, arrivals.Arrivals.look
    monkeypatch.setattr(Claiming, "next_of", lambda self, *about: tried.append(1) or next_of(self, *about))
    monkeypatch.setattr(arrivals.Arrivals, "look", lambda self: looked.append(1) or look(self))
    at_rest = []

    def wait_for_looks(samples):
        if len(engine.passes) == 1:
            seen = len(looked)
            wait_for(lambda: len(looked) >= seen + 2)
            before = len(tried)
            wait_for(lambda: len(looked) >= seen + 10)
            at_rest.append(len(tried) - before)

    engine.at_pass = wait_for_looks
    runner.run(first.id, QUEUE)

    assert at_rest == [0]
    assert states(services, first, other) == ["succeeded"] * 2


class Unwanted:
    """What a run's last look found nobody to want."""

    def __init__(self, runner):
        self._runner = runner

    def __call__(self) -> frozenset[str]:
        return self._runner._runs[MODEL]._ahead._answer.unwanted


def test_a_cancelled_job_that_hangs_in_its_pass_stays_held_so_that_its_silence_is_found(
    services, engine, runner, looks_by_itself
):
    job = queued(services, "hangs", steps=50)
    found, seen = Unwanted(runner), []

    def hang(samples):
        if len(engine.passes) == 3:
            services.store.move(job.id, lifecycle.cancel)
            wait_for(lambda: job.id in found())
            seen.extend(states(services, job))

    engine.at_pass = hang
    runner.run(job.id, QUEUE)

    assert seen == ["running"]


def test_a_word_that_comes_late_does_not_land_where_the_job_is_anothers_by_now(services, engine, runner, monkeypatch):
    job = queued(services, "slow to tell", steps=4)
    beat, is_held, may_go = services.store.beat, threading.Event(), threading.Event()
    late = []

    def slow(job_id, token, word, *about):
        if word.step == 2 and not is_held.is_set():
            is_held.set()
            may_go.wait(30)
            late.append(beat(job_id, token, word, *about))
            return late[-1]
        return beat(job_id, token, word, *about)

    def lose(samples):
        if len(engine.passes) == 2:
            assert is_held.wait(30)
            held = services.store.get(job.id)
            services.store.move(
                job.id, lambda r, now: lifecycle.lose(r, now, reason="its lease ran out", token=held.token)
            )
            services.store.move(job.id, lambda r, now: lifecycle.claim(r, now, worker="w", gpu="G", token="another"))
            services.store.beat(job.id, "another", Progress(phase="running", step=1, steps=4))
            may_go.set()
            wait_for(lambda: late)

    monkeypatch.setattr(services.store, "beat", slow)
    engine.at_pass = lose
    runner.run(job.id, QUEUE)

    record = services.store.get(job.id)
    assert late == ["fenced"]
    assert (record.state, record.token, record.progress.step) == (State.RUNNING, "another", 1)
    assert len(engine.passes) <= 4


def test_a_redis_that_is_slow_to_take_words_holds_up_no_step(services, engine, runner, monkeypatch):
    job = queued(services, "long", steps=8)
    beat, is_over = services.store.beat, threading.Event()

    def slow(job_id, token, word, *about):
        if word.phase == "running":
            is_over.wait(30)
        return beat(job_id, token, word, *about)

    monkeypatch.setattr(services.store, "beat", slow)
    engine.at_finish = lambda samples: is_over.set()
    runner.run(job.id, QUEUE)

    assert states(services, job) == ["succeeded"]


def test_who_was_claimed_ahead_goes_back_where_the_process_ends_and_nothing_speaks_against_it(
    services, engine, sent, looks_by_itself
):
    runner = warm(Runner(runtime_of(services, engine, sent, max_batch=1)), services, engine)
    first, ahead = queued(services, "first", steps=3), queued(services, "ahead", steps=3)

    def command_and_claim(samples):
        if len(engine.passes) == 2:  # the last pass of the first one
            wait_for(lambda: running(services, ahead))
            command(services)
            looks = runner._runs[MODEL]._ahead
            wait_for(lambda: looks._answer.has_command)

    engine.at_pass = command_and_claim
    runner.run(first.id, QUEUE)
    assert running(services, ahead)
    carried_out(services, runner)
    runner.leave()

    record = services.store.get(ahead.id)
    assert (record.state, record.history[0].reason) == (State.QUEUED, Reason.DRAINED)
    assert states(services, first) == ["succeeded"]
    other = Runner(runtime_of(services, engine, sent))
    engine.at_pass = lambda samples: None
    other.run(ahead.id, QUEUE)
    assert states(services, ahead) == ["succeeded"]


def test_who_was_claimed_ahead_of_a_card_that_is_lost_goes_back_unblamed(services, engine, sent, looks_by_itself):
    runner = warm(Runner(runtime_of(services, engine, sent, max_batch=1)), services, engine)
    first, ahead = queued(services, "first", steps=3), queued(services, "ahead", steps=3)

    def break_card(samples):
        if len(engine.passes) == 2:
            wait_for(lambda: running(services, ahead))
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    engine.at_pass = break_card
    runner.run(first.id, QUEUE)

    assert runner.has_lost_device
    assert states(services, first, ahead) == ["queued"] * 2
    assert services.store.get(first.id).history[0].has_lost_worker
    assert services.store.get(ahead.id).history[0].reason == Reason.DRAINED


# -- between two tickets ------------------------------------------------------------------------------------------------


@pytest.fixture
def between(services, engine, runner) -> JobRecord:
    """A job of eight steps whose run has given its ticket back after three, for a command."""
    job = queued(services, "long", steps=8)
    engine.at_pass = lambda samples: len(engine.passes) == 2 and command(services)
    runner.run(job.id, QUEUE)
    engine.at_pass = lambda samples: None
    assert states(services, job) == ["running"]
    assert len(engine.passes) == 3
    return job


def command(services) -> JobRecord:
    """Waits for the worker by name."""
    record = JobRecord(
        id=new_job_id(),
        kind="unload",
        model=MODEL,
        state=State.QUEUED,
        params={"model": MODEL},
        queue=own_queue_of("gpu0"),
    )
    return services.store.create(record)[0]


def carried_out(services, runner) -> None:
    """The command that waits for the worker."""
    [record] = [r for r in services.store.get_many(job_ids(services)) if r.kind == "unload"]
    runner.run(record.id, own_queue_of("gpu0"))
    assert services.store.get(record.id).state == State.SUCCEEDED


def job_ids(services) -> list[str]:
    return [each.decode() for each in services.store.redis.zrange(keys.ALL_JOBS, 0, -1)]


def test_a_run_goes_on_where_it_was_after_a_command(services, engine, runner, sent, between):
    carried_out(services, runner)
    runner.run(*sent[-1])

    assert states(services, between) == ["succeeded"]
    assert [step for each in engine.passes for _, step in each] == list(range(1, 9))
    assert services.store.get(between.id).attempt == 1


def test_a_process_that_ends_between_two_tickets_gives_its_jobs_back_and_another_goes_on(
    services, engine, runner, sent, between
):
    carried_out(services, runner)
    runner.leave()

    record = services.store.get(between.id)
    assert (record.state, record.history[0].reason) == (State.QUEUED, Reason.DRAINED)
    assert (between.id, QUEUE) in sent
    other = Runner(runtime_of(services, engine, sent))
    engine.passes.clear()
    other.run(between.id, QUEUE)
    done = services.store.get(between.id)
    assert (done.state, done.progress.resumed_at) == (State.SUCCEEDED, 3)
    assert [step for each in engine.passes for _, step in each] == [4, 5, 6, 7, 8]


def test_a_job_that_is_given_back_has_its_ticket_although_the_answers_were_lost(
    services, runner, sent, between, monkeypatch
):
    monkeypatch.setattr("shared.redis.client.FIRST_PAUSE_S", 0.0)
    lost = lose_answers(monkeypatch, is_moved, times=3)

    runner.leave()

    assert lost() == 3
    assert states(services, between) == ["queued"]
    assert (between.id, QUEUE) in sent


def test_a_job_that_was_only_drained_has_company_again(services, engine, runner, sent, between):
    carried_out(services, runner)
    runner.leave()
    fresh = queued(services, "fresh", steps=8)
    engine.passes.clear()

    runner.run(between.id, QUEUE)

    assert states(services, between, fresh) == ["succeeded"] * 2
    assert max(map(len, engine.passes)) == 2


def test_a_worker_that_is_paused_between_two_tickets_gives_its_jobs_back(services, runner, between):
    WorkerRegistry(services.store.redis).pause("gpu0")

    runner._vigil.look()

    assert states(services, between) == ["queued"]


def test_a_job_that_waits_between_two_tickets_gives_signs_of_life_and_says_that_it_is_paused(
    services, runner, between, monkeypatch
):
    monkeypatch.setattr(stepping_run, "SHORT_S", -1.0)
    before = services.store.get(between.id)

    runner._vigil.look()

    after = services.store.get(between.id)
    assert (after.progress.phase, after.progress.step) == ("paused", 3)
    assert after.beat_at_ms > before.beat_at_ms


def test_a_job_that_is_cancelled_between_two_tickets_leaves_at_once(services, runner, sent, between):
    services.store.move(between.id, lifecycle.cancel)

    runner._vigil.look()

    assert states(services, between) == ["cancelled"]
    with pytest.raises(NotOurs):
        runner.run(*sent[-1])


def test_a_deadline_that_passes_in_a_run_ends_its_own_job_alone(services, engine, runner):
    stays, goes = queued(services, "stays", steps=5), queued(services, "goes", steps=50)

    def late(samples):
        if len(engine.passes) == 2:
            services.store.redis.hset(keys.job(goes.id), "deadline_at_ms", services.store.now_ms() - 1)

    engine.at_pass = late
    runner.run(stays.id, QUEUE)

    assert states(services, stays, goes) == ["succeeded", "failed"]
    assert services.store.get(goes.id).error.code == "deadline_exceeded"
    assert services.store.get(stays.id).attempt == 1


def test_a_deadline_runs_while_a_job_is_paused(services, runner, between, monkeypatch):
    services.store.redis.hset(keys.job(between.id), "deadline_at_ms", services.store.now_ms() - 1)

    runner._vigil.look()

    assert services.store.get(between.id).error.code == "deadline_exceeded"


def test_a_ticket_that_nobody_brings_is_sent_again(services, runner, sent, between, monkeypatch):
    monkeypatch.setattr(vigil, "LOST_AFTER_S", -1.0)
    before = sent[-1]

    runner._vigil.look()
    runner._vigil.look()

    assert sent[-1] == before
    assert sent.count(before) == 2
    carried_out(services, runner)
    runner.run(*before)
    assert states(services, between) == ["succeeded"]


# -- whose turn it is --------------------------------------------------------------------------------------------------


def queued_elsewhere(services, params) -> JobRecord:
    """A job for another model of this worker."""
    other = JobRecord(
        id=new_job_id(),
        kind="generate",
        model="sdxl-starter",
        state=State.QUEUED,
        params=params,
        queue=queue_of("sdxl-starter", Priority.NORMAL),
    )
    return services.store.create(other)[0]


def test_whose_turn_it_was_before_a_ticket_came_is_nothing_to_its_run(services, engine, runner):
    first, second = queued(services, "first", steps=4), queued(services, "second")
    queued_elsewhere(services, first.params)
    WorkerRegistry(services.store.redis).tell_turn("gpu0", "sdxl-starter")

    runner.run(first.id, QUEUE)

    assert states(services, first, second) == ["succeeded"] * 2


def test_a_run_takes_nobody_more_once_it_is_another_models_turn_and_the_queue_is_told_to_be_served(
    services, engine, runner
):
    first = queued(services, "first", steps=4)
    later = []

    def turn(samples):
        if len(engine.passes) == 1:
            queued_elsewhere(services, first.params)
            WorkerRegistry(services.store.redis).tell_turn("gpu0", "sdxl-starter")
            later.append(queued(services, "later"))

    engine.at_pass = turn
    runner.run(first.id, QUEUE)

    assert states(services, first, *later) == ["succeeded", "queued"]


def test_to_all_workers_a_queue_that_a_run_takes_from_is_served(services, engine, runner):
    services.store.redis.delete(keys.TAKEN)
    first, second = queued(services, "first"), queued(services, "second")

    runner.run(first.id, QUEUE)

    assert states(services, first, second) == ["succeeded"] * 2
    assert services.store.redis.hget(keys.TAKEN, QUEUE).endswith(b" gpu0")


# -- seats -------------------------------------------------------------------------------------------------------------


def test_nobody_loses_its_seat_more_than_three_times(services, engine, sent):
    runner = warm(Runner(runtime_of(services, engine, sent, max_batch=1)), services, engine)
    patient = queued(services, "patient", steps=40)
    phases = []

    def press(samples):
        at = len(engine.passes)
        if at % 4 == 1 and at < 60:
            queued(services, f"urgent {at}", steps=2, priority=Priority.HIGH)
        phases.append(samples[0].work.params.prompt)

    engine.at_pass = press
    runner.run(patient.id, QUEUE)

    turns = [name for i, name in enumerate(phases) if i == 0 or phases[i - 1] != name]
    assert states(services, patient) == ["succeeded"]
    assert turns.count("patient") == 4
    assert services.store.counts()["queued"] == 0


def test_who_must_be_alone_waits_for_the_others_and_the_others_for_it(services, engine, runner):
    suspect = queued(services, "suspect", steps=3)
    services.store.move(suspect.id, lambda r, now: lifecycle.claim(r, now, worker="gone", gpu="G", token="t"))
    services.store.move(suspect.id, lambda r, now: lifecycle.lose(r, now, reason="died", token="t"))
    others = [queued(services, f"other {i}", steps=3) for i in range(3)]

    while services.store.counts()["queued"]:
        runner.run(suspect.id, QUEUE)

    assert states(services, suspect, *others) == ["succeeded"] * 4
    assert all(len(each) == 1 for each in engine.passes if "suspect" in dict(each))
    at = [i for i, each in enumerate(engine.passes) if "suspect" in dict(each)]
    assert at == list(range(at[0], at[0] + 3))


# -- checkpoints ---------------------------------------------------------------------------------------------------------


def drained(services, name: str) -> JobRecord:
    """A job of twenty steps of which a worker that had to stop took twelve; no other sees it before."""
    job = queued(services, name, steps=20, queue=own_queue_of("gone"))
    services.store.move(job.id, lambda r, now: lifecycle.claim(r, now, worker="gone", gpu="G", token="t"))
    Checkpoints(services.store.redis).put(job.id, "t", Kept({0: b"12"}))
    return services.store.move(
        job.id,
        lambda r, now: lifecycle.give_back(
            r, now, token="t", reason=Reason.DRAINED, queue=queue_of(MODEL, Priority.NORMAL)
        ),
    )


def test_a_checkpoint_that_redis_is_slow_to_give_holds_up_nobodys_step(services, engine, runner, monkeypatch):
    is_asked, may_go, were_let_go = threading.Event(), threading.Event(), []
    get = Checkpoints.get

    def slow(*args):
        is_asked.set()
        were_let_go.append(may_go.wait(10))
        return get(*args)

    def look(samples):
        if len(engine.passes) == 10:
            assert is_asked.wait(10)
        if len(engine.passes) == 20:
            may_go.set()

    monkeypatch.setattr(Checkpoints, "get", slow)
    at_work, resumed = queued(services, "at work", steps=40), drained(services, "resumed")
    engine.at_pass = look
    runner.run(at_work.id, QUEUE)

    assert were_let_go == [True]
    assert states(services, at_work, resumed) == ["succeeded"] * 2
    assert services.store.get(resumed.id).progress.resumed_at == 12


def test_who_has_nothing_to_fetch_does_not_wait_behind_a_slow_checkpoint(
    services, engine, sent, monkeypatch, looks_by_itself
):
    runner = warm(Runner(runtime_of(services, engine, sent, max_batch=8)), services, engine)
    may_go, later = threading.Event(), []
    get = Checkpoints.get
    monkeypatch.setattr(Checkpoints, "get", lambda *args: may_go.wait(30) and get(*args))

    def come(samples):
        if len(engine.passes) == 1:
            later.extend(drained(services, f"resumed {number}") for number in range(5))
            wait_for(lambda: running(services, *later))
            later.append(queued(services, "new"))
            await_on_their_way(runner, later[-1])
        if any(("new", 4) in each for each in engine.passes):
            may_go.set()

    engine.at_pass = come
    runner.run(queued(services, "at work", steps=20).id, QUEUE)

    assert states(services, *later) == ["succeeded"] * 6
    assert all(services.store.get(each.id).progress.resumed_at == 12 for each in later[:5])


def test_a_job_whose_checkpoint_redis_does_not_give_starts_from_zero(services, engine, runner, monkeypatch):
    def away(*args):
        raise RedisUnavailable("away")

    monkeypatch.setattr(Checkpoints, "get", away)
    job = drained(services, "long")

    with capture_logs() as logs:
        runner.run(job.id, QUEUE)

    assert states(services, job) == ["succeeded"]
    assert len(engine.passes) == 20
    assert [each["reason"] for each in logs if each["event"] == "checkpoint.not_used"] == ["away"]


def test_a_resumed_attempt_that_is_lost_before_its_first_checkpoint_starts_from_zero(services, engine, runner):
    job = queued(services, "long", steps=20)
    for resumed_at in (0, 12):
        claimed = services.store.move(job.id, lambda r, now: lifecycle.claim(r, now, worker="w", gpu="G", token="t"))
        if not resumed_at:
            Checkpoints(services.store.redis).put(job.id, "t", Kept({0: b"12"}))
        services.store.beat(job.id, claimed.token, Progress(resumed_at=resumed_at))
        services.store.move(job.id, lambda r, now: lifecycle.lose(r, now, reason="died", token="t"))

    runner.run(job.id, QUEUE)

    assert len(engine.passes) == 20
    assert [past.resumed_at_step for past in services.store.get(job.id).history] == [0, 12]


def test_a_redis_that_takes_no_checkpoint_costs_no_job(services, engine, sent, monkeypatch):
    runner = warm(Runner(runtime_of(services, engine, sent, checkpoint_steps=1)), services, engine)
    monkeypatch.setattr(keeping, "LEAST_S", 0.0)
    tried = []

    def full(*args, **kwargs):
        tried.append(1)
        raise RedisUnavailable("OOM command not allowed when used memory > 'maxmemory'")

    monkeypatch.setattr(Checkpoints, "put", full)
    job = queued(services, "long", steps=8)
    engine.at_pass = lambda samples: len(engine.passes) == 2 and wait_for(lambda: tried)

    runner.run(job.id, QUEUE)

    assert tried
    assert states(services, job) == ["succeeded"]


def test_a_redis_that_is_slow_has_one_checkpoint_in_hand_and_the_steps_go_on(services, engine, sent, monkeypatch):
    runner = warm(Runner(runtime_of(services, engine, sent, checkpoint_steps=1)), services, engine)
    monkeypatch.setattr(keeping, "LEAST_S", 0.0)
    is_over, tried = threading.Event(), []

    def slow(*args, **kwargs):
        tried.append(1)
        is_over.wait(30)

    monkeypatch.setattr(Checkpoints, "put", slow)
    job = queued(services, "long", steps=8)

    runner.run(job.id, QUEUE)
    is_over.set()

    assert states(services, job) == ["succeeded"]
    assert len(tried) == 1
