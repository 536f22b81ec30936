"""Words reach the records by one thread, of each job the newest only."""

import threading

from structlog.testing import capture_logs

from tests.rig import wait_for
from workers.execution.stepping.telling import Telling


class Thread:
    """What was told; the first word holds the thread until it is let go."""

    def __init__(self):
        self.told, self.is_at_it, self.may_go = [], threading.Event(), threading.Event()
        self.telling = Telling()
        self.telling.take("slow", self.slow)
        assert self.is_at_it.wait(30)

    def slow(self):
        self.is_at_it.set()
        self.may_go.wait(30)
        self.told.append("slow")

    def settle(self):
        self.may_go.set()
        done = threading.Event()
        self.telling.take("last of all", done.set)
        assert done.wait(30)


def test_whoever_tells_does_not_wait_for_the_one_before():
    thread = Thread()

    thread.telling.take("job", lambda: thread.told.append("job"))

    assert thread.told == []
    thread.settle()
    assert thread.told == ["slow", "job"]


def test_a_job_that_waits_to_be_told_is_told_once():
    thread = Thread()
    for _ in range(5):
        thread.telling.take("job", lambda: thread.told.append("job"))

    thread.settle()

    assert thread.told == ["slow", "job"]


def test_a_word_that_falls_due_while_the_one_before_is_told_is_told_too():
    thread = Thread()
    thread.telling.take("slow", lambda: thread.told.append("newer"))

    thread.settle()

    assert thread.told == ["slow", "newer"]


def test_what_one_word_breaks_on_keeps_no_other_from_being_told():
    thread = Thread()

    def broken():
        raise ValueError("as ordered")

    with capture_logs() as logs:
        thread.telling.take("broken", broken)
        thread.telling.take("job", lambda: thread.told.append("job"))
        thread.settle()
        wait_for(lambda: logs)

    assert thread.told == ["slow", "job"]
    assert logs[0]["reason"] == "ValueError: as ordered"
