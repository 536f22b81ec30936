"""How torch's allocators shall behave in a process that owns a GPU: environment variables, set before torch loads.

Expandable segments let the allocator give unused pages of a segment to other sizes: what it reserves stays close to what
is allocated, and the budget's cap counts what is reserved (decoding 1024 × 1024: 2,434 MiB allocated, 4,274 reserved
without them, published for an RTX 4090).

Page-locked blocks are rounded up to powers of two unless told otherwise: SDXL's 6,614 MiB would take 8,787. The two
thresholds belong together: a block that is not rounded must not be kept either, because torch hands a kept block to
larger requests of its class without looking at its size (pytorch/pytorch#192722, a heap overflow).
"""

from collections.abc import Mapping

#: Both names are read by torch; who sets one of them has decided, and nothing is changed.
NAMES = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
#: Page-locked blocks above are exactly as large as asked for, and go back to the system when they are free.
PINNED_EXACT_FROM_MIB = 1
SETTINGS = (
    "expandable_segments:True,"
    f"pinned_max_round_threshold_mb:{PINNED_EXACT_FROM_MIB},pinned_max_cached_size_mb:{PINNED_EXACT_FROM_MIB}"
)


def allocator_environment(given: Mapping[str, str]) -> dict[str, str]:
    """What to add to a GPU process' environment; nothing where its user has set the allocator up.

    Args:
        given: the environment as it is.
    """
    return {} if any(given.get(name) for name in NAMES) else {NAMES[-1]: SETTINGS}


def pinned_nbytes(nbytes: int, given: Mapping[str, str]) -> int:
    """What a page-locked block of so many bytes takes in a process with this environment."""
    is_exact = given.get(NAMES[-1]) == SETTINGS and not given.get(NAMES[0])
    if is_exact and nbytes > PINNED_EXACT_FROM_MIB * 2**20:
        return nbytes
    return 1 << max(0, nbytes - 1).bit_length() if nbytes else 0
