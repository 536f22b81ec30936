"""Text encoders that wait in host memory and visit the GPU to encode: 1,558 MiB of an SDXL that only the first step needs.

They come together, for as long as one prompt takes, and leave without being copied: their weights do not change. Prompts that
were encoded lately need no visit (`prompt_cache`).
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import nn

from workers.engines.base import LoadPlan, hosts_encoders
from workers.engines.sdxl import placement
from workers.engines.sdxl.prompt_cache import Visits
from workers.engines.torch_tools.host_copy import off_gpu, onto_gpu


def visits_of(pipe: Any, plan: LoadPlan) -> Visits:
    """Around whatever the encoders of a pipeline do, as its plan has them."""
    if not hosts_encoders(plan):
        return nullcontext
    parts = placement.modules_of(pipe)
    return partial(visit, [parts[name] for name in placement.ENCODERS], plan.device)


@contextmanager
def visit(encoders: list[nn.Module], device: str) -> Iterator[None]:
    """On the device inside the block, in host memory behind it, also where it breaks.

    Raises:
        torch.OutOfMemoryError: they have no room there; they are in host memory still.
    """
    try:
        for encoder in encoders:
            onto_gpu(encoder, device)
        yield
    finally:
        for encoder in encoders:
            off_gpu(encoder)
