"""What a host has, gathered for the doctor: versions, our processes, the disk. A test file is written and removed; nothing else
is touched, and torch is never loaded.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pynvml

from shared.models.catalogue import Catalogue
from workers.cli.diagnosis import DiskSpeed, Libraries
from workers.devices.gpu import errors_of, open_driver

MIB = 2**20
#: Enough to outlast a drive's own cache a little, little enough to be done in a second.
TEST_FILE_MIB = 128


def libraries() -> Libraries:
    """Versions, read from files: importing torch takes seconds and hundreds of MB."""
    try:
        torch = version("torch")
    except PackageNotFoundError:
        return Libraries(None, None, driver_cuda())
    spec = importlib.util.find_spec("torch")
    about = Path(spec.origin).with_name("version.py").read_text() if spec and spec.origin else ""
    cuda = re.search(r"^cuda(?:: [^=]+)? = '([\d.]+)'", about, re.MULTILINE)
    return Libraries(torch, cuda[1] if cuda else None, driver_cuda())


def driver_cuda(api: Any = pynvml) -> tuple[int, int] | None:
    """The newest CUDA version that the driver serves."""
    driver = open_driver(api)
    if driver is None:
        return None
    try:
        number = api.nvmlSystemGetCudaDriverVersion()
    except errors_of(api):
        return None
    finally:
        driver.close()
    return number // 1000, number % 1000 // 10


def our_processes() -> frozenset[int]:
    """Process ids of Darkroom workers of this host, their children included."""
    found = set()
    for process in psutil.process_iter(["pid", "cmdline"]):
        if "workers.tasks" in (process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.Error):
                found |= {process.pid, *(child.pid for child in process.children(recursive=True))}
    return frozenset(found)


def disk_speed(folder: Path, size_mib: int = TEST_FILE_MIB) -> DiskSpeed:
    """Write and read one file past the page cache; in the nearest folder above if this one does not exist yet."""
    place = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    try:
        free_mib = shutil.disk_usage(place).free // MIB
        if free_mib < 2 * size_mib:
            return DiskSpeed(free_mib, None, None)
        with tempfile.TemporaryFile(dir=place) as file:
            return DiskSpeed(free_mib, _timed_write(file.fileno(), size_mib), _timed_read(file.fileno(), size_mib))
    except OSError:
        return DiskSpeed(None, None, None)


def _timed_write(descriptor: int, size_mib: int) -> float:
    block = os.urandom(MIB)  # not zeros: some drives and file systems skip them
    started_s = time.perf_counter()
    for _ in range(size_mib):
        os.write(descriptor, block)
    os.fsync(descriptor)
    return size_mib / (time.perf_counter() - started_s)


def _timed_read(descriptor: int, size_mib: int) -> float:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.lseek(descriptor, 0, os.SEEK_SET)
    started_s = time.perf_counter()
    while os.read(descriptor, MIB):
        pass
    return size_mib / (time.perf_counter() - started_s)


def size_on_disk_mib(catalogue: Catalogue, name: str) -> int | None:
    """A model's files; None where they are not here. A toy that was not built yet counts as here."""
    path = catalogue.locate(catalogue.get(name))
    if path is None:
        return None
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) // MIB
