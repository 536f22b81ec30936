"""What residency asks of a CUDA GPU, through torch. Lives in the child, the only process that may touch the device."""

from workers.engines.torch_tools.out_of_vram import REFUSALS, Refusals

MIB = 2**20


class CudaDevice:
    """The one GPU this process sees, capped to the worker's budget."""

    def __init__(self, process_mib: int, slack_mib: int = 0, refusals: Refusals = REFUSALS) -> None:
        """Cap this process: past its budget torch raises OutOfMemoryError instead of starving its neighbours.

        Args:
            process_mib: what it may reserve, its context not counted. Torch takes a share of the total that CUDA
                reports, which is less than the driver's: a share of that one would be too small a cap.
            slack_mib: what the budget keeps for blocks that are reserved and not used (`vram.Budget.margin_mib`).
            refusals: where work counts that it ran out of memory.
        """
        import torch

        self._cuda = torch.cuda
        total_mib = self._cuda.mem_get_info()[1] / MIB
        self._cuda.set_per_process_memory_fraction(min(1.0, max(0.0, process_mib / total_mib)))
        self._slack_mib = slack_mib
        self._refusals = refusals
        self._refused_before = refusals.count
        self._idle_before = 0

    def free_mib(self) -> int:
        """What the driver could still give, and what our allocator keeps but does not use."""
        driver_free, _ = self._cuda.mem_get_info()
        return int(driver_free + self._idle_bytes()) // MIB

    def own_mib(self) -> int:
        """What our allocator has given out."""
        return int(self._cuda.memory_allocated()) // MIB

    def start_peak(self) -> None:
        """Count the highest use from here on."""
        self._cuda.reset_peak_memory_stats()
        self._refused_before = self._refusals.count
        self._idle_before = self._idle_bytes()

    def peak_mib(self) -> int | None:
        """The highest need since then; None where work was refused memory meanwhile: it would have been higher.

        The cap counts what is reserved, and the budget keeps the slack for what is reserved beyond use: where that is
        not enough, the rest is part of the need. What was reserved and idle before may be an earlier job's, and is not.
        """
        if self._refusals.count != self._refused_before:
            return None
        reserved = int(self._cuda.max_memory_reserved()) - self._idle_before
        return max(int(self._cuda.max_memory_allocated()) // MIB, reserved // MIB - self._slack_mib)

    def free_cache(self) -> None:
        """Hand unused blocks back to the driver."""
        self._cuda.empty_cache()

    def _idle_bytes(self) -> int:
        return int(self._cuda.memory_reserved() - self._cuda.memory_allocated())
