"""The bench of runs works, small: every row is there, and says what it should of a card whose time is known."""

import json

import pytest

from tests.bench import bench_steps
from tests.bench.rows import Rows

ROWS_OF_A_CARD = {
    "idle_share_at_800_ms",
    "idle_share_at_350_ms",
    "urgent_first_step_after_steps",
    "steps_lost_at_a_kill",
}
SMALL = {"PAIRS": 1, "BURST": 2, "IDLE_JOBS": 3, "IDLE_STEPS": 3, "FULL_STEPS": 12, "KILLED_STEPS": 60}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in SMALL.items():
        monkeypatch.setattr(bench_steps, name, value)
    monkeypatch.setattr(bench_steps, "JOB", bench_steps.JOB | {"steps": 2})


def test_a_sleeping_card_has_all_its_rows(tmp_path):
    rows = Rows(tmp_path / "numbers.json")

    bench_steps.on_a_sleeping_card(rows)

    found = rows.numbers
    assert set(found) == ROWS_OF_A_CARD | {f"{name}_all" for name in ROWS_OF_A_CARD}
    assert 0 <= found["idle_share_at_800_ms"] < 1
    assert found["urgent_first_step_after_steps"] > 0
    assert 0 <= found["steps_lost_at_a_kill"] <= SMALL["KILLED_STEPS"]


def test_a_pass_by_itself_says_what_tracing_and_company_gain(tmp_path):
    rows = Rows(tmp_path / "numbers.json")

    bench_steps.by_itself(rows)

    medians = {name: value for name, value in rows.numbers.items() if not name.endswith("_all")}
    assert set(medians) == {
        "traced_pass_of_one",
        "traced_pass_of_four",
        "picture_in_four_against_one",
        "picture_in_eight_against_four",
    }
    assert min(medians.values()) > 0


def test_the_rows_against_a_bare_loop_are_ratios_and_name_the_threads_of_both(monkeypatch, tmp_path):
    some = {"ratio_equal_low": bench_steps.AGAINST_BARE["ratio_equal_low"]}
    monkeypatch.setattr(bench_steps, "AGAINST_BARE", some)
    rows = Rows(tmp_path / "numbers.json")

    bench_steps.against_a_bare_loop(rows)

    found = json.loads((tmp_path / "numbers.json").read_text())
    assert found["ratio_equal_low"] > 0
    assert min(found["cpu_threads_as_shipped"], *found["cpu_threads_bare_loop"]) >= 1
