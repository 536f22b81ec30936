"""The toy appears whole, the same everywhere, and says what it is."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from workers.engines.sdxl import toy as sdxl_toy


def weights(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.safetensors"))}


def test_builders_at_the_same_time_leave_one_whole_toy_and_no_litter(tmp_path, toy_folder):
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(sdxl_toy.build, [tmp_path / "toy"] * 3))

    assert [entry.name for entry in tmp_path.iterdir()] == ["toy"]
    assert weights(tmp_path / "toy") == weights(toy_folder)


def test_a_toy_that_is_there_is_left_alone(toy_folder):
    before = (toy_folder / "model_index.json").stat().st_mtime_ns

    sdxl_toy.build(toy_folder)

    assert (toy_folder / "model_index.json").stat().st_mtime_ns == before


def test_a_failed_build_leaves_nothing(tmp_path, monkeypatch):
    def full_disk(path, text):
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OSError, match="no space"):
        sdxl_toy.build(tmp_path / "toy")

    assert list(tmp_path.iterdir()) == []


def test_every_user_may_read_it(toy_folder):
    modes = {stat.S_IMODE(path.stat().st_mode) for path in toy_folder.rglob("*") if path.is_file()}

    assert modes == {0o644}
    assert stat.S_IMODE(toy_folder.stat().st_mode) == 0o755


def test_it_says_what_it_is(toy_folder):
    assert "abstract patterns" in (toy_folder / "README.md").read_text()
    assert "toy" in json.loads((toy_folder / "model_index.json").read_text())["_name_or_path"]


def test_building_leaves_the_process_random_numbers_alone(tmp_path):
    torch.manual_seed(1)
    expected = torch.rand(3)

    torch.manual_seed(1)
    sdxl_toy.build(tmp_path / "toy")

    assert torch.equal(torch.rand(3), expected)
