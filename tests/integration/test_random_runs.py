"""Random runs, by seed: whatever comes, is cancelled, breaks, is interrupted or runs out of memory, each job ends as it should.

Nobody is failed for another, no pass is over its seats or of two sizes, and whoever succeeds has all its pictures once.
"""

import random
from collections import defaultdict
from contextlib import suppress
from typing import Any

import pytest

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State
from shared.errors import DarkroomError, NotFinite, OutOfVram
from shared.jobs import lifecycle
from shared.jobs.routing import own_queue_of
from tests.integration.test_stepping_run import (
    ANSWER,
    PlayedEngine,
    _every_step_looks_and_tells,
    command,
    engine,
    queued,
    runtime_of,
    sent,
)
from workers.execution.claiming import NotOurs
from workers.execution.runner import Runner
from workers.execution.stepping import ahead, arrivals, keeping
from workers.execution.stepping import run as stepping_run

__all__ = ["_every_step_looks_and_tells", "engine", "sent"]

SEEDS = range(12)
MOST_JOBS = 14
MOST_TURNS = 400


class Play:
    """One seed's run, and what befalls it."""

    def __init__(self, services: Any, engine: PlayedEngine, sent: list[tuple[str, str]], draw: random.Random) -> None:
        self.services, self.sent, self.draw = services, sent, draw
        self.seats = draw.choice([1, 2, 4])
        #: Samples that memory allows in a pass.
        self.most = draw.choice([1, 2, 99])
        self.jobs: dict[str, JobRecord] = {}
        self.cancelled: set[str] = set()
        #: Whose passes break, and whose pictures are none.
        self.broken: set[str] = set()
        self.black: set[str] = set()
        self.commands: list[JobRecord] = []
        self.decoded: dict[str, set[int]] = defaultdict(set)
        engine.at_pass, engine.at_finish = self.at_pass, self.at_finish
        self.runtime = runtime_of(
            services,
            engine,
            sent,
            max_batch=self.seats,
            checkpoint_steps=draw.choice([0, 1, 3]),
            slower_in_company=draw.choice([2.5, 100.0]),
        )
        self.runner = Runner(self.runtime)

    def comes(self) -> None:
        name, draw = f"job {len(self.jobs)}", self.draw
        self.jobs[name] = queued(
            self.services,
            name,
            steps=draw.randint(1, 8),
            n=draw.choice([1, 1, 1, 2, 5]),
            side=draw.choice([64, 64, 64, 72]),
            priority=draw.choice([Priority.LOW, Priority.NORMAL, Priority.HIGH]),
        )
        ill = draw.random()
        if ill < 0.16:
            (self.broken if ill < 0.08 else self.black).add(name)

    def at_pass(self, samples: list[Any]) -> None:
        assert 1 <= len(samples) <= self.seats
        assert len({sample.key for sample in samples}) == 1
        assert len({id(sample) for sample in samples}) == len(samples)
        if len(self.jobs) < MOST_JOBS and self.draw.random() < 0.3:
            self.comes()
        if self.draw.random() < 0.05:
            self.cancel(self.draw.choice(list(self.jobs)))
        if len(self.commands) < 2 and self.draw.random() < 0.04:
            self.commands.append(command(self.services))
        if len(samples) > self.most:
            raise OutOfVram("no room")
        if self.broken & {sample.work.params.prompt for sample in samples}:
            is_last = samples[0].steps - samples[0].step <= 1
            if is_last or self.draw.random() < 0.5:
                raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    def at_finish(self, samples: list[Any]) -> None:
        [sample] = samples
        name = sample.work.params.prompt
        assert sample.is_done
        if name in self.black:
            raise NotFinite("the pixels are not finite")
        if name in self.broken:
            raise RuntimeError("no picture")
        self.decoded[name].add(sample.seed)

    def cancel(self, name: str) -> None:
        try:
            self.services.store.move(self.jobs[name].id, lifecycle.cancel)
        except DarkroomError:  # it has ended
            return
        self.cancelled.add(name)

    def turn(self) -> bool:
        """The next ticket is brought; False: all have ended."""
        records = [self.services.store.get(job.id) for job in [*self.commands, *self.jobs.values()]]
        if all(record.is_final for record in records):
            return False
        waiting = [record for record in records if record.state == State.QUEUED]
        commands = [record for record in waiting if record in records[: len(self.commands)]]
        if commands:
            ticket = (commands[0].id, own_queue_of("gpu0"))
        elif self.sent:
            ticket = self.sent.pop(0)
        else:
            assert waiting, "somebody is held, and no ticket is on its way"
            ticket = (waiting[0].id, waiting[0].queue)
        with suppress(NotOurs):
            self.runner.run(*ticket)
        if self.draw.random() < 0.1:  # the process ends between two tickets
            self.runner.leave()
            self.runner = Runner(self.runtime)
        return True


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_each_job_ends_as_it_should(services, engine, sent, seed, monkeypatch):
    draw = random.Random(seed)
    monkeypatch.setattr(keeping, "LEAST_S", 0.0)
    monkeypatch.setattr(stepping_run, "TICKET_S", draw.choice([60.0, 60.0, 0.02]))
    if draw.random() < 0.5:  # as it looks by itself
        monkeypatch.setattr(ahead.Ahead, "answer", ANSWER)
        monkeypatch.setattr(arrivals, "LOOK_EVERY_S", 0.001)
    play = Play(services, engine, sent, draw)
    for _ in range(draw.randint(2, 5)):
        play.comes()

    turns = sum(1 for _ in zip(range(MOST_TURNS), iter(play.turn, False), strict=False))
    play.runner._behind.wait()

    assert turns < MOST_TURNS
    for name, job in play.jobs.items():
        record = services.store.get(job.id)
        ends = {"failed"} if name in play.broken | play.black else {"succeeded"}
        assert record.state.value in ends | ({"cancelled"} if name in play.cancelled else set()), (name, record.error)
        if record.state == State.SUCCEEDED:
            seeds = list(range(1, 1 + record.params["n"]))
            assert [image["seed"] for image in record.result["images"]] == seeds
            assert play.decoded[name] == set(seeds)
