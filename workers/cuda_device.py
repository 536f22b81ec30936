"""What residency asks of a CUDA card, through torch. Lives in the child, the only process that may touch the device."""

MIB = 2**20


class CudaDevice:
    """The one card this process sees, capped to the worker's budget."""

    def __init__(self, process_fraction: float) -> None:
        """Cap this process: past its budget torch raises OutOfMemoryError instead of starving its neighbours."""
        import torch

        self._cuda = torch.cuda
        self._cuda.set_per_process_memory_fraction(process_fraction)
        self._refusals = 0

    def free_mib(self) -> int:
        """What the driver could still give, and what our allocator keeps but does not use."""
        driver_free, _ = self._cuda.mem_get_info()
        cached = self._cuda.memory_reserved() - self._cuda.memory_allocated()
        return int(driver_free + cached) // MIB

    def own_mib(self) -> int:
        """What our allocator has given out."""
        return int(self._cuda.memory_allocated()) // MIB

    def start_peak(self) -> None:
        """Count the highest use from here on."""
        self._cuda.reset_peak_memory_stats()
        self._refusals = self._count_refusals()

    def peak_mib(self) -> int | None:
        """The highest use since then; None where something was refused meanwhile: it would have been higher."""
        if self._count_refusals() != self._refusals:
            return None
        return int(self._cuda.max_memory_allocated()) // MIB

    def _count_refusals(self) -> int:
        return int(self._cuda.memory_stats().get("num_ooms", 0))

    def free_cache(self) -> None:
        """Hand unused blocks back to the driver."""
        self._cuda.empty_cache()
