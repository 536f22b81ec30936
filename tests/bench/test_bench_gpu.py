"""The run on a card: a stage that breaks costs only itself, and what was found is on disk by then. Here dry, on a CPU."""

import importlib
import json
import sys

import pytest
import torch

from tests.bench import bench_gpu
from tests.bench.bench_gpu import STAGES, Stage, main, run_stage
from tests.bench.card.where import Where


@pytest.fixture(autouse=True)
def _torch_is_known(monkeypatch):
    monkeypatch.setattr(bench_gpu, "_torch", lambda: {"torch": "2.13.0", "has_card": False})


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """Makes stages out of a few lines."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(sys.path)}")

    def make(name: str, body: str, **how) -> Stage:
        (tmp_path / f"stage_{name}.py").write_text(f"import os\ndef run(where):\n    {body}\n")
        return Stage(name, f"stage_{name}", **({"limit_s": 120.0} | how))

    return make


def test_a_stage_that_fails_or_hangs_or_dies_does_not_stop_the_next(stage, tmp_path):
    out = tmp_path / "found.json"
    stages = [
        stage("fails", "raise ValueError('a reason')"),
        stage("dies", "os.abort()"),
        stage("good", "return {'device': where.device, 'dry': where.is_dry, 'lever': os.environ['LEVER']}"),
    ]
    stages[2].environment["LEVER"] = "pulled"

    main(out, dry=True, stages=stages, limit_s=600)

    found = json.loads(out.read_text())["stages"]
    assert "status 1" in found["fails"]["failed"]
    assert "ValueError: a reason" in found["fails"]["said"][-1]
    assert "status -6" in found["dies"]["failed"]
    assert found["good"] | {"took_s": 0} == {"device": "cpu", "dry": True, "lever": "pulled", "took_s": 0}


def test_a_stage_that_hangs_is_ended_with_all_it_started(stage):
    hanging = stage("hangs", "import subprocess; subprocess.run(['sleep', '600'])")

    assert "still running after 1 s" in run_stage(hanging, dry=True, limit_s=1.0)["failed"]


def test_what_was_found_is_written_after_each_stage(tmp_path, monkeypatch):
    out, seen = tmp_path / "found.json", []

    def run(one, **how):
        seen.append(json.loads(out.read_text())["stages"] if out.exists() else {})
        return {"name": one.name}

    monkeypatch.setattr(bench_gpu, "run_stage", run)
    main(out, dry=True, stages=STAGES[:3])

    assert [len(stages) for stages in seen] == [0, 1, 2]


def test_stages_for_which_no_time_is_left_are_skipped_aloud(tmp_path):
    report = main(tmp_path / "found.json", dry=True, limit_s=1.0)

    assert {name: list(found) for name, found in report["stages"].items()} == {s.name: ["skipped"] for s in STAGES}


def test_results_are_labelled_with_the_torch_that_ran_and_without_a_card_the_run_is_skipped(tmp_path):
    report = main(tmp_path / "found.json")

    assert "no CUDA card" in report["skipped"]
    assert json.loads((tmp_path / "found.json").read_text())["torch"]["torch"] == "2.13.0"


@pytest.mark.parametrize("name", ["memory", "tokens", "faults"])
def test_the_quick_stages_run_dry(name):
    torch.set_num_threads(1)

    found = importlib.import_module(f"tests.bench.card.{name}").run(Where("cpu", is_dry=True))

    assert json.loads(json.dumps(found, default=str))
    assert "failed" not in json.dumps({key: value for key, value in found.items() if key != "nf4"})
