"""`make bench`: run the benches one after the other and write one file with machine, commit and date.

`python -m tests.bench [--gpu] [--only NAME] [--out FOLDER]`. Ratios within one run count; seconds are this machine's.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).with_name("results")
CPU_BENCHES = ("bench_stack", "bench_batches", "bench_moondream", "bench_png", "bench_rack")
GPU_BENCHES = ("bench_gpu",)


def about_this_run() -> dict[str, Any]:
    """Where and when: what makes a number comparable."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or "unknown",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def show(name: str, numbers: dict[str, Any]) -> None:
    table = Table(title=name, show_header=False)
    for key, value in numbers.items():
        table.add_row(key, json.dumps(value) if isinstance(value, dict | list) else str(value))
    Console().print(table)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpu", action="store_true", help="the benches of a CUDA card")
    parser.add_argument("--only", help="one bench, e.g. bench_stack")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result file")
    given = parser.parse_args(arguments)
    names = (given.only,) if given.only else GPU_BENCHES if given.gpu else CPU_BENCHES
    report: dict[str, Any] = about_this_run()
    for name in names:
        bench = importlib.import_module(f"tests.bench.{name}")
        with tempfile.TemporaryDirectory() as folder:
            report[name] = bench.main(Path(folder) / "numbers.json")
        show(name, report[name])
    given.out.mkdir(parents=True, exist_ok=True)
    kind = "gpu" if given.gpu else "cpu"
    path = given.out / f"{report['date'][:10]}-{kind}.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
