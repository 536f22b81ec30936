"""The list of log events says what the code says."""

from tests.log_events import MEANINGS, PAGE, Logged, logged, logged_in, meanings, page

AGAIN = f"then run `python -m tests.log_events`, which writes {PAGE.name}"


def test_every_event_of_the_code_has_its_meaning():
    known = meanings()
    missing = sorted({f"{call.event} ({call.path})" for call in logged() if call.event and call.event not in known})

    assert not missing, f"write a line into docs/{MEANINGS.name} on what each means (or rename the old one), {AGAIN}"


def test_every_meaning_has_its_event():
    unknown = sorted(meanings().keys() - {call.event for call in logged()})

    assert not unknown, f"nothing logs these any more: take them out of docs/{MEANINGS.name} or rename them, {AGAIN}"


def test_every_event_can_be_listed():
    nameless = [f"{call.path}:{call.line}" for call in logged() if not call.event]

    assert not nameless, "an event is a literal, `noun.past_verb`: only so can it be listed"


def test_meanings_stand_in_order():
    assert list(meanings()) == sorted(meanings())


def test_the_page_is_written_from_them():
    assert page(logged(), meanings()) == PAGE.read_text(), "run `python -m tests.log_events`"


def test_a_page_has_each_event_once_under_its_highest_level():
    calls = [
        Logged("info", "job.ended", ("job",), "a.py", 1),
        Logged("error", "job.ended", ("why",), "b.py", 2),
        Logged("info", "job.begun", (), "a.py", 3),
    ]

    rows = [line for line in page(calls, {"job.ended": "Over.", "job.begun": "On."}).splitlines() if line[:3] == "| `"]

    assert rows == ["| `job.ended` | job, why | Over. | `a.py`, `b.py` |", "| `job.begun` |  | On. | `a.py` |"]


def test_both_names_of_a_choice_are_found_and_one_made_up_has_none():
    source = 'logger().info("a.b" if x else "a.c", job=1)\nlog.logger().error(f"{x}.y")\nother.info("server")'

    assert [(call.event, call.fields) for call in logged_in(source, "x.py")] == [
        ("a.b", ("job",)),
        ("a.c", ("job",)),
        ("", ()),
    ]
