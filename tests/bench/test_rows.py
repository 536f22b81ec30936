"""What a bench has found is on disk at once, and pairs are measured in turns."""

import json
from types import SimpleNamespace

import pytest

from tests.bench import __main__ as bench
from tests.bench.bare_process import hopeful
from tests.bench.rows import Rows, in_turns


def test_a_median_leaves_all_its_measurements_and_those_that_came_before_a_break(tmp_path):
    rows = Rows(tmp_path / "numbers.json")
    rows.add_median("whole", iter([1.0, 3.0, 2.0]))

    def broken():
        yield 5.0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rows.add_median("broken", broken())

    found = json.loads((tmp_path / "numbers.json").read_text())
    assert found == {"whole_all": [1.0, 3.0, 2.0], "whole": 2.0, "broken_all": [5.0]}


def test_both_sides_take_the_same_burst_one_right_after_the_other_and_are_first_in_turns():
    asked, bursts = [], iter("abc")

    def side(name, seconds):
        return lambda burst: asked.append((name, burst)) or seconds

    found = list(in_turns(3, lambda: next(bursts), side("bare", 3.0), side("ours", 2.0)))

    assert found == [1.5] * 3
    assert [name + burst for name, burst in asked] == ["barea", "oursa", "oursb", "bareb", "barec", "oursc"]


def test_the_quickest_turn_of_each_count_tells_who_is_hopeless_and_takes_no_other():
    turns = {1: iter([4.0, 1.9, 4.0]), 2: iter([3.0, 2.0, 3.0]), 4: iter([90.0])}

    assert hopeful(lambda count: next(turns[count]), (1, 2, 4)) == [1, 2]


def test_a_run_that_is_broken_off_has_what_was_found_before(monkeypatch, tmp_path):
    def whole(out):
        return {"ratio": 1.5}

    def broken(out):
        Rows(out).add("first", 7)
        raise RuntimeError("as ordered")

    mains = {"tests.bench.whole": whole, "tests.bench.broken": broken}
    monkeypatch.setattr(bench, "CPU_BENCHES", ("whole", "broken"))
    monkeypatch.setattr(bench.importlib, "import_module", lambda name: SimpleNamespace(main=mains[name]))

    with pytest.raises(RuntimeError, match="as ordered"):
        bench.main(["--out", str(tmp_path)])

    [report] = tmp_path.glob("*-cpu.json")
    [so_far] = tmp_path.glob("*-broken.so-far.json")
    assert json.loads(report.read_text())["whole"] == {"ratio": 1.5}
    assert json.loads(so_far.read_text()) == {"first": 7}


def test_one_bench_alone_writes_a_file_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(bench.importlib, "import_module", lambda name: SimpleNamespace(main=lambda out: {"rows": 1}))

    bench.main(["--only", "bench_steps", "--out", str(tmp_path)])

    [report] = tmp_path.iterdir()
    assert report.name.endswith("-steps-cpu.json")
