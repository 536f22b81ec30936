"""Words are said in their order and once, by whichever thread, and what waits to be said is joined."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State
from shared.errors import RedisUnavailable
from workers.execution.token_writer import Sayings

JOB = JobRecord(
    id="job_1", kind="analyze", model="m", state=State.RUNNING, caller="ann", priority=Priority.NORMAL,
    params={}, queue="q", batch_key="b", token="mine", attempt=1,
)  # fmt: skip


class Stream:
    """A Redis that takes words; `at_say` is told before it does."""

    def __init__(self) -> None:
        self.entries: list[list[list[Any]]] = []
        self.at_say: Callable[[], None] = lambda: None

    def register_script(self, lua: str) -> Callable[..., int]:
        return self.say

    def say(self, keys: list[str], args: list[Any]) -> int:
        self.at_say()
        self.entries.append(json.loads(args[3]))
        return 1

    @property
    def text(self) -> str:
        return "".join(text for entry in self.entries for _, text, _ in entry)


@pytest.fixture
def stream() -> Stream:
    return Stream()


def sayings_of(stream: Stream, **how: Any) -> Sayings:
    return Sayings(stream, [JOB], clock_s=lambda: 1000.0, **how)


def test_whoever_has_words_said_beside_does_not_say_them(stream):
    due: list[Callable[[], None]] = []
    sayings = sayings_of(stream, beside=due.append)
    sayings.teller(JOB, [0])(0, "one", False)

    sayings.flush()
    assert stream.text == ""
    due[0]()

    assert stream.text == "one"


def test_what_is_left_at_the_end_is_said_behind_what_is_on_its_way(stream):
    sayings, is_on_its_way, may_go = sayings_of(stream), threading.Event(), threading.Event()
    tell = sayings.teller(JOB, [0])

    def slow() -> None:
        is_on_its_way.set()
        assert may_go.wait(30)

    stream.at_say = slow
    tell(0, "one ", False)
    first = threading.Thread(target=sayings.say_all)
    first.start()
    assert is_on_its_way.wait(30)
    tell(0, "two", False)
    last = threading.Thread(target=sayings.say_all)
    last.start()
    may_go.set()
    first.join(30)
    last.join(30)

    assert stream.entries == [[[0, "one ", 0]], [[0, "two", 0]]]


def test_words_that_were_not_taken_are_said_before_those_that_came_meanwhile(stream):
    sayings = sayings_of(stream)
    tell = sayings.teller(JOB, [0])

    def away() -> None:
        tell(0, "two", False)
        stream.at_say = lambda: None
        raise RedisUnavailable("away")

    stream.at_say = away
    tell(0, "one ", False)
    sayings.say_all()
    assert stream.text == ""
    sayings.say_all()
    sayings.say_all()

    assert stream.text == "one two"


def test_what_waits_is_joined_task_by_task(stream):
    sayings = sayings_of(stream)
    tell = sayings.teller(JOB, [0, 1])
    for number in range(100):
        tell(0, f"{number} ", number < 50)
        tell(1, f"{number} ", False)

    assert len(sayings._waiting[JOB.id]) == 3
    sayings.say_all()

    thoughts, answer = ("".join(f"{n} " for n in those) for those in (range(50), range(50, 100)))
    assert stream.entries == [[[0, thoughts, 1], [1, thoughts + answer, 0], [0, answer, 0]]]
