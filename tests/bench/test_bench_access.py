"""The bench of the door runs, and lets in whom it should."""

import json

from tests.bench import bench_access


def test_it_measures_the_door_with_few_keys_and_with_many(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_access, "ASKED", 30)
    monkeypatch.setattr(bench_access, "MANY", 40)

    numbers = bench_access.main(tmp_path / "numbers.json")

    assert set(numbers) == {"with_10_keys", "with_40_keys"}
    assert all(value > 0 for row in numbers.values() for name, value in row.items() if name != "cost_of_a_request_ms")
    assert json.loads((tmp_path / "numbers.json").read_text()) == numbers
