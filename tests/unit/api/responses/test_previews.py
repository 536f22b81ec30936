"""Previews in a poll: whose mark says what, without anything remembered."""

import re

from api.responses.previews import MARK_PATTERN, MOST_PREVIEWS, changed, jobs_with_previews
from shared.contracts.jobs import JobRecord, Progress, State, new_job_id


def running(has_preview: bool = True, state: State = State.RUNNING) -> JobRecord:
    progress = Progress(phase="running", step=3, steps=8, has_preview=has_preview)
    return JobRecord(id=new_job_id(), kind="generate", model="m", state=state, progress=progress)


def test_only_those_that_run_and_have_one_are_asked_about():
    shown, bare, ended = running(), running(has_preview=False), running(state=State.SUCCEEDED)

    assert jobs_with_previews([bare, shown, ended]) == [shown]
    assert len(jobs_with_previews([running() for _ in range(MOST_PREVIEWS + 5)])) == MOST_PREVIEWS


def test_the_first_poll_brings_all_and_the_next_only_what_changed():
    one, two = running(), running()
    first, mark = changed([one, two], {one.id: b"1", two.id: b"2"}, "")
    second, mark_two = changed([one, two], {one.id: b"1", two.id: b"22"}, mark)
    third, mark_three = changed([one, two], {one.id: b"1", two.id: b"22"}, mark_two)

    assert first.keys() == {one.id, two.id}
    assert second.keys() == {two.id}
    assert (third, mark_three) == ({}, mark_two)


def test_one_that_left_is_in_the_mark_no_more_and_comes_afresh_if_it_returns():
    job = running()
    _, mark = changed([job], {job.id: b"1"}, "")
    gone, empty = changed([job], {}, mark)

    assert (gone, empty) == ({}, "")
    assert changed([job], {job.id: b"1"}, empty)[0].keys() == {job.id}


def test_a_mark_fits_its_own_pattern():
    jobs = [running() for _ in range(MOST_PREVIEWS)]

    for some in ([], jobs[:1], jobs):
        assert re.match(MARK_PATTERN, changed(some, {job.id: job.id.encode() for job in some}, "")[1])
