"""A rack of CPU workers with unequal budgets, as real processes."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tests.faults.stack import FaultRig

MODELS = Path(__file__).with_name("models.toml")
ORDERS = Path(__file__).with_name("orders")
ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def rack(folder: Path, budgets_mib: tuple[int, ...], order: str = "", **environment: str) -> Iterator[FaultRig]:
    """API and one worker per budget, ready for jobs.

    Args:
        order: how queues are read instead of by affinity (see `orders/sitecustomize.py`); "": as shipped.
    """
    path = os.pathsep.join([str(ROOT), str(ORDERS)]) if order else os.environ.get("PYTHONPATH", "")
    mine = {
        "DARKROOM_MODELS_FILE": str(MODELS),
        "DARKROOM_CPU_BUDGETS_MIB": ",".join(str(mib) for mib in budgets_mib),
        "DARKROOM_LEASE_S": "9",
        "RACK_ORDER": order,
        "PYTHONPATH": path,
    }
    with FaultRig(folder, len(budgets_mib), **(mine | environment)) as rig:
        rig.start_api().start_workers().wait_until_ready(120)
        yield rig
