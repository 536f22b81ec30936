"""Cores are counted as the kernel allows them: affinity, and the quotas of cgroups of both versions."""

import os

import pytest

from workers.devices.cores import counts_up_to, cpu_name, usable_cores


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))


def cores(tmp_path, membership, **files):
    for name, text in files.items():
        file = tmp_path / "groups" / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "membership").write_text(membership)
    return usable_cores(tmp_path / "groups", tmp_path / "membership")


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 8), ("300000 100000", 3), ("250000 100000", 2), ("5000 100000", 1)]
)
def test_a_quota_of_a_container_counts_and_parts_of_a_core_do_not(tmp_path, quota, expected):
    assert cores(tmp_path, "0::/\n", cpu_dot_max=quota) == expected


def test_the_tightest_group_on_the_way_up_counts(tmp_path):
    files = {"system__cpu_dot_max": "400000 100000", "system__darkroom__cpu_dot_max": "max 100000"}

    assert cores(tmp_path, "0::/system/darkroom\n", **files) == 4


@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("200000", 2)])
def test_the_first_version_of_cgroups_counts_too(tmp_path, quota, expected):
    folder = tmp_path / "groups" / "cpu" / "docker"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text(quota)
    (folder / "cpu.cfs_period_us").write_text("100000")

    assert cores(tmp_path, "4:cpu,cpuacct:/docker\n3:memory:/docker\n") == expected


def test_where_the_kernel_tells_nothing_the_affinity_counts(tmp_path):
    assert usable_cores(tmp_path, tmp_path / "nothing") == 8


@pytest.mark.parametrize(
    ("most", "counts"), [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8))]
)
def test_counts_double_up_to_the_most(most, counts):
    assert counts_up_to(most) == counts


def test_a_cpu_has_a_name_wherever_it_is_asked(tmp_path):
    (tmp_path / "info").write_text("processor : 0\nmodel name\t: Old Faithful\n")

    assert cpu_name(tmp_path / "info") == "Old Faithful"
    assert cpu_name(tmp_path / "nothing")
