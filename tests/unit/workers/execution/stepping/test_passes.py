"""Who takes a pass, where the members of a run and not only its policy decide."""

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest

from shared.contracts.base import Priority
from workers.execution.stepping.members import MOST_PREEMPTED, Member
from workers.execution.stepping.passes import Passes
from workers.execution.stepping.room import PassRoom
from workers.execution.stepping.seats import Room
from workers.memory.shapes import Shape

NOW_S, MAX_WAIT_S = 1000.0, 30.0


class Asked(PassRoom):
    """A room that has it all, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Shape, bool]] = []

    def of(self, sample: Any, shape: Shape, rows: Collection[int]) -> Room:
        self.asked.append((shape, bool(rows)))
        return Room(9)


def member(
    order: int, priority: Priority, *, is_guided: bool = True, waited_s: float = 0.1, preempted: int = 0
) -> Member:
    sample = SimpleNamespace(key="64", rows=2 if is_guided else 1, is_done=False, step=0, steps=20)
    claim: Any = SimpleNamespace(record=SimpleNamespace(priority=priority, history=()))
    shape, nothing = Shape(64, 64, 1, is_guided), SimpleNamespace()
    found = Member(claim, order, shape, nothing, nothing, nothing, nothing, samples=[sample], is_begun=True)  # type: ignore[arg-type]
    found.preempted, found.last_step_s = preempted, NOW_S - waited_s
    return found


@pytest.fixture
def passes() -> Passes:
    passes = Passes.__new__(Passes)
    passes.room, passes._clock, passes._previous_key = Asked(), lambda: NOW_S, "64"
    passes._overtaken = 0
    passes._runtime = SimpleNamespace(settings=SimpleNamespace(max_wait_s=MAX_WAIT_S))  # type: ignore[assignment]
    return passes


def asked(passes: Passes, *members: Member) -> tuple[Shape, bool]:
    passes._company = SimpleNamespace(members=list(members))  # type: ignore[assignment]
    passes.choose()
    return passes.room.asked[0]


@pytest.mark.parametrize(
    "leader",
    [
        member(0, Priority.LOW, preempted=MOST_PREEMPTED),
        member(0, Priority.LOW, waited_s=5 * MAX_WAIT_S),
    ],
)
def test_a_pass_stays_quick_for_whoever_is_in_it_and_not_only_for_its_leader(passes, leader):
    _, stays_quick = asked(passes, leader, member(1, Priority.NORMAL))

    assert stays_quick


def test_a_pass_of_nobody_in_a_hurry_may_take_long(passes):
    _, stays_quick = asked(passes, member(0, Priority.LOW), member(1, Priority.LOW))

    assert not stays_quick


def test_room_is_asked_for_those_who_take_the_most_of_it(passes):
    shape, _ = asked(passes, member(0, Priority.NORMAL, is_guided=False), member(1, Priority.NORMAL))

    assert shape.is_guided
