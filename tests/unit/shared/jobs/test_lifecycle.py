"""The moves of a record: pure rules, no Redis."""

import pytest

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, Progress, State, Timings
from shared.errors import Busy, Fenced, IllegalMove, QueueFull
from shared.jobs import lifecycle


def queued(**changes):
    record = JobRecord(id="a", kind="generate", model="m", state=State.QUEUED, created_at_ms=1_000, queued_at_ms=1_000)
    return record.model_copy(update=changes)


def claimed(record=None, now_ms=2_000, token="pen", worker="w1"):
    return lifecycle.claim(record or queued(), now_ms, worker=worker, gpu="cpu", token=token)


def test_a_claim_raises_the_attempt_and_hands_out_the_pen():
    record = claimed()

    assert (record.state, record.attempt, record.token, record.worker) == (State.RUNNING, 1, "pen", "w1")
    assert record.timings.queued_ms == 1_000


def test_a_running_job_is_busy_for_everyone_else():
    with pytest.raises(Busy):
        claimed(claimed(), token="another")


def test_a_claim_whose_answer_was_lost_finds_itself_when_it_asks_again():
    record = claimed()

    assert claimed(record) == record


def test_a_claim_that_is_known_to_be_dead_takes_nothing_from_the_next_one():
    record = claimed(token="new")

    with pytest.raises(IllegalMove):
        lifecycle.lose(record, 3_000, reason="its worker died", token="old")


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_an_ended_job_names_the_one_that_is_tried_in_its_place(state):
    assert lifecycle.retried(queued(state=state), 9_000, new_id="b").retried_as == "b"


@pytest.mark.parametrize("state", [State.QUEUED, State.WAITING, State.RUNNING, State.SUCCEEDED])
def test_only_failed_and_cancelled_jobs_are_retried(state):
    with pytest.raises(IllegalMove):
        lifecycle.retried(queued(state=state), 9_000, new_id="b")


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.WAITING])
def test_what_is_not_queued_cannot_be_claimed(state):
    with pytest.raises(IllegalMove):
        claimed(queued(state=state))


def test_a_job_in_its_pause_is_not_claimed_before_its_time():
    with pytest.raises(Busy):
        claimed(queued(not_before_ms=5_000), now_ms=4_999)

    assert claimed(queued(not_before_ms=5_000), now_ms=5_000).state == State.RUNNING


def test_claiming_an_overdue_job_fails_it_instead():
    record = claimed(queued(deadline_at_ms=1_500))

    assert (record.state, record.error.code) == (State.FAILED, "deadline_exceeded")


def test_only_the_pen_of_the_current_claim_ends_a_job():
    record = claimed(token="new")

    with pytest.raises(Fenced):
        lifecycle.end(record, 3_000, token="old", state=State.SUCCEEDED, result={})


def test_an_ended_job_cannot_be_ended_again():
    done = lifecycle.end(claimed(), 3_000, token="pen", state=State.SUCCEEDED, result={})

    with pytest.raises(Fenced):
        lifecycle.end(done, 3_001, token="pen", state=State.SUCCEEDED, result={})


def test_success_shows_all_steps_and_keeps_the_time_in_the_queue():
    running = claimed().model_copy(update={"progress": Progress(phase="storing", step=3, steps=4, percent=75)})

    done = lifecycle.end(
        running, 3_000, token="pen", state=State.SUCCEEDED, timings=Timings(running_ms=7), result={"a": 1}
    )

    assert (done.progress.step, done.progress.percent, done.result) == (4, 100, {"a": 1})
    assert (done.timings.queued_ms, done.timings.running_ms) == (1_000, 7)


def test_a_cancel_before_the_result_wins_over_the_result():
    wanted_gone = lifecycle.cancel(claimed(), 2_500)

    done = lifecycle.end(wanted_gone, 3_000, token="pen", state=State.SUCCEEDED, result={"a": 1})

    assert (done.state, done.result) == (State.CANCELLED, None)


def test_a_cancel_after_the_result_changes_nothing():
    done = lifecycle.end(claimed(), 3_000, token="pen", state=State.SUCCEEDED, result={})

    assert lifecycle.cancel(done, 4_000) is done


@pytest.mark.parametrize("state", [State.WAITING, State.QUEUED])
def test_what_has_not_started_is_cancelled_at_once(state):
    assert lifecycle.cancel(queued(state=state), 2_000).state == State.CANCELLED


def test_a_lost_worker_puts_the_job_back_with_its_history():
    record = lifecycle.lose(claimed(), 9_000, reason="silent")

    assert (record.state, record.token, record.history[0].reason, record.history[0].worker) == (
        State.QUEUED,
        "",
        "silent",
        "w1",
    )


def test_the_last_allowed_loss_fails_the_job_and_keeps_every_attempt():
    record = queued(max_attempts=3)
    for attempt in range(3):
        record = lifecycle.lose(claimed(record, 2_000 + attempt), 3_000 + attempt, reason="silent")

    assert (record.state, record.error.code, len(record.history)) == (State.FAILED, "worker_lost", 3)
    assert record.error.retryable


def test_draining_never_counts_against_a_job():
    record = queued(max_attempts=1)
    for attempt in range(5):
        record = lifecycle.lose(claimed(record, 2_000 + attempt), 3_000 + attempt, reason="drained")

    assert record.state == State.QUEUED


def test_a_cancelled_job_whose_worker_dies_is_cancelled_not_run_again():
    assert lifecycle.lose(lifecycle.cancel(claimed(), 2_500), 9_000, reason="silent").state == State.CANCELLED


def test_giving_back_needs_the_pen():
    with pytest.raises(Fenced):
        lifecycle.give_back(claimed(), 3_000, token="other", reason="retried")

    back = lifecycle.give_back(claimed(), 3_000, token="pen", reason="retried", not_before_ms=8_000)
    assert (back.state, back.not_before_ms) == (State.QUEUED, 8_000)


def test_refusing_is_for_jobs_nobody_runs():
    refused = lifecycle.refuse(queued(), 2_000, error=QueueFull("full"))

    assert (refused.state, refused.error.code) == (State.FAILED, "queue_full")
    with pytest.raises(IllegalMove):
        lifecycle.refuse(claimed(), 2_000, error=QueueFull("full"))


def test_only_a_waiting_job_is_released():
    assert lifecycle.release(queued(state=State.WAITING), 5_000).queued_at_ms == 5_000
    with pytest.raises(IllegalMove):
        lifecycle.release(queued(), 5_000)


def test_every_time_a_job_waits_counts_as_waiting():
    record = lifecycle.lose(claimed(now_ms=2_000), 3_000, reason="silent")

    again = claimed(record, now_ms=3_700)

    assert again.timings.queued_ms == 1_000 + 700


# -- the queue in hand ---------------------------------------------------------------------------------------------------


def test_a_held_job_cannot_be_claimed_and_can_once_it_is_released():
    held = lifecycle.hold(queued(), 2_000)

    with pytest.raises(Busy):
        claimed(held)

    assert claimed(lifecycle.unhold(held, 3_000)).state == State.RUNNING


def test_holding_and_releasing_twice_changes_nothing():
    held = lifecycle.hold(queued(), 2_000)

    assert lifecycle.hold(held, 3_000) == held
    assert lifecycle.unhold(queued(), 3_000) == queued()
    assert lifecycle.unhold(claimed(), 3_000) == claimed()


def test_the_front_of_ones_own_share_is_the_last_that_was_moved_there():
    first = lifecycle.to_front(queued(id="a"), 2_000)
    second = lifecycle.to_front(queued(id="b"), 3_000)

    assert second.rank < first.rank < 0
    assert (first.ahead, lifecycle.to_front(first, 4_000, of_all=True).ahead) == (False, True)


@pytest.mark.parametrize(("queue", "then"), [("m.normal", "m.high"), ("@w1.low", "@w1.high")])
def test_another_priority_is_another_queue_of_the_same_model_or_worker(queue, then):
    moved = lifecycle.reprioritise(queued(queue=queue), 2_000, priority=Priority.HIGH)

    assert (moved.queue, moved.priority) == (then, Priority.HIGH)


def test_a_commands_priority_stays():
    with pytest.raises(IllegalMove):
        lifecycle.reprioritise(queued(kind="unload", queue="@w1.high"), 2_000, priority=Priority.LOW)


@pytest.mark.parametrize("state", [State.RUNNING, State.SUCCEEDED, State.CANCELLED])
@pytest.mark.parametrize(
    "rule",
    [
        lifecycle.hold,
        lifecycle.to_front,
        lambda record, now_ms: lifecycle.reprioritise(record, now_ms, priority=Priority.LOW),
    ],
)
def test_what_runs_or_has_ended_is_out_of_hand(state, rule):
    with pytest.raises(IllegalMove):
        rule(queued(state=state, queue="m.normal"), 2_000)


def test_an_ended_job_cannot_be_released():
    with pytest.raises(IllegalMove):
        lifecycle.unhold(queued(state=State.FAILED), 2_000)


def test_work_until_a_deadline_is_charged_but_no_more_than_was_expected():
    running = claimed(queued(cost_s=1.5, deadline_at_ms=3_000))

    assert lifecycle.overdue(running, 3_000).spent_s == 1.0
    assert lifecycle.overdue(running, 9_000).spent_s == 1.5
    assert lifecycle.overdue(queued(cost_s=1.5, deadline_at_ms=3_000), 9_000).spent_s == 0.0
