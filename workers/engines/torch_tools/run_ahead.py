"""The host may be one pass ahead of its GPU, not more.

A GPU takes work faster than it does it: a loop that only ever hands over passes would be dozens ahead, and whoever is
cancelled, or is urgent, would wait for all of them. One ahead is enough to keep the GPU from idling.
"""

from typing import Any

import torch


class RunAhead:
    """Bounds how far a loop is ahead of one device; on a CPU there is nothing to bound."""

    def __init__(self, device: str, cuda: Any = torch.cuda) -> None:
        """
        Args:
            device: as torch names it.
            cuda: `torch.cuda`, or what plays it.
        """
        self._is_cuda = device.startswith("cuda")
        self._cuda = cuda
        self._last: Any = None

    def passed(self) -> None:
        """A pass was handed over: waits until the one before it is computed."""
        if not self._is_cuda:
            return
        before, self._last = self._last, self._cuda.Event()
        self._last.record()
        if before is not None:
            before.synchronize()

    def settle(self) -> None:
        """Waits until all that was handed over is computed."""
        if self._last is not None:
            self._last.synchronize()
            self._last = None
