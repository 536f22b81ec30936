"""What hangs on the thread of duties."""

import threading

from shared.errors import RedisUnavailable
from workers.control.duties import Duties, Duty

LIMIT_S = 60


def test_a_duty_that_is_hurried_does_not_wait_for_its_turn():
    done = threading.Semaphore(0)
    duties = Duties([Duty(3600.0, done.release)], on_outage=lambda: None)
    duties.start()

    assert done.acquire(timeout=LIMIT_S)
    duties.hurry(done.release)

    assert done.acquire(timeout=LIMIT_S)
    duties.stop()


def test_a_duty_that_fails_is_tried_again_and_stops_no_other():
    tried, done = threading.Semaphore(0), threading.Semaphore(0)

    def fails() -> None:
        tried.release()
        raise ValueError

    duties = Duties([Duty(0.0, fails), Duty(0.0, done.release)], on_outage=lambda: None)
    duties.start()

    assert all(one.acquire(timeout=LIMIT_S) for one in (tried, done, tried, done))
    duties.stop()


def test_an_outage_of_redis_that_a_duty_meets_is_told():
    told = threading.Event()

    def unanswered() -> None:
        raise RedisUnavailable("away")

    duties = Duties([Duty(0.0, unanswered)], on_outage=told.set)
    duties.start()

    assert told.wait(LIMIT_S)
    duties.stop()
    duties.join(LIMIT_S)
    assert not duties.is_alive()
