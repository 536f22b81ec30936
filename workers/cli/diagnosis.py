"""What is well and what is not on a host, from facts that somebody else gathered. Pure; it advises and changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from shared.pictures.room import RoomReport
from shared.rack.worker_registry import WorkerReport, WorkerState
from workers.devices.snapshot import GpuProcess, Snapshot
from workers.devices.thread_book import Pace
from workers.engines.torch_tools.cuda_probe import advice as torch_advice
from workers.memory.budget import Budget

Level = Literal["ok", "note", "problem"]

#: Consumer cards throttle from 83 °C (NVIDIA's GPU Boost target).
HOT_C = 83
#: A GPU with so much in use before we start is shared with somebody.
SHARED_FROM_MIB = 1024
#: Below this, loading SDXL takes over half a minute.
SLOW_DISK_MIB_S = 250
#: Room for SDXL in half precision, Moondream, and the artifacts of a few days.
ROOMY_MIB = 20_000
#: Days until pictures have used up their room, from where on it is told: time to buy a disk, and no time to lose.
SOON_DAYS, NOW_DAYS = 30.0, 7.0
#: The oldest generation that torch's CUDA 13 builds still serve (Turing).
OLDEST_CAPABILITY = (7, 5)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    subject: str
    text: str
    advice: str = ""


@dataclass(frozen=True)
class Libraries:
    """What is installed, read without loading it."""

    torch: str | None
    #: The CUDA version that torch was built for; None: a CPU build.
    torch_cuda: str | None
    #: The newest CUDA version that the driver serves, e.g. (12, 4); None without a driver.
    driver_cuda: tuple[int, int] | None


@dataclass(frozen=True)
class DiskSpeed:
    """One measurement in the data folder; None: could not be measured."""

    free_mib: int | None
    write_mib_s: float | None
    read_mib_s: float | None


def of_libraries(libraries: Libraries, has_gpu: bool) -> list[Finding]:
    """Whether torch, the driver and the GPUs belong together."""
    if libraries.torch is None:
        return [Finding("problem", "torch", "not installed", "pip install torch")]
    if not has_gpu:
        return [Finding("note", "torch", f"{libraries.torch}; no GPU here, workers run on the CPU (slow)")]
    if libraries.torch_cuda is None:
        advice = "install a CUDA build: see https://pytorch.org/get-started/locally/"
        return [Finding("problem", "torch", f"{libraries.torch} is a CPU build, but there is a GPU", advice)]
    if libraries.driver_cuda is None:
        return [Finding("note", "torch", f"{libraries.torch} for CUDA {libraries.torch_cuda}; the driver names none")]
    built_for, served = int(libraries.torch_cuda.split(".")[0]), libraries.driver_cuda
    text = f"{libraries.torch} for CUDA {libraries.torch_cuda}, the driver serves up to {served[0]}.{served[1]}"
    if built_for > served[0]:
        return [Finding("problem", "torch", text, torch_advice(libraries.torch_cuda).removeprefix("; "))]
    return [Finding("ok", "torch", text)]


def of_use(gpu: Snapshot, refusal: str | None) -> Finding:
    """Whether torch can compute on a GPU, which was tried."""
    subject = f"GPU {gpu.label} ({gpu.name})"
    if refusal is None:
        return Finding("ok", subject, "torch computes on it")
    return Finding("problem", subject, refusal, "until then the CPU works, or the other cards")


def of_workers(reports: Sequence[WorkerReport]) -> list[Finding]:
    """What workers of this rack say about themselves, those that cannot work foremost."""
    unwell = [one for one in reports if one.state == WorkerState.UNHEALTHY]
    noted = [one for one in reports if one.note and one not in unwell]
    return [
        Finding("problem", one.name, f"unhealthy: {one.note}", "see the log of `darkroom worker`") for one in unwell
    ] + [Finding("note", one.name, one.note) for one in noted]


def of_device(device: Snapshot, budget: Budget, ours: frozenset[int]) -> list[Finding]:
    """One GPU, or the CPU: its memory, who else is on it, its temperature.

    Args:
        ours: process ids of our own workers.
    """
    if device.is_cpu:
        text = f"{device.total_mib:,} MiB of RAM as the worker's memory, {budget.usable_mib:,} usable"
        return [Finding("ok", "CPU", text)]
    name = f"GPU {device.label} ({device.name})"
    free, used = device.free_mib, device.used_mib or 0
    text = f"{device.total_mib:,} MiB, {'?' if free is None else f'{free:,}'} free, budget {budget.usable_mib:,}"
    others = tuple(process for process in device.processes if process.pid not in ours)
    # Workers run here and the driver lists none of them: the pids are those of another namespace (a container's host).
    are_foreign_pids = bool(ours) and bool(device.processes) and len(others) == len(device.processes)
    short = free is not None and free < budget.usable_mib and len(others) == len(device.processes)
    advice = "lower DARKROOM_VRAM_BUDGET_MIB, raise DARKROOM_RESERVE_MIB, or close what uses it"
    found = [Finding("problem", name, text, advice) if short and used and not ours else Finding("ok", name, text)]
    if are_foreign_pids:
        unknown = "whose memory is in use cannot be told: the driver lists pids of another namespace (a container?)"
        found.append(Finding("note", name, unknown))
    elif others:
        found.append(_of_others(name, others))
    if device.unaccounted_mib is not None and device.unaccounted_mib > SHARED_FROM_MIB:
        text = f"{device.unaccounted_mib:,} MiB belong to no process that the driver lists"
        found.append(Finding("problem", name, text, "left behind by a dead process: reboot, or reset the card"))
    return [*found, *_of_condition(name, device)]


def _of_condition(name: str, device: Snapshot) -> list[Finding]:
    """Heat, and what torch needs of a GPU's generation."""
    found = []
    if device.temperature_c is not None and device.temperature_c >= HOT_C:
        found.append(Finding("problem", name, f"{device.temperature_c} °C: it throttles", "look at fans and air flow"))
    if device.compute_capability is not None and device.compute_capability < OLDEST_CAPABILITY:
        major, minor = device.compute_capability
        text = f"compute capability {major}.{minor} is older than current torch builds for CUDA 13 serve"
        found.append(Finding("problem", name, text, "install torch for CUDA 12"))
    elif not device.has_bf16:
        found.append(Finding("note", name, "no bf16 arithmetic: models run in fp16"))
    return found


def of_disk(folder: str, disk: DiskSpeed) -> list[Finding]:
    """The data folder's room and speed."""
    if disk.free_mib is None:
        return [Finding("problem", folder, "cannot be written", "set DARKROOM_DATA_DIR to a folder that can")]
    found = []
    if disk.free_mib < ROOMY_MIB:
        found.append(Finding("problem", folder, f"{disk.free_mib:,} MiB free", "models and pictures need more"))
    speeds = f"writes {disk.write_mib_s or 0:,.0f} MiB/s, reads {disk.read_mib_s or 0:,.0f} MiB/s"
    if disk.read_mib_s is not None and disk.read_mib_s < SLOW_DISK_MIB_S:
        return [*found, Finding("note", folder, speeds, "models load slowly from here: an SSD, or more host cache")]
    return [*found, Finding("ok", folder, f"{disk.free_mib:,} MiB free, {speeds}")]


def of_room(room: RoomReport | None) -> list[Finding]:
    """When pictures will have used up their room; nothing where no API process looks after the library now."""
    if room is None:
        return []
    text = f"{room.kept_mib:,} MiB kept, {room.kept_mib_per_day:,.1f} MiB more a day, {room.free_mib:,} MiB free"
    if room.full_in_days is None:
        return [Finding("ok", "pictures", text)]
    told = f"{text}: full in {room.full_in_days:,.1f} days at this rate"
    if room.full_in_days > SOON_DAYS:
        return [Finding("ok", "pictures", told)]
    fix = "delete pictures and empty the trash, make room, or keep fewer (DARKROOM_KEEP=false)"
    return [Finding("problem" if room.full_in_days < NOW_DAYS else "note", "pictures", told, fix)]


def of_models(
    present: Mapping[str, int | None], too_large: Mapping[str, int], flaws: Mapping[str, str] = MappingProxyType({})
) -> list[Finding]:
    """The catalogue against the disk and the largest device.

    Args:
        present: model → MiB on disk; None: not here.
        too_large: models that fit no device here → the MiB they need.
        flaws: models that are here and cannot be loaded → why.
    """
    here = {name: mib for name, mib in present.items() if mib is not None}
    missing = [name for name, mib in present.items() if mib is None]
    found = []
    if here:
        sizes = ", ".join(f"{name} ({mib:,} MiB)" for name, mib in here.items())
        found.append(Finding("ok", "models", f"here: {sizes}"))
    if missing:
        found.append(Finding("note", "models", f"not here: {', '.join(missing)}", "darkroom pull <id>"))
    for name, flaw in flaws.items():
        found.append(Finding("problem", "models", f"{name}: {flaw}", "put its files right, or pull it again"))
    for name in here.keys() & too_large.keys():
        text = f"{name} needs {too_large[name]:,} MiB, more than any card here may give"
        found.append(Finding("problem", "models", text, "DARKROOM_VRAM_MODE=low, or a larger budget"))
    return found


def of_memory(host_mib: int, host_cache_mib: int, workers: int) -> list[Finding]:
    """Whether the host's RAM holds what the workers keep there."""
    wanted = host_cache_mib * workers
    text = f"{host_mib:,} MiB RAM, {wanted:,} for evicted models ({workers} × {host_cache_mib:,})"
    if wanted > host_mib // 2:
        return [Finding("problem", "memory", text, "lower DARKROOM_HOST_CACHE_MIB")]
    return [Finding("ok", "memory", text)]


def of_threads(fixed: int, most: int, measured: Sequence[Pace]) -> Finding:
    """How many CPU threads models get.

    Args:
        fixed: for all of them; 0: measured.
        most: what a worker may try.
        measured: the rows that hold on this host now.
    """
    if fixed:
        return Finding("ok", "threads", f"{fixed} a worker, not measured")
    text = f"1 to {most} a worker, measured when a model is first loaded"
    rows = [f"{row.model} ({row.precision}): {row.threads} [{_paces(row)}]" for row in measured]
    return Finding("ok", "threads", "; ".join([text, *rows]), "DARKROOM_CPU_THREADS sets them for all models")


def _paces(row: Pace) -> str:
    return ", ".join(f"{count}: {took_ms:g} ms" for count, took_ms in row.quickest_ms.items())


def worst(findings: Sequence[Finding]) -> Level:
    """The most serious level among them."""
    levels = {finding.level for finding in findings}
    return "problem" if "problem" in levels else "note" if "note" in levels else "ok"


def _of_others(name: str, others: Sequence[GpuProcess]) -> Finding:
    listed = ", ".join(f"{p.pid} ({'?' if p.used_mib is None else f'{p.used_mib:,}'} MiB)" for p in others)
    return Finding("note", name, f"other processes on it: {listed}", "DARKROOM_YIELD_TO_OTHERS makes room for them")
