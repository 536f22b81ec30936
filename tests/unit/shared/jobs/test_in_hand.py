"""What may be changed about a job that has not started."""

import json

import pytest

from shared.contracts.in_hand import JobChange
from shared.contracts.jobs import JobRecord, State
from shared.errors import IllegalMove
from shared.jobs.in_hand import changed, needs_ticket


def job(**fields) -> JobRecord:
    known = {"id": "job_1", "kind": "generate", "model": "sdxl", "queue": "sdxl.normal", "state": State.QUEUED}
    return JobRecord.model_validate(known | fields)


def made(record: JobRecord, *, is_paused: bool = False, place: int = 0, now_ms: int = 1000, **change) -> JobRecord:
    return changed(record, now_ms, JobChange.model_validate_json(json.dumps(change)), is_paused=is_paused, place=place)


def test_another_priority_is_another_queue_of_the_same_model_and_a_fresh_ticket():
    before = job()

    after = made(before, priority="high")

    assert (after.priority, after.queue) == ("high", "sdxl.high")
    assert needs_ticket(before, after)


def test_a_job_that_only_one_worker_may_take_stays_with_it():
    assert made(job(queue="@gpu0.normal"), priority="low").queue == "@gpu0.low"


def test_a_held_job_is_held_and_released_by_the_same_word_and_asking_twice_changes_nothing():
    held = made(job(), held=True)
    free = made(held, held=False)

    assert (held.held, free.held) == (True, False)
    assert made(held, held=True) is held
    assert made(free, held=False) is free
    assert needs_ticket(held, free)
    assert not needs_ticket(free, held)


def test_several_changes_are_made_together_or_not_at_all():
    after = made(job(), priority="high", held=True, front=True)

    assert (after.queue, after.held, after.rank < 0) == ("sdxl.high", True, True)
    assert not needs_ticket(job(), after)


def test_of_jobs_moved_to_the_front_in_one_millisecond_the_highest_place_goes_first():
    first, last = made(job(), front=True, place=2), made(job(), front=True, place=1)

    assert first.rank < last.rank < made(job(), front=True, now_ms=999, place=1023).rank


def test_only_front_all_goes_before_everybodys():
    assert made(job(), front="all").ahead
    assert not made(job(), front=True).ahead


def test_a_waiting_step_can_be_changed_too_and_needs_no_ticket_yet():
    before = job(state=State.WAITING, held=True)

    after = made(before, priority="low", held=False)

    assert after.queue == "sdxl.low"
    assert not needs_ticket(before, after)


@pytest.mark.parametrize("state", [State.RUNNING, State.SUCCEEDED, State.FAILED, State.CANCELLED])
@pytest.mark.parametrize("change", [{"priority": "high"}, {"held": True}, {"held": False}, {"front": True}])
def test_what_runs_or_has_ended_is_not_changed_even_to_what_it_is(state, change):
    with pytest.raises(IllegalMove, match=f"is {state.value}; only waiting and queued"):
        made(job(state=state), **change)


def test_a_command_has_no_other_priority():
    with pytest.raises(IllegalMove, match="command"):
        made(job(kind="unload", queue="@gpu0.high", priority="high"), priority="low")


def test_nothing_is_released_singly_while_its_owner_has_paused_everything():
    with pytest.raises(IllegalMove, match="/v1/me"):
        made(job(held=True, paused=True), held=False, is_paused=True)


def test_what_a_broken_off_end_of_a_pause_left_held_can_be_released():
    after = made(job(held=True, paused=True), held=False)

    assert (after.held, after.paused) == (False, False)


def test_held_by_itself_a_paused_job_stays_held_when_everything_goes_on():
    after = made(job(held=True, paused=True), held=True)

    assert (after.held, after.paused) == (True, False)
