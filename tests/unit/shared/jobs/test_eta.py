"""When a job will be done, and when there is room: arithmetic over measured times."""

import pytest

from shared.jobs.eta import LATEST_S, SOONEST_S, UNKNOWN_S, Pace, eta_s, room_after_s


def test_the_next_job_on_an_idle_worker_takes_its_own_time():
    assert eta_s(0, 4.0, Pace(workers=1, idle=1, job_s=6.0)) == 4.0


def test_a_job_of_unknown_size_takes_as_long_as_its_model_usually_does():
    assert eta_s(0, None, Pace(workers=1, idle=1, job_s=6.0)) == 6.0


def test_work_ahead_is_shared_by_the_workers():
    one, two = Pace(workers=1, job_s=6.0), Pace(workers=2, job_s=6.0)

    assert eta_s(10, 6.0, one) == 6.0 / 2 + 60 + 6
    assert eta_s(10, 6.0, two) == 6.0 / 3 + 30 + 6


def test_other_models_take_turns_but_no_more_than_this_one_needs():
    pace = Pace(workers=1, job_s=2.0, others_s=(3.0, 1000.0))

    assert eta_s(4, 2.0, pace) == 1.0 + (8 + 3 + 10) + 2


def test_a_model_that_must_be_loaded_first_is_waited_for():
    assert eta_s(0, 4.0, Pace(workers=1, idle=1, job_s=6.0, load_s=8.0)) == 12.0


@pytest.mark.parametrize(
    "pace",
    [
        Pace(workers=0, job_s=6.0),
        Pace(workers=1),
        Pace(workers=1, job_s=6.0, load_s=None),
        Pace(workers=1, job_s=6.0, others_s=(None,)),
    ],
    ids=["nobody serves it", "never ran", "never loaded", "another model never ran"],
)
def test_what_was_never_measured_is_not_guessed(pace):
    assert eta_s(3, 4.0, pace) is None


def test_room_comes_at_the_pace_of_the_last_ends():
    assert room_after_s(ended=60, window_s=600) == 10
    assert room_after_s(ended=60, window_s=600, share=0.5) == 20


def test_room_is_promised_neither_for_now_nor_for_tomorrow():
    assert room_after_s(ended=10_000, window_s=600) == SOONEST_S
    assert room_after_s(ended=1, window_s=600) == LATEST_S
    assert room_after_s(ended=0, window_s=600) == UNKNOWN_S
