"""The ten-minute run on a CUDA card: everything that only a card can decide, in eight stages.

    python -m tests.bench.bench_gpu OUT.json [--dry] [--only STAGE …] [--limit-s 600]      (or `make bench-gpu`)

Each stage runs in a process of its own: one that fails, hangs or poisons its context ends alone, and what came before is
in OUT.json already, which is written anew after each. Full-size weights are random; nothing is downloaded, nothing else
may use the card. Disk figures are of files that the page cache holds: they are a lower bound.

`--dry` runs the same code on a CPU with toys: it measures nothing, it shows that every stage runs. Without a card the run
is skipped aloud.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.machine import about_this_run

CUDA = "cuda:0"
#: Last lines of a stage that broke, kept in the results.
TAIL_LINES = 12
#: A CPU that others use too takes a minute for the imports alone.
DRY_PATIENCE = 4
#: Left alone, a stage with less time than this would only be killed in its imports.
LEAST_S = 15.0


@dataclass(frozen=True)
class Stage:
    """One process of the run. `limit_s` is generous on an H100; together they stay within ten minutes there."""

    name: str
    module: str
    limit_s: float
    environment: dict[str, str] = field(default_factory=dict)


#: In the order in which they decide most.
STAGES = (
    Stage("about", "tests.bench.card.about", 60),
    Stage("placements", "tests.bench.card.placements", 180),
    Stage("memory", "tests.bench.card.memory", 60),
    Stage("memory_expandable", "tests.bench.card.memory", 60, {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}),
    Stage("tokens", "tests.bench.card.tokens", 90),
    Stage("switching", "tests.bench.card.switching", 120),
    Stage("faults", "tests.bench.card.faults", 60),
    Stage("whole_stack", "tests.bench.card.whole_stack", 180),
    # Last of all, because compiling may take what is left: its own levers end with that.
    Stage("step_times", "tests.bench.card.step_times", 240),
)


def main(out: Path, *, dry: bool = False, stages: Sequence[Stage] = STAGES, limit_s: float = 600.0) -> dict[str, Any]:
    """Run the stages and write `out` after each; returns all of it."""
    report: dict[str, Any] = {**about_this_run(), "torch": _torch(), "is_dry": dry, "stages": {}}
    if not dry and not report["torch"].get("has_card"):
        report["skipped"] = f"no CUDA card that torch can use: {report['torch']}"
        _write(out, report)
        return report
    ends_at_s = time.monotonic() + limit_s
    for stage in stages:
        left_s = ends_at_s - time.monotonic()
        if left_s < LEAST_S:
            report["stages"][stage.name] = {"skipped": f"no time left of {limit_s:g} s"}
        else:
            stage_s = stage.limit_s * (DRY_PATIENCE if dry else 1)
            report["stages"][stage.name] = run_stage(stage, dry=dry, limit_s=min(stage_s, left_s))
        _write(out, report)
    return report


def run_stage(stage: Stage, *, dry: bool, limit_s: float) -> dict[str, Any]:
    """What a stage found, or how it failed; never raises for a stage."""
    print(f"{stage.name} (up to {limit_s:.0f} s) …", flush=True)
    since_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        command = [sys.executable, "-m", "tests.bench.bench_gpu", "--stage", stage.module, str(file)]
        status, said = _bounded(command + (["--dry"] if dry else []), os.environ | stage.environment, limit_s)
        took = {"took_s": round(time.monotonic() - since_s, 1)}
        if status == 0:
            return took | dict(json.loads(file.read_text()))
    how = f"still running after {limit_s:.0f} s" if status is None else f"ended with status {status}"
    return took | {"failed": how, "said": said.splitlines()[-TAIL_LINES:]}


def _bounded(command: list[str], environment: dict[str, str], limit_s: float) -> tuple[int | None, str]:
    """Exit status (None: killed at the limit, with all it had started) and what it said."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)
        try:
            status: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            status = None
            _kill_group(process)
        said.seek(0)
        return status, said.read()


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, 9)
    process.wait()


def _torch() -> dict[str, Any]:
    """What runs: asked in a process of its own, for a context here would be in every measurement."""
    script = (
        "import json, torch; has = torch.cuda.is_available();"
        "print(json.dumps({'torch': torch.__version__, 'cuda': torch.version.cuda, 'has_card': has,"
        " 'card': torch.cuda.get_device_name() if has else None}))"
    )
    asked = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    return dict(json.loads(asked.stdout)) if asked.returncode == 0 else {"failed": asked.stderr[-300:]}


def _write(out: Path, report: dict[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_suffix(".new")
    draft.write_text(json.dumps(report, indent=2, ensure_ascii=False, default=str) + "\n")
    draft.replace(out)


def _one_stage(module: str, out: Path, dry: bool) -> None:
    """In the stage's own process."""
    from tests.bench.card.where import Where

    found = importlib.import_module(module).run(Where("cpu" if dry else CUDA, dry))
    _write(out, found)


def command_line(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the results, written after each stage")
    parser.add_argument("--dry", action="store_true", help="on a CPU, with toys: does every stage run?")
    parser.add_argument("--only", nargs="+", choices=[stage.name for stage in STAGES], help="these stages")
    parser.add_argument("--limit-s", type=float, default=600.0, help="for all stages together")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.stage:
        _one_stage(given.stage, given.out, given.dry)
        return 0
    chosen = [stage for stage in STAGES if not given.only or stage.name in given.only]
    report = main(given.out, dry=given.dry, stages=chosen, limit_s=given.limit_s)
    failed = [name for name, found in report["stages"].items() if "failed" in found]
    print(f"written to {given.out}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(command_line())
