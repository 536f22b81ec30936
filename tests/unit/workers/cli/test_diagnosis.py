"""Advice from facts: each finding alone."""

import pytest

from shared.pictures import room
from shared.rack.worker_registry import WorkerState
from tests.workers_played import report
from workers.cli import diagnosis
from workers.cli.diagnosis import DiskSpeed, Finding, Libraries
from workers.devices.snapshot import GpuProcess, Snapshot
from workers.memory.budget import budget_for

NOBODY: frozenset[int] = frozenset()


def gpu(**how: object) -> Snapshot:
    usual = {"total_mib": 12_288, "used_mib": 300, "temperature_c": 40, "compute_capability": (8, 6)}
    return Snapshot("GPU-a", "RTX 3060", 0, **{**usual, **how})


def about(one: Snapshot, ours: frozenset[int] = NOBODY) -> list[Finding]:
    return diagnosis.of_device(one, budget_for(one.total_mib), ours)


def problems(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level == "problem"]


def test_a_free_card_is_well():
    assert [finding.level for finding in about(gpu())] == ["ok"]


def test_a_card_with_less_free_than_its_budget_is_a_problem_with_numbers():
    found = problems(about(gpu(used_mib=6000)))

    assert "6,288 free" in found[0].text
    assert "DARKROOM_VRAM_BUDGET_MIB" in found[0].advice


def test_a_card_full_of_our_own_worker_is_well():
    busy = gpu(used_mib=9000, processes=(GpuProcess(7, 8900),))

    assert problems(about(busy, frozenset({7}))) == []


def test_foreign_processes_are_named_with_what_they_hold():
    shared = gpu(processes=(GpuProcess(7, 200), GpuProcess(8, None)))

    assert any("7 (200 MiB), 8 (? MiB)" in finding.text for finding in about(shared))


def test_in_a_container_nobody_is_blamed_for_the_memory_that_our_own_workers_use():
    busy = gpu(used_mib=9000, processes=(GpuProcess(48_213, 8900),))

    found = about(busy, frozenset({7}))

    assert problems(found) == []
    assert any("cannot be told" in finding.text for finding in found)


def test_a_card_that_torch_cannot_use_is_a_problem_with_the_reason():
    well, refused = diagnosis.of_use(gpu(), None), diagnosis.of_use(gpu(), "torch 2.13.0+cpu is a CPU build")

    assert (well.level, refused.level) == ("ok", "problem")
    assert "CPU build" in refused.text


def test_workers_that_cannot_work_are_problems_and_those_without_their_card_notes():
    sick = report("a").model_copy(update={"state": WorkerState.UNHEALTHY, "note": "no driver"})
    on_cpu = report("b").model_copy(update={"note": "works on the CPU"})

    found = diagnosis.of_workers([on_cpu, report("c"), sick])

    assert [(one.level, one.subject) for one in found] == [("problem", "a"), ("note", "b")]
    assert "no driver" in found[0].text


def test_an_old_driver_is_told_which_one_is_needed():
    [found] = diagnosis.of_libraries(Libraries("2.13.0", "13.0", (12, 8)), True)

    assert "CUDA 13 needs 580 or newer" in found.advice


def test_memory_of_a_dead_process_is_a_problem():
    haunted = gpu(used_mib=5000, processes=(GpuProcess(7, 200),))

    assert any("4,800 MiB belong to no process" in finding.text for finding in problems(about(haunted)))


def test_a_hot_card_is_a_problem():
    assert any("85 °C" in finding.text for finding in problems(about(gpu(temperature_c=85))))


def test_a_card_before_ampere_runs_fp16_and_one_before_turing_needs_an_older_torch():
    turing, pascal = about(gpu(compute_capability=(7, 5))), about(gpu(compute_capability=(6, 1)))

    assert [finding.level for finding in turing] == ["ok", "note"]
    assert "CUDA 12" in problems(pascal)[0].advice


def test_a_card_whose_driver_says_little_is_no_problem():
    silent = gpu(used_mib=None, temperature_c=None, compute_capability=None)

    assert problems(about(silent)) == []


@pytest.mark.parametrize(
    ("installed", "has_gpu", "level"),
    [
        (Libraries(None, None, None), True, "problem"),
        (Libraries("2.13.0+cpu", None, None), False, "note"),
        (Libraries("2.13.0+cpu", None, (12, 8)), True, "problem"),
        (Libraries("2.13.0", "13.0", (12, 8)), True, "problem"),
        (Libraries("2.13.0", "12.8", (12, 4)), True, "ok"),  # minor versions are compatible
        (Libraries("2.13.0", "12.8", (13, 0)), True, "ok"),
        (Libraries("2.13.0", "12.8", None), True, "note"),
    ],
)
def test_torch_driver_and_cards_must_belong_together(installed, has_gpu, level):
    assert [finding.level for finding in diagnosis.of_libraries(installed, has_gpu)] == [level]


@pytest.mark.parametrize(
    ("disk", "levels"),
    [
        (DiskSpeed(100_000, 900, 2000), ["ok"]),
        (DiskSpeed(100_000, 90, 120), ["note"]),
        (DiskSpeed(5000, 900, 2000), ["problem", "ok"]),
        (DiskSpeed(None, None, None), ["problem"]),
    ],
)
def test_a_slow_full_or_closed_disk_is_told(disk, levels):
    assert [finding.level for finding in diagnosis.of_disk("/data", disk)] == levels


@pytest.mark.parametrize(
    ("free_mib", "grown_mib", "level"),
    [(900_000, 700, "ok"), (2000, 700, "note"), (500, 700, "problem"), (500, 0, "ok")],
)
def test_it_is_told_when_pictures_will_have_used_up_their_room(free_mib, grown_mib, level):
    told = room.report(free_mib, 1_000_000, 5000, grown_mib, days=7, min_free_mib=200)

    (found,) = diagnosis.of_room(told)

    assert (found.level, bool(found.advice)) == (level, level != "ok")
    assert ("days" in found.text) == (told.full_in_days is not None)


def test_where_nobody_counts_pictures_nothing_is_said_of_them():
    assert diagnosis.of_room(None) == []


def test_models_are_told_apart_by_here_missing_and_too_large():
    found = diagnosis.of_models({"sdxl": 6700, "moondream-2": None}, {"sdxl": 3500, "sdxl-anime": 3500})

    assert [(f.level, f.subject) for f in found] == [("ok", "models"), ("note", "models"), ("problem", "models")]
    assert "sdxl needs 3,500 MiB" in found[2].text


def test_a_model_that_cannot_be_loaded_is_a_problem_with_its_reason():
    found = problems(diagnosis.of_models({"sdxl": 6700}, {}, {"sdxl": "tokenizer/tokenizer.json is missing"}))

    assert [finding.text for finding in found] == ["sdxl: tokenizer/tokenizer.json is missing"]


def test_ram_that_the_host_cache_would_eat_is_a_problem():
    assert diagnosis.of_memory(16_000, 8192, workers=4)[0].level == "problem"
    assert diagnosis.of_memory(64_000, 8192, workers=2)[0].level == "ok"


def test_the_worst_finding_decides_the_last_line():
    ok, note, problem = (Finding(level, "", "") for level in ("ok", "note", "problem"))

    assert diagnosis.worst([ok, note, problem]) == "problem"
    assert diagnosis.worst([ok, note]) == "note"
    assert diagnosis.worst([ok]) == "ok"
