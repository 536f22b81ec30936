"""`make bench`: run the benches one after the other and write one file with machine, commit and date.

`python -m tests.bench [--gpu [--dry]] [--only NAME] [--out FOLDER]`. Ratios within one run count; seconds are this machine's.

The file is written after each bench, and what the one at hand has found so far lies beside it (`….so-far.json`): a run that is
broken off is not lost.
"""

import argparse
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import bench_gpu
from tests.bench.machine import about_this_run

RESULTS = Path(__file__).with_name("results")
CPU_BENCHES = (
    "bench_stack",
    "bench_steps",
    "bench_batches",
    "bench_moondream",
    "bench_captions",
    "bench_png",
    "bench_rack",
    "bench_access",
    "bench_shares",
    "bench_library",
    "bench_import",
    "bench_page",
)


def show(name: str, numbers: dict[str, Any]) -> None:
    table = Table(title=name, show_header=False)
    for key, value in numbers.items():
        table.add_row(key, json.dumps(value) if isinstance(value, dict | list) else str(value))
    Console().print(table)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpu", action="store_true", help="the ten-minute run on a CUDA card, see bench_gpu")
    parser.add_argument("--dry", action="store_true", help="with --gpu: the same code on a CPU, with toys")
    parser.add_argument("--only", help="one bench, e.g. bench_stack")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result file")
    given = parser.parse_args(arguments)
    names = (given.only,) if given.only else CPU_BENCHES
    report: dict[str, Any] = about_this_run()
    date = report["date"][:10]
    if given.gpu:
        return bench_gpu.command_line([str(given.out / f"{date}-gpu.json"), *(["--dry"] * given.dry)])
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / (f"{date}-{given.only.removeprefix('bench_')}-cpu.json" if given.only else f"{date}-cpu.json")
    began_s = time.monotonic()
    for name in names:
        print(f"{time.monotonic() - began_s:6.0f} s  {name} begins", flush=True)
        so_far = given.out / f"{date}-{name}.so-far.json"
        report[name] = importlib.import_module(f"tests.bench.{name}").main(so_far)
        show(name, report[name])
        path.write_text(json.dumps(report, indent=2) + "\n")
        so_far.unlink(missing_ok=True)
    print(f"{time.monotonic() - began_s:6.0f} s  written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
