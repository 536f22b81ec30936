"""Decoding takes turns: so many at a time, so much waiting, and the rest is told to come later."""

import threading
import time

import pytest

from api.services import decoding
from api.services.decoding import Decoding
from shared.errors import BadPicture, NotReady
from shared.pictures.pixels import MIB, PictureLimits
from tests.pictures import png

LIMITS = PictureLimits(MIB, 10_000_000)
WAIT_S = 60


class Slow:
    """A decoder that goes on when it is told to."""

    def __init__(self, monkeypatch):
        self.running = 0
        self.most = 0
        self.began = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self._guard = threading.Lock()
        monkeypatch.setattr(decoding, "check", self)

    def __call__(self, data, limits, *, claimed_type=None):
        with self._guard:
            self.running += 1
            self.most = max(self.most, self.running)
        self.began.release()
        assert self.go_on.acquire(timeout=WAIT_S)
        with self._guard:
            self.running -= 1


@pytest.fixture
def slow(monkeypatch):
    return Slow(monkeypatch)


def many(turns, count, **how):
    threads = [threading.Thread(target=turns.check, args=(png(100, 100), LIMITS), kwargs=how) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def finish(slow, threads):
    for _ in threads:
        slow.go_on.release()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()


def until_taken(turns, pixels):
    ends_at = time.monotonic() + WAIT_S
    while turns._taken_px < pixels:
        assert time.monotonic() < ends_at, f"{turns._taken_px} of {pixels}"
        time.sleep(0.002)


def test_only_so_many_are_decoded_at_a_time(slow):
    turns = Decoding(at_once=2, room_px=1_000_000, forms=1)
    threads = many(turns, 6)
    assert slow.began.acquire(timeout=WAIT_S)
    assert slow.began.acquire(timeout=WAIT_S)

    finish(slow, threads)

    assert slow.most == 2


def test_beyond_the_room_a_picture_is_told_to_come_later(slow):
    turns = Decoding(at_once=1, room_px=30_000, forms=1)
    threads = many(turns, 3)
    until_taken(turns, 30_000)

    with pytest.raises(NotReady) as refusal:
        turns.check(png(10, 10), LIMITS)

    assert refusal.value.retry_after_s
    finish(slow, threads)


def test_a_patient_picture_waits_for_room(slow):
    turns = Decoding(at_once=1, room_px=10_000, forms=1)

    finish(slow, many(turns, 4, is_patient=True))

    assert slow.most == 1


def test_a_picture_larger_than_the_room_is_let_in_alone():
    turns = Decoding(at_once=1, room_px=10, forms=1)

    assert turns.check(png(), LIMITS).size == (64, 48)


def test_what_the_header_shows_costs_no_turn(slow):
    turns = Decoding(at_once=1, room_px=10_000, forms=1)
    threads = many(turns, 1)
    assert slow.began.acquire(timeout=WAIT_S)

    with pytest.raises(BadPicture):
        turns.check(b"no picture", LIMITS)

    finish(slow, threads)


def test_a_broken_picture_gives_its_turn_back():
    turns = Decoding(at_once=1, room_px=5_000, forms=1)

    for _ in range(3):
        with pytest.raises(BadPicture):
            turns.check(png()[:-30], LIMITS)

    assert turns.check(png(), LIMITS)


def test_only_so_many_forms_are_looked_through_at_a_time():
    turns = Decoding(at_once=1, room_px=1, forms=1)

    with turns.form(), pytest.raises(NotReady), turns.form():
        pass

    with turns.form():
        pass
