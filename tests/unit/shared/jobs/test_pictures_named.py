"""Which pictures a record opens to its owner."""

from typing import Any

from shared.contracts.batches import PREVIOUS
from shared.contracts.jobs import JobRecord, State
from shared.jobs.pictures_named import inputs_of, newly_named, pictures_named

START, MADE, OTHER = ("img_" + digit * 32 for digit in "abc")


def record(**fields: Any) -> JobRecord:
    return JobRecord(**({"id": "job_1", "kind": "generate", "model": "m", "state": State.RUNNING} | fields))


def test_a_record_names_what_it_starts_from_and_what_it_made():
    named = pictures_named(record(params={"image": START}, result={"images": [{"id": MADE}, {"id": "pen"}]}))

    assert named == {START, MADE}


def test_words_name_nothing():
    assert pictures_named(record(params={"prompt": OTHER, "tasks": [{"question": OTHER}]})) == set()
    assert pictures_named(record(result={"answers": [{"answer": {"text": OTHER}}]})) == set()


def test_a_step_names_its_picture_once_it_is_known():
    waiting, released = record(params={"image": PREVIOUS}), record(params={"image": START})

    assert inputs_of(waiting) == set()
    assert newly_named(waiting, released) == [START]


def test_a_move_that_names_nothing_new_opens_nothing_until_the_end():
    before = record(params={"image": START})

    assert newly_named(before, record(params={"image": START}, attempt=1)) == []
    assert newly_named(before, record(params={"image": START}, state=State.FAILED)) == [START]
