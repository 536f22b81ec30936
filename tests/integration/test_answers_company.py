"""Answers in whatever company: greedy words are those of an answer made alone, whoever comes, goes or runs out of memory when."""

import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State
from shared.contracts.vision import AnyTask, CaptionTask, DetectTask, QueryTask
from shared.errors import NotFinite, OutOfVram
from shared.jobs import lifecycle
from shared.jobs.token_stream import TokenStream
from shared.queue.broker import RUN_TICKET
from tests.integration.test_answers_run import (
    MODEL,
    RATER,
    Listening,
    _every_turn_looks_and_tells,
    answers,
    folder,
    picture,
    queued,
    states,
)
from tests.integration.test_stepping_run import NoPeaks, Sends
from workers import assembly
from workers.devices.slot import Slot
from workers.engines.base import LoadPlan
from workers.engines.moondream import engine as moondream
from workers.engines.moondream import seating
from workers.execution.runner import NotOurs, Runner
from workers.execution.runtime import Runtime
from workers.execution.stepping import run as stepping_run
from workers.execution.threads import Threads
from workers.memory.residency import Residency

__all__ = ["_every_turn_looks_and_tells", "folder"]

SHADES = (20, 180)
SEEDS = range(5)


def greedy(question: str, words: int) -> QueryTask:
    return QueryTask(task="query", question=question, max_tokens=words, temperature=0.0, engine=MODEL)


#: What is asked in these tests: short and long, with words and with places.
POOL: tuple[tuple[AnyTask, ...], ...] = (
    (greedy("why?", 3),),
    (greedy("who is there?", 40),),
    (greedy("what colour is the sky above the harbour? " * 8, 12),),
    (CaptionTask(task="caption", engine=MODEL, max_tokens=25, temperature=0.0), greedy("and who?", 6)),
    (DetectTask(task="detect", object="cat", max_objects=3, engine=MODEL),),
)


@dataclass
class Talk:
    """A worker whose engine is a real one of toy size, loaded anew each time; `engine` is the last that was."""

    services: Any
    folder: Any
    settings: dict[str, Any]
    #: Of the slot: a card whose half precision is fp16.
    device: dict[str, Any] = field(default_factory=dict)
    sent: list[tuple[str, str]] = field(default_factory=list)
    engines: list[Listening] = field(default_factory=list)
    at_turn: Any = lambda samples: None

    def __post_init__(self) -> None:
        ours = self.services.settings.model_copy(
            update={"max_analysis_batch": 4, "slower_in_company": 100.0, "continuous_batching": True} | self.settings
        )
        slot = Slot(
            name="gpu0", gpu="GPU-0", total_mib=8000, budget_mib=8000, models=(MODEL, RATER), threads=1,
            **{"device": "cpu"} | self.device,
        )  # fmt: skip
        self.runtime = Runtime(
            settings=ours,
            slot=slot,
            store=self.services.store,
            artifacts=self.services.artifacts,
            catalogue=self.services.catalogue,
            dispatcher=Sends(self.services.dispatcher, self.sent),
            residency=Residency(self.load, 8000),
            plans=assembly.plans_of(ours, slot, self.services.catalogue, NoPeaks()),
            threads=Threads((1,), None, None),
        )
        self.runner = Runner(self.runtime)

    @property
    def engine(self) -> Listening:
        return self.engines[-1]

    def load(self, card):
        """In fp32 on the CPU, whatever its plan says."""
        engine = moondream.load(card, self.folder, LoadPlan(prefix_cache_mib=64))
        engine.__class__ = Listening
        engine.listen().at_turn = lambda samples: self.at_turn(samples)
        self.engines.append(engine)
        return engine

    def until_all_is_done(self) -> None:
        """Messages come as they were sent, runs' tickets first, until nobody waits and nobody is under way."""
        while True:
            tickets = [each for each in self.sent if each[0].startswith(RUN_TICKET)]
            waiting = [r for r in self.services.store.get_many(ids(self.services)) if r.state == State.QUEUED]
            if not tickets and not waiting:
                return
            self.sent.clear()
            job_id, queue = tickets[0] if tickets else (waiting[0].id, waiting[0].queue)
            with suppress(NotOurs):
                self.runner.run(job_id, queue)


def ids(services) -> list[str]:
    return [each.decode() for each in services.store.redis.zrange("darkroom:jobs", 0, -1)]


def said(services, record: JobRecord) -> str:
    words, _ = TokenStream(services.store.redis).read(record.id)
    return "".join(each.text for each in words)


@pytest.fixture(scope="module")
def known() -> list[list[list[dict]]]:
    """What `alone` found, for the tests that come after."""
    return []


@pytest.fixture
def alone(services, folder, known) -> list[list[list[dict]]]:
    """The answers to the pool about each picture, each made by itself, from end to end."""
    if not known:
        solo = Talk(services, folder, {"continuous_batching": False, "max_analysis_batch": 1})
        asked = [[queued(services, *tasks, image=picture(services, shade)) for tasks in POOL] for shade in SHADES]
        solo.until_all_is_done()
        assert all(each == [("end to end", 1)] for each in solo.engine.turns)
        known += [[answers(services, record) for record in row] for row in asked]
        services.store.redis.flushall()
    return known


@dataclass
class World:
    """Jobs that come and are called off at random turns, memory that is short now and then, tickets that end."""

    talk: Talk
    chance: random.Random
    made: list[tuple[JobRecord, int, int]] = field(default_factory=list)
    called_off: set[str] = field(default_factory=set)
    left: int = 8
    turns: int = 0

    def come(self) -> None:
        self.left -= 1
        shade, number = self.chance.randrange(len(SHADES)), self.chance.randrange(len(POOL))
        priority = self.chance.choice([Priority.LOW, Priority.NORMAL, Priority.NORMAL, Priority.HIGH])
        services = self.talk.services
        image = picture(services, SHADES[shade])
        record = queued(services, *POOL[number], image=image, priority=priority, stream=self.chance.random() < 0.5)
        self.made.append((record, shade, number))

    def turn(self, samples) -> None:
        self.turns += 1
        if self.left and self.chance.random() < 0.2:
            self.come()
        if self.chance.random() < 0.03:
            record = self.chance.choice(self.made)[0]
            moved = self.talk.services.store.move(record.id, lifecycle.cancel)
            if moved.state != State.SUCCEEDED:
                self.called_off.add(record.id)
        stepping_run.TICKET_S = self.chance.choice([60.0, 60.0, 0.02])

    def refusing(self, does, share: float, when=lambda *args: True):
        def maybe(*args, **kwargs):
            if when(*args) and self.chance.random() < share:
                raise OutOfVram("no room, as ordered")
            return does(*args, **kwargs)

        return maybe


@pytest.mark.parametrize("seed", SEEDS)
def test_under_random_joins_leaves_and_want_of_memory_greedy_words_are_those_of_an_answer_alone(
    services, folder, alone, monkeypatch, seed
):
    chance = random.Random(seed)
    talk = Talk(
        services, folder, {"max_analysis_batch": chance.randint(1, 5), "max_wait_s": chance.choice([0.01, 3.0])}
    )
    world = World(talk, chance)
    talk.at_turn = world.turn
    monkeypatch.setattr(stepping_run, "TICKET_S", 60.0)
    refused = world.refusing(moondream.Talking.step, 0.08, when=lambda talking, asked: len(asked) > 1)
    monkeypatch.setattr(moondream.Talking, "step", refused)
    monkeypatch.setattr(moondream.Talking, "begin", world.refusing(moondream.Talking.begin, 0.15))
    monkeypatch.setattr(seating.KVCache, "add_rows", world.refusing(seating.KVCache.add_rows, 0.05))

    while world.left:
        world.come()
        talk.until_all_is_done()

    for record, shade, number in world.made:
        ended = services.store.get(record.id)
        if record.id in world.called_off:
            assert ended.state in (State.CANCELLED, State.SUCCEEDED)
        else:
            assert ended.state == State.SUCCEEDED, ended.error
        if ended.state == State.SUCCEEDED:
            assert answers(services, record) == alone[shade][number]
            texts = [row["answer"].get("text", "") for row in answers(services, record)]
            if record.params["stream"] and len(texts) == 1:
                assert said(services, record).strip() == texts[0]
    assert talk.engine._talking._seating.nbytes == 0
    assert services.store.counts()["running"] == 0


def test_one_of_several_is_called_off_and_the_others_say_what_they_would_have_said(services, folder, alone):
    talk = Talk(services, folder, {})
    jobs = [queued(services, *POOL[number], image=picture(services, SHADES[0]), stream=True) for number in (1, 2, 3)]
    gone = queued(services, greedy("goes on and on", 900), stream=True)
    at_seat: list[int] = []

    def look(samples):
        at_seat.append(len(samples))
        if len(samples) == 4 and len(at_seat) > 5:
            services.store.move(gone.id, lifecycle.cancel)

    talk.at_turn = look
    talk.runner.run(jobs[0].id, jobs[0].queue)
    talk.until_all_is_done()

    assert states(services, *jobs, gone) == ["succeeded"] * 3 + ["cancelled"]
    assert max(at_seat) == 4
    assert len(at_seat) < 100
    assert [answers(services, job) for job in jobs] == [alone[0][number] for number in (1, 2, 3)]
    assert talk.engine._talking._seating.nbytes == 0


def test_an_urgent_question_on_a_full_card_is_answered_first_and_nobody_loses_a_word(services, folder, alone):
    talk = Talk(services, folder, {"max_analysis_batch": 3})
    slow = [queued(services, *POOL[1], image=picture(services, SHADES[n % 2]), stream=True) for n in range(3)]
    urgent: list[JobRecord] = []
    phases: set[str] = set()

    def press(samples):
        phases.update(services.store.get(job.id).progress.phase for job in slow)
        if len(samples) == 3 and samples[0].strand.turns == 9:
            image = picture(services, SHADES[0])
            urgent.extend(queued(services, *POOL[n], image=image, priority=Priority.HIGH) for n in (0, 3))

    talk.at_turn = press
    talk.runner.run(slow[0].id, slow[0].queue)
    talk.until_all_is_done()

    ended = [services.store.get(job.id).ended_at_ms for job in (*urgent, *slow)]
    assert max(ended[:2]) <= min(ended[2:])
    assert "paused" in phases
    assert [answers(services, job) for job in urgent] == [alone[0][0], alone[0][3]]
    assert [answers(services, job) for job in slow] == [alone[n % 2][1] for n in range(3)]
    assert [said(services, job).strip() for job in slow] == [
        answers(services, job)[0]["answer"]["text"] for job in slow
    ]
    assert {services.store.get(job.id).attempt for job in slow} == {1}


def test_a_picture_that_does_not_fit_beside_those_who_talk_is_looked_at_once_they_rest(
    services, folder, alone, monkeypatch
):
    talk = Talk(services, folder, {})
    first, short = (queued(services, *POOL[n], image=picture(services, SHADES[0])) for n in (1, 0))
    later: list[JobRecord] = []
    encode, refused = moondream.Moondream.encode, []

    def full(model, pictures, *more):
        if talk.engine._talking._seating.nbytes:
            refused.append(len(pictures))
            raise OutOfVram("no room beside the keys and values")
        return encode(model, pictures, *more)

    def send(samples):
        if samples[0].strand.turns == 5 and not later:
            later.append(queued(services, *POOL[3], image=picture(services, SHADES[1])))

    talk.at_turn = send
    monkeypatch.setattr(moondream.Moondream, "encode", full)
    talk.runner.run(first.id, first.queue)
    talk.until_all_is_done()

    assert refused
    jobs = (first, short, *later)
    assert [answers(services, job) for job in jobs] == [alone[0][1], alone[0][0], alone[1][3]]
    assert [services.store.get(job.id).attempt for job in jobs] == [1, 1, 1]


def test_want_of_memory_down_to_one_strand_puts_the_model_smaller_and_loses_nobody(services, folder):
    talk = Talk(services, folder, {})
    jobs = [queued(services, *POOL[n], image=picture(services, SHADES[0])) for n in (1, 2, 4)]
    step = moondream.Talking.step

    def full(talking, asked):
        if len(talk.engines) == 1 and talk.engine.turns and len(talk.engine.turns) > 6:
            raise OutOfVram("not even one")
        step(talking, asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moondream.Talking, "step", full)
        talk.runner.run(jobs[0].id, jobs[0].queue)
        talk.until_all_is_done()

    assert states(services, *jobs) == ["succeeded"] * 3
    assert len(talk.engines) == 2
    assert {services.store.get(job.id).attempt for job in jobs} == {1}
    assert all("precision_nf4" in services.store.get(job.id).degradations for job in jobs)


def test_strands_that_overflow_in_fp16_begin_again_in_fp32_and_nothing_is_said_twice(services, folder, alone):
    talk = Talk(services, folder, {}, device={"device": "cuda:0", "has_bf16": False})
    jobs = [queued(services, *POOL[n], image=picture(services, SHADES[0]), stream=True) for n in (1, 2, 4)]
    step = moondream.Talking.step

    def overflow(talking, asked):
        step(talking, asked)
        if len(talk.engines) == 1 and len(talk.engine.turns) > 6 and len(asked) == 2:
            raise NotFinite("the model's words or places are not finite in float16")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moondream.Talking, "step", overflow)
        talk.runner.run(jobs[0].id, jobs[0].queue)
        talk.until_all_is_done()

    assert states(services, *jobs) == ["succeeded"] * 3
    assert len(talk.engines) == 2
    assert [answers(services, job) for job in jobs] == [alone[0][n] for n in (1, 2, 4)]
    found, had_ended = jobs[:2], jobs[2]
    assert [services.store.get(job.id).degradations for job in found] == [("upcast",)] * 2
    assert services.store.get(had_ended.id).degradations == ()
    for job in found:
        assert said(services, job).strip() == answers(services, job)[0]["answer"]["text"]
