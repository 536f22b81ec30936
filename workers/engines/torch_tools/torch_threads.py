"""Torch's threads, and a look in between the modules of a network that runs.

Torch is not imported here: where an engine uses it, it is loaded by now, and where none does there is nothing to set.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def set_threads(threads: int) -> None:
    """Of all that torch computes on the CPU from here on (OpenMP, MKL and oneDNN follow it)."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


@contextmanager
def between_modules(look: Callable[[], None]) -> Iterator[None]:
    """Call `look` before each module of any network that runs inside; what it raises stops the network there."""
    if "torch" not in sys.modules:
        yield
        return
    modules: Any = sys.modules["torch"].nn.modules.module
    handle = modules.register_module_forward_pre_hook(lambda module, arguments: look())
    try:
        yield
    finally:
        handle.remove()
