"""Looks at this host and advises: `python -m workers.cli.doctor`.

Driver, torch, cards and who is on them, threads, disk, models, memory, Redis. It changes nothing (a test file in the data folder
is written and removed) and always exits 0; only `--requeue` acts: it sends a ticket for each queued job that lost its own.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pynvml
from rich.console import Console
from rich.table import Table

from shared.errors import DarkroomError, RedisUnavailable
from shared.jobs.store import JobStore
from shared.models.catalogue import Catalogue, load_catalogue
from shared.queue.broker import make_app
from shared.queue.dispatch import Dispatcher
from shared.rack.worker_registry import WorkerRegistry, WorkerReport
from shared.redis.client import connect, redis_errors
from shared.settings import Settings, from_environment
from workers.cli import diagnosis
from workers.cli.diagnosis import DiskSpeed, Finding, Libraries
from workers.devices import host_ram
from workers.devices.gpu import Snapshot, cpu_device, errors_of, list_gpus, open_driver
from workers.devices.thread_book import ThreadBook, circumstances
from workers.engines.inspections import flaw_of
from workers.engines.torch_tools.cuda_probe import refusal_of
from workers.memory.budget import Budget, RackPlan, budget_for, plan_rack
from workers.recovery.requeue import Requeue
from workers.supervisor.placing import GPU_WORKER_THREADS, host_cache_mib, most_threads

MIB = 2**20
#: Enough to outlast a drive's own cache a little, little enough to be done in a second.
TEST_FILE_MIB = 128
COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}


def examine(
    settings: Settings, cards: list[Snapshot], refusal_of: Callable[[str], str | None] = refusal_of
) -> Iterator[Finding]:
    """All findings on this host.

    Args:
        cards: its GPUs.
        refusal_of: why torch cannot use one of them; tries it, which takes seconds.
    """
    catalogue = load_catalogue(settings)
    yield from _driver(cards)
    yield from diagnosis.of_libraries(libraries(), bool(cards))
    for card in cards:
        yield diagnosis.of_use(card, refusal_of(card.uuid))
    devices = cards or [cpu_device(shares=settings.cpu_workers)]
    for card in devices:
        yield from diagnosis.of_card(card, _budget(card, settings), our_processes())
    yield _threads(settings, catalogue, has_gpu=bool(cards))
    cache_mib = host_cache_mib(settings, len(devices)) if cards else 0
    yield from diagnosis.of_memory(host_ram.total_mib(), cache_mib, len(devices))
    yield from diagnosis.of_disk(str(settings.data_dir), disk_speed(settings.data_dir))
    here = {name: size_on_disk_mib(catalogue, name) for name in catalogue.cards}
    flaws = {name: flaw for name, card in catalogue.cards.items() if (flaw := flaw_of(catalogue, card))}
    yield from diagnosis.of_models(here, _fits_nowhere([_rack(card, settings, catalogue) for card in devices]), flaws)
    yield _redis(settings)
    yield from diagnosis.of_workers(_reports(settings))


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


def requeue(settings: Settings) -> int:
    """Send a ticket for each queued job that has none; how many."""
    store = JobStore(connect(settings.required_redis_url(), settings.worker_redis_timeout_s), settings)
    return Requeue(store, Dispatcher(store, make_app(settings, for_worker=False)), settings).send_all()


def _driver(cards: list[Snapshot]) -> list[Finding]:
    if cards:
        return [Finding("ok", "driver", f"NVIDIA {cards[0].driver}, {len(cards)} GPU(s)")]
    return [Finding("note", "driver", "no NVIDIA driver, or no GPU that it lists", "nvidia-smi shows what it sees")]


def _budget(card: Snapshot, settings: Settings) -> Budget:
    return budget_for(
        card.total_mib,
        settings.vram_mode,
        device="cpu" if card.is_cpu else "cuda:0",
        budget_mib=settings.vram_budget_mib,
        reserve_mib=settings.reserve_mib,
        has_bf16=card.has_bf16,
    )


def _threads(settings: Settings, catalogue: Catalogue, *, has_gpu: bool) -> Finding:
    """Rows of models that have gone or changed, or of another host, do not hold."""
    rows = []
    for row in ThreadBook(settings.data_dir).rows():
        card = catalogue.cards.get(row.model)
        path = catalogue.locate(card) if card else None
        if path is not None and row.circumstances == circumstances(settings.cpu_workers, path):
            rows.append(row)
    fixed = settings.cpu_threads or (GPU_WORKER_THREADS if has_gpu else 0)
    return diagnosis.of_threads(fixed, most_threads(settings), rows)


def _rack(card: Snapshot, settings: Settings, catalogue: Catalogue) -> RackPlan:
    return plan_rack(list(catalogue.cards.values()), _budget(card, settings))


def _fits_nowhere(racks: list[RackPlan]) -> dict[str, int]:
    """Models that are too large for every card → the MiB of their smallest form."""
    everywhere = set.intersection(*(set(rack.too_large) for rack in racks)) if racks else set()
    return {name: min(rack.too_large[name] for rack in racks) for name in everywhere}


def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding("note", "redis", "none given: `darkroom up` starts a private Valkey")
    try:
        with redis_errors():
            info: Any = connect(settings.redis_url, settings.redis_timeout_s).info()
    except RedisUnavailable as exc:
        return Finding("problem", "redis", exc.message, "start it, or correct DARKROOM_REDIS_URL")
    aof = bool(info.get("aof_enabled"))
    text = f"{info.get('redis_version')} answers, AOF {'on' if aof else 'off'}, {info.get('maxmemory_policy')}"
    if not aof or info.get("maxmemory_policy") != "noeviction":
        return Finding("problem", "redis", text, "jobs survive a restart only with appendonly yes and noeviction")
    return Finding("ok", "redis", text)


def _reports(settings: Settings) -> list[WorkerReport]:
    """What workers say of themselves; nothing where Redis is not ours to ask or does not answer (see `_redis`)."""
    if settings.redis_url is None:
        return []
    with contextlib.suppress(RedisUnavailable):
        return WorkerRegistry(connect(settings.redis_url, settings.redis_timeout_s)).living()
    return []


def show(findings: list[Finding], console: Console) -> None:
    """As a table; the last line says whether anything needs a hand."""
    table = Table(title="darkroom doctor", show_lines=False)
    for column in ("", "what", "found", "advice"):
        table.add_column(column)
    for one in findings:
        table.add_row(f"[{COLOURS[one.level]}]{one.level}[/]", one.subject, one.text, one.advice)
    console.print(table)
    worst = diagnosis.worst(findings)
    console.print({"ok": "All is well.", "note": "Nothing is wrong.", "problem": "Some things need a hand."}[worst])


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 whatever was found."""
    parser = argparse.ArgumentParser(prog="darkroom doctor", description="Looks at this host and advises.")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--requeue", action="store_true", help="send tickets for queued jobs that lost theirs")
    given = parser.parse_args(arguments)
    try:
        settings = from_environment()
        if given.requeue:
            print(f"{requeue(settings)} jobs sent again")
            return 0
        findings = list(examine(settings, list_gpus()))
    except DarkroomError as error:
        print(f"darkroom doctor: {error.message}", file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps([asdict(one) for one in findings], indent=1, ensure_ascii=False))
    else:
        show(findings, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
