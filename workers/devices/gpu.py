"""What the driver says about the GPUs, as snapshots; without a driver, what the host says about its RAM.

NVML only: no CUDA context is made, so a main process and a launcher may call it.

A GPU that is cut into MIG slices is listed as its slices, each a GPU with a UUID and memory of its own: a process can be
given one of them and no more, so the whole GPU's memory is nobody's. What is known of the whole only (temperature, power)
is not told of a slice.
"""

import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pynvml

from shared.errors import InvalidRequest
from shared.rack.worker_registry import GpuFacts
from workers.devices import mig
from workers.devices.snapshot import CPU_UUID, GpuProcess, Snapshot

MIB = 2**20
#: Where cgroup v2 and v1 write a container's memory limit.
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Driver:
    """An open NVML. `api` is the pynvml module, or in tests an object with the same functions and `NVMLError`."""

    def __init__(self, api: Any = pynvml) -> None:
        self._nvml = api
        self._errors = errors_of(api)
        api.nvmlInit()

    def close(self) -> None:
        with suppress(*self._errors):
            self._nvml.nvmlShutdown()

    def list_gpus(self) -> list[Snapshot]:
        """All GPUs in the driver's order, cut ones as their slices; one that does not answer any more is left out."""
        found = []
        for index in range(self._nvml.nvmlDeviceGetCount()):
            with suppress(*self._errors):
                handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
                if mig.is_cut(self._nvml, self._ask, handle):
                    parts = mig.slices(self._nvml, self._ask, handle)
                    found += [self._read_slice(handle, number, part) for number, part in parts]
                else:
                    found.append(self._read(handle))
        return found

    def snapshot(self, uuid: str) -> Snapshot | None:
        """One GPU or slice now; None: it is gone (it fell off the bus, or the uuid never was)."""
        try:
            if uuid.startswith(mig.SLICE_UUID):
                return next((one for one in self.list_gpus() if one.uuid == uuid), None)
            return self._read(self._nvml.nvmlDeviceGetHandleByUUID(uuid))
        except self._errors:
            return None

    def _read(self, handle: Any) -> Snapshot:
        nvml = self._nvml
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        power_mw = self._ask(nvml.nvmlDeviceGetPowerUsage, handle)
        energy_mj = self._ask(nvml.nvmlDeviceGetTotalEnergyConsumption, handle)
        load = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        return Snapshot(
            uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
            name=_text(nvml.nvmlDeviceGetName(handle)),
            index=nvml.nvmlDeviceGetIndex(handle),
            total_mib=memory.total // MIB,
            # Not `used`: what the driver keeps for itself is in neither used nor free on some versions.
            used_mib=(memory.total - memory.free) // MIB,
            temperature_c=self._ask(nvml.nvmlDeviceGetTemperature, handle, 0),  # 0: NVML_TEMPERATURE_GPU
            power_w=None if power_mw is None else power_mw / 1000,
            utilisation_percent=None if load is None else load.gpu,
            energy_j=None if energy_mj is None else energy_mj / 1000,
            processes=self._processes(handle),
            driver=_text(self._ask(nvml.nvmlSystemGetDriverVersion)),
            compute_capability=self._ask(nvml.nvmlDeviceGetCudaComputeCapability, handle),
        )

    def _read_slice(self, whole: Any, number: int, part: Any) -> Snapshot:
        nvml = self._nvml
        memory = nvml.nvmlDeviceGetMemoryInfo(part)
        return Snapshot(
            uuid=_text(nvml.nvmlDeviceGetUUID(part)),
            name=_text(self._ask(nvml.nvmlDeviceGetName, part)) or _text(nvml.nvmlDeviceGetName(whole)),
            index=nvml.nvmlDeviceGetIndex(whole),
            total_mib=memory.total // MIB,
            used_mib=(memory.total - memory.free) // MIB,
            processes=self._processes(part),
            driver=_text(self._ask(nvml.nvmlSystemGetDriverVersion)),
            compute_capability=self._ask(nvml.nvmlDeviceGetCudaComputeCapability, whole),
            slice=number,
        )

    def _processes(self, handle: Any) -> tuple[GpuProcess, ...]:
        """Compute and graphics processes, each once."""
        nvml = self._nvml
        kinds = (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses)
        listed = [process for kind in kinds for process in self._ask(kind, handle) or ()]
        by_pid = {process.pid: process.usedGpuMemory for process in listed}
        return tuple(GpuProcess(pid, None if used is None else used // MIB) for pid, used in sorted(by_pid.items()))

    def _ask(self, function: Callable[..., Any], *args: Any) -> Any:
        """One question; None where the driver or the GPU has no answer."""
        try:
            answer = function(*args)
        except self._errors:
            return None
        return tuple(answer) if isinstance(answer, list) and answer and isinstance(answer[0], int) else answer


def errors_of(api: Any) -> tuple[type[Exception], ...]:
    """What NVML's binding raises: its own error, and another, no kin of it, where binding and driver are of different
    versions."""
    return (api.NVMLError, getattr(api, "NVMLLibraryMismatchError", api.NVMLError))


def open_driver(api: Any = pynvml) -> Driver | None:
    """NVML, or None on a machine without an NVIDIA driver."""
    try:
        return Driver(api)
    except errors_of(api):
        return None


def list_gpus(api: Any = pynvml) -> list[Snapshot]:
    """All GPUs now; none without a driver."""
    driver = open_driver(api)
    if driver is None:
        return []
    try:
        return driver.list_gpus()
    finally:
        driver.close()


def snapshot(uuid: str, api: Any = pynvml) -> Snapshot | None:
    """One GPU now, or the CPU; for repeated questions keep a `Driver` open."""
    if uuid.startswith(CPU_UUID):
        return cpu_device(int(uuid.removeprefix(CPU_UUID).lstrip("-") or 0))
    driver = open_driver(api)
    if driver is None:
        return None
    try:
        return driver.snapshot(uuid)
    finally:
        driver.close()


def facts(uuid: str, total_mib: int) -> GpuFacts:
    """What a report says of this GPU or CPU now; its size as it was known, where the driver does not answer."""
    now = snapshot(uuid)
    return GpuFacts(name="the driver does not answer", uuid=uuid, total_mib=total_mib) if now is None else now.facts()


def cpu_device(index: int = 0, shares: int = 1) -> Snapshot:
    """The CPU as if it were a GPU: its share of the host's (or container's) RAM is the memory.

    Args:
        shares: CPU workers on this host; each gets an equal part.
    """
    memory = psutil.virtual_memory()
    limit = min(_cgroup_limit(path) for path in CGROUP_LIMITS)
    # In a container the host's figure counts the neighbours; the worker's own ledger is the better one.
    used = None if limit < memory.total else (memory.total - memory.available) // shares // MIB
    return Snapshot(
        uuid=f"{CPU_UUID}-{index}",
        name=platform.processor() or platform.machine() or "CPU",
        index=index,
        total_mib=min(memory.total, limit) // shares // MIB,
        used_mib=used,
        utilisation_percent=round(psutil.cpu_percent()),
    )


def choose(gpus: Sequence[Snapshot], wanted: str) -> list[Snapshot]:
    """The GPUs of `DARKROOM_GPUS`: all, none, or indexes ("0", a MIG slice "0:1"), UUIDs or their beginnings,
    comma-separated.

    Raises:
        InvalidRequest: a GPU that is not here, or a beginning that fits several.
    """
    if wanted == "all":
        return list(gpus)
    if wanted in ("none", ""):
        return []
    chosen = [_one(gpus, name.strip()) for name in wanted.split(",")]
    return list({gpu.uuid: gpu for gpu in chosen}.values())


def _one(gpus: Sequence[Snapshot], name: str) -> Snapshot:
    is_label = name.replace(":", "").isdigit()
    found = [gpu for gpu in gpus if (gpu.label == name if is_label else gpu.uuid.startswith(name))]
    if len(found) != 1:
        here = ", ".join(f"{gpu.label} = {gpu.uuid} ({gpu.name})" for gpu in gpus) or "none"
        raise InvalidRequest(f"no single GPU is {name!r}; here: {here}", field="DARKROOM_GPUS")
    return found[0]


def _cgroup_limit(path: Path) -> int:
    """Bytes; a huge number where there is no limit."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max" is no number
        return 2**63


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
