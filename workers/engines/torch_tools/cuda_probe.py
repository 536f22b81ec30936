"""Whether torch can use a GPU: no driver call says so, only a small computation on it does.

A CPU wheel, a driver that is too old for the wheel's CUDA, a GPU that is older than the wheel's kernels or that fell off
the bus: each looks like a healthy GPU to NVML. A worker on such a GPU would take jobs and fail them all. So the launcher
asks before it makes a slot, in a process that is thrown away (a CUDA context cannot be left), and a worker's child asks
again before it says that it is ready.

`CUDA_VISIBLE_DEVICES=<uuid> python -m workers.engines.torch_tools.cuda_probe` prints what is wrong, or nothing.
"""

import os
import subprocess
import sys
from typing import Any

#: A cold disk gives torch's libraries in some ten seconds, a first context takes one or two more.
LIMIT_S = 120.0
#: CUDA's major version → the oldest driver that serves it (NVIDIA, CUDA compatibility guide, table 2).
OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}
CUDA_BUILDS = "https://pytorch.org/get-started/locally/"


def refusal_of(
    uuid: str, *, command: tuple[str, ...] = (sys.executable, "-m", "workers.engines.torch_tools.cuda_probe")
) -> str | None:
    """Why torch cannot use the GPU with this UUID, as a sentence; None: it can. Asks in a process of its own."""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": uuid}
    try:
        asked = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"torch did not get an answer from it within {LIMIT_S:.0f} s"
    if asked.returncode == 0:
        return asked.stdout.strip() or None
    last = (asked.stderr.strip() or "it said nothing").splitlines()[-1]
    return f"a process that tried it ended with status {asked.returncode}: {last[:300]}"


def refusal(torch: Any = None) -> str | None:
    """The same about the one GPU that this process sees. Leaves a CUDA context behind where it can be used.

    Args:
        torch: the library; None loads it.
    """
    if torch is None:
        import torch
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is a CPU build: install one for CUDA, see {CUDA_BUILDS}"
    try:
        torch.cuda.init()
        square = torch.ones(16, 16, device="cuda:0")
        total = float((square @ square).sum())
        torch.cuda.synchronize()
    except Exception as exc:  # whatever it is, and it comes in many types: there is no working with this GPU
        said = (str(exc).strip() or type(exc).__name__).splitlines()[0][:300]
        return (
            f"torch {torch.__version__} for CUDA {torch.version.cuda} cannot use it: {said}{advice(torch.version.cuda)}"
        )
    return None if total == 16.0**3 else f"it computes wrongly: 16³ gave {total:g}"


def advice(cuda: str) -> str:
    """What may help where torch is refused."""
    oldest = OLDEST_DRIVER.get(int(cuda.split(".")[0]))
    needs = f" (CUDA {cuda.split('.')[0]} needs {oldest} or newer)" if oldest else ""
    return f"; update the NVIDIA driver{needs}, or install torch for an older CUDA, see {CUDA_BUILDS}"


if __name__ == "__main__":
    print(refusal() or "")
