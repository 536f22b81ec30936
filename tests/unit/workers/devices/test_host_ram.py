"""RAM as limits leave it, with cgroup files of our own."""

from pathlib import Path

import psutil
import pytest

from workers.devices import host_ram
from workers.devices.host_ram import MIB, Sources, available_mib, pins_badly, share_mib, total_mib


@pytest.fixture
def linux(tmp_path):
    """A folder with the files that Linux would show; `group` writes one cgroup's."""
    return Linux(tmp_path)


class Linux:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources = Sources(folder / "cgroup", folder / "self", folder / "version")

    def member_of(self, line: str) -> None:
        self.sources.own_group.write_text(f"{line}\n")

    def group(self, path: str, **files: str) -> None:
        folder = self.sources.cgroups / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(f"{text}\n")


def test_without_limits_the_host_decides(linux):
    linux.member_of("0::/")

    assert total_mib(linux.sources) == psutil.virtual_memory().total // MIB


def test_a_containers_limit_counts_and_its_page_cache_is_free(linux):
    linux.member_of("0::/")
    linux.group(
        "", memory__max=512 * MIB, memory__current=500 * MIB, memory__stat=f"anon 1\ninactive_file {100 * MIB}\n"
    )

    assert (total_mib(linux.sources), available_mib(linux.sources)) == (512, 112)


def test_a_limit_on_a_group_above_binds_too(linux):
    linux.member_of("0::/system.slice/darkroom.service")
    linux.group("system.slice", memory__max=256 * MIB, memory__current=64 * MIB)
    linux.group("system.slice/darkroom.service", memory__max="max", memory__current=32 * MIB)

    assert (total_mib(linux.sources), available_mib(linux.sources)) == (256, 192)


def test_the_first_version_of_cgroups_is_understood(linux):
    linux.member_of("7:cpu,memory:/docker/abc")
    linux.group(
        "memory/docker/abc",
        memory__limit_in_bytes=128 * MIB,
        memory__usage_in_bytes=100 * MIB,
        memory__stat=f"total_inactive_file {8 * MIB}",
    )
    linux.group("memory", memory__limit_in_bytes=9223372036854771712, memory__usage_in_bytes=0)

    assert (total_mib(linux.sources), available_mib(linux.sources)) == (128, 36)


def test_broken_or_missing_files_are_no_limit(linux):
    linux.member_of("nonsense")
    linux.group("", memory__max="lots")

    assert total_mib(linux.sources) == psutil.virtual_memory().total // MIB


def test_workers_share_half_of_the_ram(linux, monkeypatch):
    linux.member_of("0::/")
    linux.group("", memory__max=32_768 * MIB)
    monkeypatch.setattr(host_ram.psutil, "virtual_memory", lambda: type("Ram", (), {"total": 65_536 * MIB}))

    assert (share_mib(1, linux.sources), share_mib(4, linux.sources)) == (16_384, 4_096)


@pytest.mark.parametrize(
    ("kernel", "badly"), [("Linux version 5.15.167.4-microsoft-standard-WSL2", True), ("Linux version 6.1.0", False)]
)
def test_only_wsl_pins_badly(linux, kernel, badly):
    linux.sources.kernel.write_text(kernel)

    assert pins_badly(linux.sources) is badly


def test_a_system_that_does_not_tell_pins_well(linux):
    assert not pins_badly(linux.sources)
