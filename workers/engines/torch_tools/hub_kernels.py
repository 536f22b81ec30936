"""Compiled kernels from a hub: kept out of a worker.

Some libraries look for the package `kernels` and, where it is installed, fetch compiled code from a hub: bitsandbytes
while it is imported on a CPU with AVX-512-BF16 (and warns in every process where the package is missing), transformers
for single layers. The same job would then be computed by other code from host to host, by what the CPU has and by what
happens to be installed, and a worker would wait for a network. Darkroom uses none of these kernels.
"""

import logging
import sys

PACKAGE = "kernels"
#: Warns about the missing package, whatever the reason, at import.
ASKER = "bitsandbytes.backends.cpu.ops"


def forbid() -> None:
    """From here on this process finds no such package; call it before a library that looks for it is imported."""
    # An entry of None makes `import kernels` fail and `find_spec` answer None (Python's reference, "the module cache").
    sys.modules[PACKAGE] = None  # type: ignore[assignment]
    logging.getLogger(ASKER).addFilter(_is_about_something_else)


def _is_about_something_else(record: logging.LogRecord) -> bool:
    return "kernels-community" not in record.getMessage()
