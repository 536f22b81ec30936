"""What residency asks of a CUDA card, through torch. Lives in the child, the only process that may touch the device."""

MIB = 2**20


class CudaDevice:
    """The one card this process sees, capped to the worker's budget."""

    def __init__(self, process_fraction: float) -> None:
        """Cap this process: past its budget torch raises OutOfMemoryError instead of starving its neighbours."""
        import torch

        self._cuda = torch.cuda
        self._cuda.set_per_process_memory_fraction(process_fraction)

    def free_mib(self) -> int:
        """What the driver could still give, and what our allocator keeps but does not use."""
        driver_free, _ = self._cuda.mem_get_info()
        cached = self._cuda.memory_reserved() - self._cuda.memory_allocated()
        return int(driver_free + cached) // MIB

    def free_cache(self) -> None:
        """Hand unused blocks back to the driver."""
        self._cuda.empty_cache()
