"""A process that ends when the one that started it dies, however that dies.

Without it, `kill -9` of a supervisor would leave servers that hold ports, data folders and GPUs, and a new supervisor
beside them would serve the same append-only file twice.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

#: prctl(2): the signal a process gets when its parent thread ends. Linux only; elsewhere nothing happens.
PR_SET_PDEATHSIG = 1


def dies_with_parent(how: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """For `Popen(preexec_fn=…)`: the new process gets `how` when the *thread* that started it ends.

    So start such processes from a thread that lives as long as they should.
    """
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def in_child() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, int(how), 0, 0, 0)
            if os.getppid() != parent:  # it died before we could ask
                os._exit(1)

    return in_child
