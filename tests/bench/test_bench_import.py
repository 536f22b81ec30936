"""The bench of the import brings in what it painted."""

import json

from tests.bench import bench_import


def test_every_picture_comes_in_once(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_import, "PICTURES", 5)
    monkeypatch.setattr(bench_import, "SIDE_PX", 64)

    numbers = bench_import.main(tmp_path / "numbers.json")

    assert numbers["pictures"] == 5
    assert numbers["pictures_per_s"] > 0
    assert json.loads((tmp_path / "numbers.json").read_text()) == numbers
