"""The bench of captions works, small: both sides answer all lengths, and the ratio is there."""

from tests.bench import bench_captions
from tests.bench.rows import Rows
from tests.talker import TALKER


def test_captions_of_all_lengths_are_made_by_both_sides(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_captions, "LENGTHS", (2, 6))
    monkeypatch.setattr(bench_captions, "PICTURES_EACH", 1)
    monkeypatch.setattr(bench_captions, "PAIRS", 1)
    rows = Rows(tmp_path / "numbers.json")

    bench_captions.measure(tmp_path, rows, TALKER)

    assert rows.numbers["ratio_captions_low"] > 0
    assert (rows.numbers["captions"], min(rows.numbers["cpu_threads_bare_loop"]) >= 1) == (2, True)
