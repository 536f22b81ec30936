"""The loop hears what was asked since its last pass began, waits for nothing else, and goes on when a look breaks."""

import threading

import pytest

from tests.rig import wait_for
from workers.execution.stepping import ahead, arrivals
from workers.execution.stepping.ahead import Ahead
from workers.execution.stepping.arrivals import Waiting


class Queues:
    """Looks are counted, and answered when the test lets them; what they find is the number of the look."""

    def __init__(self):
        self.looks, self.may_answer, self.breaks = 0, threading.Event(), None
        self.may_answer.set()

    def turn_begins(self): ...

    def look(self):
        self.looks += 1
        answer = Waiting(levels=(self.looks,))
        self.may_answer.wait(30)
        if self.breaks is not None:
            raise self.breaks
        return answer

    def admit(self, waiting):
        return False

    def come_in(self): ...


@pytest.fixture
def queues():
    return Queues()


@pytest.fixture
def looking(queues, monkeypatch):
    """It has looked once, and looks again only when it is called."""
    monkeypatch.setattr(arrivals, "LOOK_EVERY_S", 60.0)
    monkeypatch.setattr(ahead, "FRESH_LOOKS", 0)
    monkeypatch.setattr(ahead, "PATIENCE_S", 30.0)
    monkeypatch.setattr(ahead, "LONG_PATIENCE_S", 30.0)
    looking = Ahead(queues, queues, queues)
    looking.turn_begins()
    looking.open()
    wait_for(lambda: looking._settled_at_s > float("-inf"))
    yield looking
    queues.may_answer.set()
    looking.close()


def test_what_was_asked_while_the_pass_was_made_is_good_for_the_boundary_after_it(queues, looking):
    looking.answer()
    looking.pass_begins()
    looking.answer()

    looking.answer()

    assert queues.looks == 2


def test_what_was_asked_before_the_last_pass_began_is_not(queues, looking):
    first = looking.answer()
    looking.pass_begins()

    second = looking.answer()

    assert (first.levels, second.levels) == ((1,), (2,))


def test_a_moment_ago_is_soon_enough_however_quick_passes_are(queues, looking, monkeypatch):
    monkeypatch.setattr(ahead, "FRESH_LOOKS", 5)
    looking.answer()
    looking.pass_begins()

    looking.answer()

    assert queues.looks == 1


def test_a_look_that_does_not_come_back_holds_the_loop_for_a_moment_only(queues, looking, monkeypatch):
    monkeypatch.setattr(ahead, "PATIENCE_S", 0.01)
    before = looking.answer()
    queues.may_answer.clear()
    looking.pass_begins()

    assert looking.answer() == before


def test_while_a_pass_is_made_it_looks_by_itself(queues, looking, monkeypatch):
    looking.answer()
    monkeypatch.setattr(arrivals, "LOOK_EVERY_S", 0.001)
    looking.settled()

    wait_for(lambda: queues.looks >= 5)


def test_what_breaks_a_look_is_nobodys_fault_and_the_next_one_is_heard(queues, looking, monkeypatch):
    monkeypatch.setattr(ahead, "PATIENCE_S", 0.01)
    monkeypatch.setattr(arrivals, "PAUSE_S", 0.01)
    before = looking.answer()
    queues.breaks = RuntimeError("lost 50 races in a row")
    looking.pass_begins()
    during = looking.answer()
    wait_for(lambda: queues.looks >= 3)
    queues.breaks = None
    broken = queues.looks

    assert during == before
    wait_for(lambda: looking.answer().levels > (broken,))


def test_nobody_looks_once_the_loop_rests_and_the_next_one_begins_anew(queues, looking):
    looking.answer()
    looking.close()
    looking.pass_begins()
    assert queues.looks == 1

    looking.open()

    assert looking.answer().levels == (2,)


def test_a_seat_that_will_be_free_is_looked_at_at_once(queues, looking):
    looking.answer()

    looking.pass_begins(leaves=True)

    wait_for(lambda: queues.looks == 2)
