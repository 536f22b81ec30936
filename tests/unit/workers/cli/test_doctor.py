"""The doctor on this very machine, whatever it has."""

import json
import os
import subprocess
import sys

import pytest

from shared.models.catalogue import load_catalogue
from shared.rack.doctor_reports import DoctorReports
from shared.redis.client import connect
from shared.settings import Settings
from workers.cli import doctor
from workers.cli.doctor import examine, main
from workers.cli.host_facts import disk_speed, driver_cuda, libraries
from workers.devices.snapshot import GpuProcess, Snapshot
from workers.devices.thread_book import Pace, ThreadBook, circumstances
from workers.engines.sdxl import toy


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path)


def test_it_finds_something_on_every_subject(settings):
    subjects = {finding.subject for finding in examine(settings, [])}

    assert {"driver", "torch", "CPU", "threads", "memory", "models", "redis", str(settings.data_dir)} <= subjects


def threads_found(settings, cards=()):
    return next(finding.text for finding in examine(settings, list(cards)) if finding.subject == "threads")


def test_it_shows_the_threads_that_were_measured_and_still_hold(settings):
    catalogue = load_catalogue(settings)
    here = circumstances(1, catalogue.locate(catalogue.get("efficientnet-lite0")))
    row = Pace(
        model="efficientnet-lite0", precision="fp32", circumstances=here, threads=1, quickest_ms={1: 20.5, 2: 31.0}
    )
    book = ThreadBook(settings.data_dir)
    book.keep(row)
    book.keep(row.model_copy(update={"model": "gone", "threads": 7}))
    book.keep(row.model_copy(update={"precision": "nf4", "circumstances": here.model_copy(update={"cpu": "other"})}))

    text = threads_found(settings)

    assert "efficientnet-lite0 (fp32): 1 [1: 20.5 ms, 2: 31 ms]" in text
    assert "gone" not in text
    assert "nf4" not in text


def test_it_shows_threads_that_are_not_measured(tmp_path):
    told = Settings(data_dir=tmp_path, cpu_threads=3)

    assert threads_found(told) == "3 a worker, not measured"
    assert threads_found(Settings(data_dir=tmp_path), [Snapshot("GPU-a", "RTX 3090", 0, 24_576)]).startswith("2 a")


def test_it_examines_each_card(settings):
    cards = [
        Snapshot("GPU-a", "RTX 3090", 0, 24_576, used_mib=100, driver="580.65", compute_capability=(8, 6)),
        Snapshot("GPU-b", "GTX 1070", 1, 8192, processes=(GpuProcess(1, 50),), compute_capability=(6, 1)),
    ]

    found = list(examine(settings, cards, refusal_of={"GPU-b": "no kernel image"}.get))

    assert [one.subject for one in found if one.text == "no kernel image"] == ["GPU 1 (GTX 1070)"]
    assert any("580.65, 2 GPU(s)" in finding.text for finding in found)
    assert {finding.subject for finding in found} >= {"GPU 0 (RTX 3090)", "GPU 1 (GTX 1070)"}


def test_a_model_that_is_not_whole_is_a_problem_that_names_the_file(settings):
    toy.build(settings.models_path / "sdxl-toy")
    (settings.models_path / "sdxl-toy/tokenizer/tokenizer.json").unlink()

    found = [finding for finding in examine(settings, []) if finding.subject == "models" and finding.level == "problem"]

    assert ["sdxl-toy: tokenizer/tokenizer.json is missing" in finding.text for finding in found] == [True]


def test_torchs_version_is_read_without_loading_it():
    code = "import sys, workers.cli.doctor as d; print(d.libraries().torch, 'torch' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert said == [libraries().torch, "False"]


def test_the_cuda_version_of_a_driver_is_read():
    class Nvml:
        class NVMLError(Exception):
            pass

        def nvmlInit(self):
            pass

        def nvmlShutdown(self):
            pass

        def nvmlSystemGetCudaDriverVersion(self):
            return 12_040

    assert driver_cuda(Nvml()) == (12, 4)


def test_the_disk_is_measured_and_left_as_it_was(tmp_path):
    measured = disk_speed(tmp_path, size_mib=4)

    assert measured.write_mib_s > 0
    assert measured.read_mib_s > 0
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_that_is_not_there_yet_is_measured_where_it_would_be(tmp_path):
    assert disk_speed(tmp_path / "not" / "yet", size_mib=4).write_mib_s > 0
    assert not (tmp_path / "not").exists()


def test_redis_that_does_not_answer_is_a_problem_and_no_failure(tmp_path):
    away = Settings(data_dir=tmp_path, redis_url="redis://127.0.0.1:1/0")

    found = next(finding for finding in examine(away, []) if finding.subject == "redis")

    assert found.level == "problem"


def test_it_exits_0_and_speaks_json(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DARKROOM_REDIS_URL", raising=False)

    assert main(["--json"]) == 0

    assert {"level", "subject", "text", "advice"} == set(json.loads(capsys.readouterr().out)[0])


def test_its_table_ends_with_a_verdict(settings, capsys):
    doctor.show(list(examine(settings, [])), doctor.Console(width=120))

    assert capsys.readouterr().out.strip().endswith(("well.", "wrong.", "hand."))


def test_requeue_without_a_redis_says_which_setting_is_missing(monkeypatch, capsys):
    monkeypatch.delenv("DARKROOM_REDIS_URL", raising=False)

    assert main(["--requeue"]) == 2

    assert "DARKROOM_REDIS_URL" in capsys.readouterr().err


def test_what_it_found_is_told_to_the_rack_only_if_asked(redis_url, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DARKROOM_REDIS_URL", redis_url)
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(tmp_path))
    reports = DoctorReports(connect(redis_url, 5))

    assert main(["--json"]) == 0
    assert reports.all() == []
    assert main(["--json", "--publish"]) == 0

    (report,) = reports.all()
    found = json.loads(capsys.readouterr().out.rpartition("\n[")[2].join(["[", ""]))
    assert [each.subject for each in report.findings] == [each["subject"] for each in found]
    assert report.host == os.uname().nodename


def test_there_must_be_a_rack_to_tell(monkeypatch, capsys):
    monkeypatch.delenv("DARKROOM_REDIS_URL", raising=False)

    assert main(["--json", "--publish"]) == 2
    assert "DARKROOM_REDIS_URL" in capsys.readouterr().err
