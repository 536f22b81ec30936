"""Both kinds of CPU on either: what bitsandbytes is told that it finds."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def pretended(has_avx512bf16: bool) -> Iterator[None]:
    """Linears made inside are told of such a CPU; with AVX-512-BF16 bitsandbytes would pack their weights anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: has_avx512bf16)
        yield
