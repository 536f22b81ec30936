"""`make bench`: run the benches one after the other and write one file with machine, commit and date.

`python -m tests.bench [--gpu [--dry]] [--only NAME] [--out FOLDER]`. Ratios within one run count; seconds are this machine's.
"""

import argparse
import importlib
import json
import sys
import tempfile
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
    if given.gpu:
        return bench_gpu.command_line([str(given.out / f"{report['date'][:10]}-gpu.json"), *(["--dry"] * given.dry)])
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / f"{report['date'][:10]}-cpu.json"
    for name in names:
        try:
            measure_into(report, name)
        finally:
            path.write_text(json.dumps(report, indent=2) + "\n")
        show(name, report[name])
    print(f"written to {path}")
    return 0


def measure_into(report: dict[str, Any], name: str) -> None:
    """Add what a bench finds; where it is broken off, what it had written down until then."""
    bench = importlib.import_module(f"tests.bench.{name}")
    with tempfile.TemporaryDirectory() as folder:
        numbers = Path(folder) / "numbers.json"
        try:
            report[name] = bench.main(numbers)
        except BaseException:
            if numbers.exists():
                report[name] = json.loads(numbers.read_text()) | {"was_broken_off": True}
            raise


if __name__ == "__main__":
    sys.exit(main())
