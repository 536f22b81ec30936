"""Which workers this host gets: one per chosen GPU, or CPU workers where there is none; and what each can serve.

A worker reads only queues of models whose weights are on this host and whose smallest form fits its budget, so no job
ever goes to a GPU it does not fit on. A GPU that torch cannot use gets no worker: where that leaves none, the CPU
works, and its workers say why.
"""

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from shared.contracts.base import Priority
from shared.errors import InvalidRequest
from shared.jobs.routing import queue_of
from shared.log import logger
from shared.models.catalogue import Catalogue, ModelCard, load_catalogue
from shared.settings import Lever, Settings
from workers.devices.cores import usable_cores
from workers.devices.gpu import choose, cpu_device, list_gpus
from workers.devices.host_ram import share_mib
from workers.devices.slot import CPU, Slot, slot_name
from workers.devices.snapshot import Snapshot
from workers.memory.budget import Budget, budget_for
from workers.memory.current_plans import Peaks
from workers.memory.planner import plan_rack

#: Of a GPU's worker: its host side waits for the GPU most of the time. Not measured.
GPU_WORKER_THREADS = 2


def place(
    settings: Settings,
    gpus: list[Snapshot] | None = None,
    peaks: Peaks = lambda model: {},
    refusal_of: Callable[[str], str | None] = lambda uuid: None,
) -> list[Slot]:
    """The slots of this host.

    Args:
        gpus: those that are here; None asks the driver.
        peaks: model → measured peaks in MiB by `needs.key_of`.
        refusal_of: why torch cannot use a GPU (see `cuda_probe`); None where it can.

    Raises:
        InvalidRequest: the settings name GPUs that are not here or cannot be used, or budgets that do not match the
            workers.
    """
    found = list_gpus() if gpus is None else gpus
    chosen = choose(found, settings.gpus) if found or settings.gpus not in ("all", "none") else []
    usable, note = _usable(chosen, settings, refusal_of)
    catalogue = load_catalogue(settings)
    if usable:
        bare = [_gpu_slot(gpu, settings, len(usable)) for gpu in usable]
    else:
        bare = [_cpu_slot(number, mib, settings) for number, mib in enumerate(_cpu_budgets(settings))]
    return [_with_models(slot.model_copy(update={"note": note}), settings, catalogue, peaks) for slot in bare]


def most_threads(settings: Settings) -> int:
    """A CPU worker's share of the cores: what it may measure with."""
    return max(1, usable_cores() // settings.cpu_workers)


def budget_of(slot: Slot, mode: str, levers: tuple[Lever, ...] = ()) -> Budget:
    """A slot's budget, for the process that serves it. What the launcher reserved is already out of it."""
    return budget_for(
        slot.total_mib,
        mode,
        device=slot.device,
        budget_mib=slot.budget_mib,
        reserve_mib=0,
        has_bf16=slot.has_bf16,
        gpu_type=slot.gpu_type,
        levers=levers,
    )


def _usable(
    chosen: list[Snapshot], settings: Settings, refusal_of: Callable[[str], str | None]
) -> tuple[list[Snapshot], str]:
    """The GPUs that torch can use, and a sentence about the others."""
    with ThreadPoolExecutor(max_workers=max(1, len(chosen))) as pool:
        refusals = list(pool.map(refusal_of, [gpu.uuid for gpu in chosen]))
    usable = [gpu for gpu, refusal in zip(chosen, refusals, strict=True) if refusal is None]
    if len(usable) == len(chosen):
        return usable, ""
    told = "; ".join(f"GPU {gpu.label} ({gpu.name}): {why}" for gpu, why in zip(chosen, refusals, strict=True) if why)
    if settings.gpus != "all":
        raise InvalidRequest(f"cannot use what was asked for: {told}", field="DARKROOM_GPUS")
    note = f"not used: {told}" if usable else f"works on the CPU, because of {told}"
    logger().warning("gpus.not_used", left=len(usable), reason=note)
    return usable, note


def host_cache_mib(settings: Settings, workers: int) -> int:
    """RAM for the weights of one worker that wait for their GPU: as set, else its share of what this host has."""
    return share_mib(workers) if settings.host_cache_mib is None else settings.host_cache_mib


def _gpu_slot(gpu: Snapshot, settings: Settings, workers: int) -> Slot:
    budget = budget_for(
        gpu.total_mib,
        settings.vram_mode,
        budget_mib=settings.vram_budget_mib,
        reserve_mib=settings.reserve_mib,
        has_bf16=gpu.has_bf16,
    )
    return Slot(
        name=slot_name("gpu", gpu.label.replace(":", "-")),
        gpu=gpu.uuid,
        device="cuda:0",  # the only one it sees
        budget_mib=budget.limit_mib,
        total_mib=gpu.total_mib,
        has_bf16=gpu.has_bf16,
        gpu_type=re.sub(r"[^a-z0-9]+", "-", gpu.name.lower()).strip("-"),
        host_cache_mib=host_cache_mib(settings, workers),
        threads=settings.cpu_threads or GPU_WORKER_THREADS,
    )


def _cpu_budgets(settings: Settings) -> list[int]:
    if not settings.cpu_budgets_mib:
        return [cpu_device(shares=settings.cpu_workers).total_mib] * settings.cpu_workers
    if len(settings.cpu_budgets_mib) != settings.cpu_workers:
        raise InvalidRequest(
            f"{len(settings.cpu_budgets_mib)} budgets for {settings.cpu_workers} CPU workers: give one each",
            field="DARKROOM_CPU_BUDGETS_MIB",
        )
    return list(settings.cpu_budgets_mib)


def _cpu_slot(number: int, budget_mib: int, settings: Settings) -> Slot:
    return Slot(
        name=slot_name(CPU, number),
        gpu=CPU,
        device=CPU,
        budget_mib=min(budget_mib, settings.vram_budget_mib or budget_mib),
        total_mib=budget_mib,
        threads=settings.cpu_threads or most_threads(settings),
    )


def _with_models(slot: Slot, settings: Settings, catalogue: Catalogue, peaks: Peaks) -> Slot:
    here = here_of(catalogue)
    plan = plan_rack(
        here, budget_of(slot, settings.vram_mode, settings.levers), {card.id: peaks(card.id) for card in here}
    )
    if plan.too_large:
        logger().warning("slot.too_small", worker=slot.name, budget_mib=slot.budget_mib, needs_mib=dict(plan.too_large))
    return slot.model_copy(
        update={
            "models": tuple(plan.planned),
            "too_large": dict(plan.too_large),
            "leaves_out": tuple(hurried(here)) if settings.embed_workers else (),
        }
    )


def here_of(catalogue: Catalogue) -> list[ModelCard]:
    """The models whose weights are on this host."""
    return [card for card in catalogue.cards.values() if catalogue.locate(card) is not None]


def hurried(cards: Iterable[ModelCard]) -> list[str]:
    """The queues of encoders in which somebody waits at a keyboard: small workers beside the others read these alone."""
    return [queue_of(card.id, Priority.HIGH) for card in cards if card.kind == "embed"]
