"""What a job that waits its turn is told."""

import pytest

from shared.contracts.waits import WaitCode, Waits
from shared.jobs.turns import Loading, Turn, told

TURN = Waits(code=WaitCode.TURN, message="it waits its turn: gpu-0 run other jobs")


def said(turn: Turn, *loading: Loading) -> tuple[str, str]:
    waits = told(TURN, turn, loading)
    return waits.code.value, waits.message


def test_what_holds_a_job_up_by_itself_is_told_as_it_is():
    held = Waits(code=WaitCode.HELD, message="held")

    assert told(held, Turn(ahead=3), [Loading("sdxl", 1, 2)]) is held


def test_a_job_whose_model_is_loaded_is_told_how_far_that_is():
    assert said(Turn(ahead=0), Loading("sdxl", for_s=4, usual_s=10)) == ("loading", "loading sdxl 40 %")


def test_of_two_workers_that_load_the_one_that_is_further_counts():
    assert said(Turn(), Loading("sdxl", 1, 10), Loading("sdxl", 9, 10)) == ("loading", "loading sdxl 90 %")


def test_a_load_that_takes_longer_than_ever_is_not_done_before_it_is():
    assert Loading("sdxl", for_s=50, usual_s=10).percent == 99


def test_a_load_that_was_never_measured_says_how_long_it_has_been_going_on():
    assert said(Turn(), Loading("sdxl", for_s=7.4)) == ("loading", "loading sdxl, for 7 s so far")


def test_a_job_behind_others_says_how_many_and_how_long():
    assert said(Turn(ahead=3, starts_in_s=12.3)) == ("behind", "behind 3 jobs (12 s)")
    assert said(Turn(ahead=1)) == ("behind", "behind 1 job")


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        (Turn(ahead=3, ahead_own=3), "behind 3 jobs of yours"),
        (Turn(ahead=1200, ahead_own=2), "behind 1,200 jobs, 2 of them yours"),
    ],
)
def test_own_jobs_among_them_are_told(turn, message):
    assert said(turn) == ("behind", message)


def test_a_job_that_others_pass_by_waits_for_its_owners_share():
    assert said(Turn(ahead=2, is_passed_by=True, starts_in_s=5)) == (
        "your_share",
        "your share: others who had less go first (5 s)",
    )


def test_jobs_ahead_matter_more_than_what_is_loaded():
    assert said(Turn(ahead=2), Loading("sdxl", 1, 10))[0] == "behind"


def test_a_job_that_is_next_waits_for_a_worker():
    assert told(TURN, Turn(ahead=0), []) is TURN


def test_a_free_worker_is_for_whoever_is_first():
    starting = Waits(code=WaitCode.STARTING, message="a worker is free for it")

    assert told(starting, Turn(ahead=0), [Loading("sdxl", 1, 10)]) is starting
    assert told(starting, Turn(ahead=1), []).message == "behind 1 job"
