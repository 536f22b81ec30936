"""When a host looks at itself, and what becomes of a look that hangs or fails."""

import os
import sys

import pytest

from workers.supervisor.doctor_rounds import FIRST_AFTER_S, DoctorRounds


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def rounds(clock: Clock, code: str, every_s: float = 100) -> DoctorRounds:
    return DoctorRounds(every_s, (sys.executable, "-c", code), os.environ, clock)


def test_the_first_look_waits_and_the_next_comes_after_its_pause(clock, tmp_path):
    count = f"import pathlib; p = pathlib.Path({str(tmp_path / 'looks')!r}); p.open('a').write('x')"
    doctor = rounds(clock, count)
    for now_s in (0, FIRST_AFTER_S - 1, FIRST_AFTER_S, FIRST_AFTER_S + 50, FIRST_AFTER_S + 100):
        clock.now_s = now_s
        doctor.look()
        if doctor._process is not None:
            assert doctor._process.wait(30) == 0

    assert (tmp_path / "looks").read_text() == "xx"


def test_one_that_hangs_is_ended_when_the_next_is_due(clock):
    doctor = rounds(clock, "import time; time.sleep(600)")
    clock.now_s = FIRST_AFTER_S
    doctor.look()
    first = doctor._process
    clock.now_s += 100

    doctor.look()

    assert first.poll() is not None
    assert doctor._process is not first
    doctor.stop()
    doctor.stop()


def test_where_it_is_turned_off_nothing_is_started(clock):
    doctor = rounds(clock, "raise SystemExit(3)", every_s=0)
    clock.now_s = 10_000

    doctor.look()

    assert doctor._process is None


def test_one_that_fails_is_told_and_tried_again(clock, capsys):
    doctor = rounds(clock, "raise SystemExit(3)")
    clock.now_s = FIRST_AFTER_S
    doctor.look()
    doctor._process.wait(30)

    doctor.look()

    assert "doctor.failed" in capsys.readouterr().out
