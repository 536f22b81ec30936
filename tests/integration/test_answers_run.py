"""A run of answers over the real store, with a real Moondream of toy size: jobs join between two words, end when they end."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
import torch
from PIL import Image

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.contracts.vision import AnalysisParams, CaptionTask, DetectTask, QueryTask, RatingTask
from shared.errors import OutOfVram
from shared.jobs import lifecycle
from shared.jobs.routing import analysis_batch_key_of, own_queue_of, queue_of
from shared.jobs.token_stream import TokenStream
from tests import talker
from tests.integration.jobs import claim, lose_answers, made
from tests.integration.test_stepping_run import NoPeaks, Sends
from tests.rig import wait_for
from workers import assembly
from workers.devices.slot import Slot
from workers.engines.base import LoadPlan
from workers.engines.moondream import engine as moondream
from workers.execution import progress, token_writer
from workers.execution.runner import Runner
from workers.execution.runtime import Runtime
from workers.execution.stepping import ahead, arrivals
from workers.execution.stepping import run as stepping_run
from workers.execution.threads import Threads
from workers.memory.residency import Residency

MODEL = "moondream-toy"
RATER = "opennsfw"
QUEUE = queue_of(MODEL, Priority.NORMAL)


@pytest.fixture(autouse=True)
def _every_turn_looks_and_tells(monkeypatch):
    """A toy's turns take no time: what is done now and then is done at each."""
    monkeypatch.setattr(arrivals, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(ahead, "PATIENCE_S", 30.0)
    monkeypatch.setattr(progress, "BEAT_EVERY_S", 0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("talker")
    talker.build(path)
    return path


class Listening(moondream.MoondreamEngine):
    """The engine itself; `turns` has who took part in each, `at_turn` is told of it beforehand."""

    def listen(self) -> "Listening":
        self.turns: list[list[tuple[str, int]]] = []
        self.at_turn: Any = lambda samples: None
        return self

    def step(self, samples):
        self.at_turn(samples)
        super().step(samples)
        self.turns.append([(name_of(each), each.strand.turns) for each in samples])

    def analyze(self, works, watch, at_once):
        self.turns.append([("end to end", len(works))])
        return super().analyze(works, watch, at_once)


def name_of(sample) -> str:
    return sample.task.question if isinstance(sample.task, QueryTask) else sample.task.task


@pytest.fixture
def engine(services, folder) -> Listening:
    loaded = moondream.load(services.catalogue.get(MODEL), folder, LoadPlan(prefix_cache_mib=64))
    loaded.__class__ = Listening
    return loaded.listen()


@pytest.fixture
def sent() -> list[tuple[str, str]]:
    return []


def runner_of(services, engine, sent, **settings) -> Runner:
    ours = services.settings.model_copy(
        update={"max_analysis_batch": 4, "slower_in_company": 100.0, "continuous_batching": True} | settings
    )
    slot = Slot(
        name="gpu0", gpu="GPU-0", device="cpu", total_mib=8000, budget_mib=8000, models=(MODEL, RATER), threads=1
    )
    runtime = Runtime(
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
    return Runner(runtime)


@pytest.fixture
def runner(services, engine, sent) -> Runner:
    """It knows what a turn takes alone: before, a turn has no company."""
    runner = runner_of(services, engine, sent)
    runner.run(queued(services, ask("warm", 5)).id, QUEUE)
    engine.turns.clear()
    return runner


def ask(question: str, words: int, **more) -> QueryTask:
    return QueryTask(
        task="query",
        question=question,
        max_tokens=words,
        **{"temperature": 1.5, "top_p": 1.0, "seed": 3, "engine": MODEL} | more,
    )


def picture(services, shade: int = 60) -> str:
    data = BytesIO()
    Image.new("RGB", (90, 60), (shade, 120, 30)).save(data, "PNG")
    return services.artifacts.put(data.getvalue())


def queued(services, *tasks, priority=Priority.NORMAL, image="", stream=False, queue="", **fields) -> JobRecord:
    params = AnalysisParams(tasks=list(tasks), image=image or picture(services), stream=stream)
    record = JobRecord(
        id=new_job_id(),
        kind="analyze",
        model=MODEL,
        state=State.QUEUED,
        caller="ann",
        priority=priority,
        params=params.model_dump(),
        queue=queue or queue_of(MODEL, priority),
        batch_key=analysis_batch_key_of(MODEL, tasks),
        **fields,
    )
    return services.store.create(record)[0]


def states(services, *records) -> list[str]:
    return [services.store.get(record.id).state.value for record in records]


def answers(services, record) -> list[dict]:
    """Without what differs from run to run."""
    found = services.store.get(record.id).result["answers"]
    return [{name: value for name, value in each.items() if name != "took_ms"} for each in found]


def test_short_answers_end_while_long_ones_go_on_and_others_take_their_seats(services, engine, runner):
    long = queued(services, ask("long", 60))
    short = [queued(services, ask(f"short {n}", 5 + n)) for n in range(6)]
    ended: list[list[str]] = []
    engine.at_turn = lambda samples: ended.append(states(services, *short))

    runner.run(long.id, QUEUE)

    assert states(services, long, *short) == ["succeeded"] * 7
    assert max(map(len, engine.turns)) == 4
    assert len(engine.turns) <= 62  # nobody waited for anybody
    assert any(each.count("succeeded") == 6 for each in ended[:50])


def test_in_a_run_every_answer_is_the_one_it_is_from_end_to_end(services, engine, sent, runner):
    seen = [picture(services, shade) for shade in (10, 90, 170)]
    tasks = [
        [ask("why?", 9)],
        [CaptionTask(task="caption", engine=MODEL, max_tokens=21, temperature=0.0), ask("who?", 3)],
        [DetectTask(task="detect", object="cat", max_objects=2, engine=MODEL)],
        [ask("x" * 3000, 5), ask("where?", 7, temperature=0.0)],
        [ask("what colour is the sea?", 30, seed=9), RatingTask(task="rating", engine=MODEL)],
    ]
    together = [queued(services, *each, image=seen[n % 3]) for n, each in enumerate(tasks)]
    while services.store.counts()["queued"]:
        runner.run(together[0].id, QUEUE)
    engine.prefixes.clear()

    alone = [queued(services, *each, image=seen[n % 3]) for n, each in enumerate(tasks)]
    solo = runner_of(services, engine, sent, continuous_batching=False, max_analysis_batch=1)
    for record in alone:
        solo.run(record.id, QUEUE)

    assert engine.turns[-1] == [("end to end", 1)]
    assert states(services, *together) == states(services, *alone)
    for one, other in zip(together, alone, strict=True):
        assert answers(services, one) == answers(services, other)
        assert services.store.get(one.id).result["usage"] == services.store.get(other.id).result["usage"]


def test_a_picture_is_encoded_once_for_all_its_tasks(services, engine, runner):
    image = picture(services, 200)
    first = queued(services, ask("a", 5), ask("b", 5), image=image)

    runner.run(first.id, QUEUE)
    second = queued(services, ask("c", 5), image=image)
    runner.run(second.id, QUEUE)

    passes = [services.store.get(record.id).result["vision_passes"] for record in (first, second)]
    assert passes == [1, 0]


def test_streamed_words_join_to_the_answer(services, engine, runner):
    job, silent = queued(services, ask("tell", 40), stream=True), queued(services, ask("tell", 40))

    runner.run(job.id, QUEUE)

    words, _ = TokenStream(services.store.redis).read(job.id)
    said = "".join(each.text for each in words)
    assert said.strip() == answers(services, job)[0]["answer"]["text"]
    assert len(words) > 1
    assert not TokenStream(services.store.redis).read(silent.id)[0]


@pytest.mark.parametrize("times", [1, 2])
def test_words_stand_there_once_although_the_answers_were_lost(services, times, monkeypatch):
    job = claim(services.store, made(services.store).id)
    monkeypatch.setattr(token_writer, "PAUSE_AFTER_OUTAGE_S", 0.0)
    sayings = token_writer.Sayings(services.store.redis, [job])
    tell = sayings.teller(job, [0])
    lost = lose_answers(monkeypatch, lambda answer: answer == 1, times)

    with sayings:
        for word in ("one ", "two ", "three "):
            tell(0, word, False)
            sayings.say_all()

    assert lost() == times
    words, _ = TokenStream(services.store.redis).read(job.id)
    assert [each.text for each in words] == ["one ", "two ", "three "]


def test_a_cancelled_job_leaves_and_the_other_goes_on(services, engine, runner):
    stays, goes = queued(services, ask("stays", 12)), queued(services, ask("goes", 700))

    def cancel(samples):
        if len(engine.turns) == 4:
            services.store.move(goes.id, lifecycle.cancel)

    engine.at_turn = cancel
    runner.run(stays.id, QUEUE)

    assert states(services, stays, goes) == ["succeeded", "cancelled"]
    assert len(engine.turns) < 40
    assert engine._talking._seating.nbytes == 0


def test_an_urgent_question_takes_a_seat_within_a_turn_and_who_gave_it_says_the_same(services, engine, sent, runner):
    tight = runner_of(services, engine, sent, max_analysis_batch=2)
    tight.run(queued(services, ask("warm", 5)).id, QUEUE)
    engine.turns.clear()
    slow = [queued(services, ask(name, 40)) for name in ("first", "second")]
    urgent = []

    def send(samples):
        if len(engine.turns) == 9:
            urgent.append(queued(services, ask("urgent", 6), priority=Priority.HIGH))
            wait_for(lambda: states(services, *urgent) == ["running"])

    engine.at_turn = send
    tight.run(slow[0].id, QUEUE)

    at = next(n for n, each in enumerate(engine.turns) if any(name == "urgent" for name, _ in each))
    assert at <= 11
    assert states(services, *slow, *urgent) == ["succeeded"] * 3
    assert all(len(each) <= 2 for each in engine.turns)
    alone = queued(services, ask("second", 40))
    runner.run(alone.id, QUEUE)
    assert answers(services, alone) == answers(services, slow[1])


def test_a_run_gives_its_ticket_back_in_the_middle_of_a_word_and_goes_on(services, engine, runner, sent, monkeypatch):
    monkeypatch.setattr(stepping_run, "TICKET_S", 0.0)
    job = queued(services, ask("long", 20))

    runner.run(job.id, QUEUE)
    assert states(services, job) == ["running"]
    assert engine._talking._seating.nbytes == 0
    monkeypatch.setattr(stepping_run, "TICKET_S", 60.0)
    runner.run(*sent[-1])

    assert states(services, job) == ["succeeded"]
    assert len(engine.turns) == 20


def test_answers_that_do_not_fit_together_are_made_by_fewer_and_nothing_is_said_twice(services, engine, runner):
    jobs = [queued(services, ask(f"job {n}", 8), stream=True) for n in range(3)]
    step = moondream.Talking.step

    def full(self, asked):
        if len(asked) > 1 and len(engine.turns) > 3:
            raise OutOfVram("no room")
        step(self, asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moondream.Talking, "step", full)
        runner.run(jobs[0].id, QUEUE)

    assert states(services, *jobs) == ["succeeded"] * 3
    assert "batch_split" in services.store.get(jobs[0].id).degradations
    for job in jobs:
        words, _ = TokenStream(services.store.redis).read(job.id)
        assert "".join(each.text for each in words).strip() == answers(services, job)[0]["answer"]["text"]


def test_a_job_of_several_engines_goes_from_end_to_end_and_no_run_takes_it(services, engine, runner):
    mixed = queued(services, ask("mine", 4), RatingTask(task="rating", engine=RATER))
    mine = queued(services, ask("long", 30))

    while services.store.counts()["queued"]:
        runner.run(mine.id, QUEUE)

    assert states(services, mixed, mine) == ["succeeded", "succeeded"]
    assert [("end to end", 1)] in engine.turns
    assert any(name == "long" for each in engine.turns for name, _ in each)


def test_a_job_whose_picture_cannot_be_read_fails_alone(services, engine, runner):
    bad = queued(services, ask("what?", 5), image=services.artifacts.put(b"no picture"))
    good = queued(services, ask("what?", 5))

    runner.run(bad.id, QUEUE)

    assert states(services, bad, good) == ["failed", "succeeded"]
    assert services.store.get(bad.id).error.code != "engine_failed"


def test_seats_are_as_many_as_memory_has_room_for(services, engine, sent, monkeypatch):
    runner = runner_of(services, engine, sent)
    need = runner._runtime.plans.need

    def tight(card, shape):
        asked = need(card, shape)
        return replace(asked, working_mib=asked.working_mib if shape.batch <= 2 else 9000)

    monkeypatch.setattr(runner._runtime.plans, "need", tight)
    runner.run(queued(services, ask("warm", 5)).id, QUEUE)
    engine.turns.clear()
    jobs = [queued(services, ask(f"job {n}", 9)) for n in range(4)]
    seated: list[int] = []
    company = runner._runs[MODEL]._company
    engine.at_turn = lambda samples: seated.append(company.standing.seated)

    runner.run(jobs[0].id, QUEUE)

    assert states(services, *jobs) == ["succeeded"] * 4
    assert max(map(len, engine.turns)) == 2
    assert max(seated) == 2  # with those who are on their way


def test_who_comes_after_a_run_of_one_has_begun_shares_its_passes(services, engine, runner):
    first = queued(services, ask("first", 30))
    later = []

    def send(samples):
        if len(engine.turns) == 5:
            later.append(queued(services, ask("later", 10)))

    engine.at_turn = send
    runner.run(first.id, QUEUE)

    assert states(services, first, *later) == ["succeeded"] * 2
    assert max(map(len, engine.turns)) == 2


def test_steps_of_a_chain_that_know_their_picture_join_too(services, engine, runner):
    first = queued(services, ask("first", 30))
    later = []

    def send(samples):
        if len(engine.turns) == 5:
            own = own_queue_of("gpu0", Priority.NORMAL)
            later.append(queued(services, ask("of its own", 10), queue=own))

    engine.at_turn = send
    runner.run(first.id, QUEUE)

    assert states(services, first, *later) == ["succeeded"] * 2
    assert max(map(len, engine.turns)) == 2
