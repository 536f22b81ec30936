"""Looks at this host, or at one job, and advises: `python -m workers.cli.doctor`.

Driver, torch, GPUs and who is on them, threads, disk, models, memory, Redis. It changes nothing (a test file in the data folder
is written and removed; `--publish` tells Redis what it found) and exits 0 whatever it finds. `--job` says why one job is not
moving; only `--requeue` acts: it sends a ticket for each queued job that lost its own.
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from shared.errors import DarkroomError, RedisUnavailable
from shared.jobs.stillness import Stillness, explain
from shared.jobs.store import JobStore
from shared.models.catalogue import Catalogue, load_catalogue
from shared.pictures.room import RoomReport, read_report
from shared.queue.broker import make_app
from shared.queue.dispatch import Dispatcher
from shared.rack.doctor_reports import DoctorReports
from shared.rack.worker_registry import WorkerRegistry, WorkerReport
from shared.redis.client import connect, redis_errors
from shared.settings import Settings, from_environment
from workers.cli import diagnosis
from workers.cli.diagnosis import Finding
from workers.cli.host_facts import disk_speed, libraries, our_processes, size_on_disk_mib
from workers.devices import host_ram
from workers.devices.gpu import cpu_device, list_gpus
from workers.devices.snapshot import Snapshot
from workers.devices.thread_book import ThreadBook, circumstances
from workers.engines.inspections import flaw_of
from workers.engines.torch_tools.cuda_probe import refusal_of
from workers.memory.budget import Budget, budget_for
from workers.memory.planner import RackPlan, plan_rack
from workers.recovery.requeue import Requeue
from workers.supervisor.placing import GPU_WORKER_THREADS, host_cache_mib, most_threads

COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}


def examine(
    settings: Settings, gpus: list[Snapshot], refusal_of: Callable[[str], str | None] = refusal_of
) -> Iterator[Finding]:
    """All findings on this host.

    Args:
        gpus: that its driver lists.
        refusal_of: why torch cannot use one of them; tries it, which takes seconds.
    """
    catalogue = load_catalogue(settings)
    yield from _driver(gpus)
    yield from diagnosis.of_libraries(libraries(), bool(gpus))
    for gpu in gpus:
        yield diagnosis.of_use(gpu, refusal_of(gpu.uuid))
    devices = gpus or [cpu_device(shares=settings.cpu_workers)]
    for device in devices:
        yield from diagnosis.of_device(device, _budget(device, settings), our_processes())
    yield _threads(settings, catalogue, has_gpu=bool(gpus))
    cache_mib = host_cache_mib(settings, len(devices)) if gpus else 0
    yield from diagnosis.of_memory(host_ram.total_mib(), cache_mib, len(devices))
    yield from diagnosis.of_disk(str(settings.data_dir), disk_speed(settings.data_dir))
    yield from diagnosis.of_room(_room(settings))
    here = {name: size_on_disk_mib(catalogue, name) for name in catalogue.cards}
    flaws = {name: flaw for name, card in catalogue.cards.items() if (flaw := flaw_of(catalogue, card))}
    yield from diagnosis.of_models(
        here, _fits_nowhere([_rack(device, settings, catalogue) for device in devices]), flaws
    )
    yield _redis(settings)
    yield from diagnosis.of_workers(_reports(settings))


def stillness(settings: Settings, job_id: str) -> Stillness:
    """Why a job is not moving.

    Raises:
        NotFound, Gone, RedisUnavailable: see `JobStore.get`. InvalidRequest: no Redis is given.
    """
    client = connect(settings.required_redis_url(), settings.redis_timeout_s)
    store = JobStore(client, settings)
    return explain(store.get(job_id), WorkerRegistry(client).living(), store.now_ms(), settings)


def requeue(settings: Settings) -> int:
    """Send a ticket for each queued job that has none; how many."""
    store = JobStore(connect(settings.required_redis_url(), settings.worker_redis_timeout_s), settings)
    return Requeue(store, Dispatcher(store, make_app(settings, for_worker=False)), settings).send_all()


def _driver(gpus: list[Snapshot]) -> list[Finding]:
    if gpus:
        return [Finding("ok", "driver", f"NVIDIA {gpus[0].driver}, {len(gpus)} GPU(s)")]
    return [Finding("note", "driver", "no NVIDIA driver, or no GPU that it lists", "nvidia-smi shows what it sees")]


def _budget(device: Snapshot, settings: Settings) -> Budget:
    return budget_for(
        device.total_mib,
        settings.vram_mode,
        device="cpu" if device.is_cpu else "cuda:0",
        budget_mib=settings.vram_budget_mib,
        reserve_mib=settings.reserve_mib,
        has_bf16=device.has_bf16,
        levers=settings.levers,
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


def _rack(device: Snapshot, settings: Settings, catalogue: Catalogue) -> RackPlan:
    return plan_rack(list(catalogue.cards.values()), _budget(device, settings))


def _fits_nowhere(racks: list[RackPlan]) -> dict[str, int]:
    """Models that are too large for every device → the MiB of their smallest form."""
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


def _room(settings: Settings) -> RoomReport | None:
    """What the API side counted last; None as for `_reports`, or where none runs."""
    if settings.redis_url is None:
        return None
    with contextlib.suppress(RedisUnavailable):
        return read_report(connect(settings.redis_url, settings.redis_timeout_s))
    return None


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
    """The command line; 0 whatever was found, 2 where it could not look."""
    parser = argparse.ArgumentParser(prog="darkroom doctor", description="Looks at this host, or one job, and advises.")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--publish", action="store_true", help="also tell the rack: GET /v1/doctor (needs DARKROOM_REDIS_URL)"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--job", metavar="ID", help="why this job is not moving (needs DARKROOM_REDIS_URL)")
    what.add_argument("--requeue", action="store_true", help="send tickets for queued jobs that lost theirs")
    given = parser.parse_args(arguments)
    try:
        _answer(given, from_environment())
    except DarkroomError as error:
        print(f"darkroom doctor: {error.message}", file=sys.stderr)
        return 2
    return 0


def _answer(given: argparse.Namespace, settings: Settings) -> None:
    if given.requeue:
        print(f"{requeue(settings)} jobs sent again")
    elif given.job:
        found = stillness(settings, given.job)
        print(_json(asdict(found)) if given.json else f"{given.job}: {found.why}")
    else:
        findings = list(examine(settings, list_gpus()))
        if given.publish:
            client = connect(settings.required_redis_url(), settings.redis_timeout_s)
            DoctorReports(client).publish(os.uname().nodename, [asdict(one) for one in findings])
        if given.json:
            print(_json([asdict(one) for one in findings]))
        else:
            show(findings, Console())


def _json(found: object) -> str:
    return json.dumps(found, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
