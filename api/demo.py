"""What `make demo` shows: the whole stack on this machine, a prompt that becomes a picture, and the picture remixed.

It starts everything in a fresh data folder on a free port, works only through HTTP as any client would, and leaves two
PNGs behind.
"""

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.client import Darkroom, Job
from api.stack import Stack
from shared.contracts.jobs import State
from shared.embedded_redis import free_port
from shared.errors import DarkroomError, NotReady
from shared.settings import Settings, from_environment

#: Longest until a worker reports: its imports take seconds, more on a slow disk.
READY_LIMIT_S = 120.0
JOB_LIMIT_S = 300.0
#: How much of the parts' log is shown when something goes wrong.
LOG_TAIL_CHARS = 4000
PROMPT = "a big red house in the middle, on the snow at dusk"
REMIX = "a big orange star in the middle, on the snow at night"
STRENGTH = 0.6
SEED = 7


def run_demo(out: Path, console: Console) -> int:
    """Run it; returns the exit status."""
    with tempfile.TemporaryDirectory(prefix="darkroom-demo-") as data:
        out.mkdir(parents=True, exist_ok=True)
        log_file = out / "demo.log"
        log_file.unlink(missing_ok=True)
        say = partial(console.print, style="dim", highlight=False, soft_wrap=True)
        stack = Stack(_settings(Path(data)), say=say, log_file=log_file)
        stack.stop_on_signals()
        try:
            stack.start()
            with Darkroom(stack.url) as darkroom:
                return _show(darkroom, stack, out, console)
        except DarkroomError:
            console.print(log_file.read_text(errors="replace")[-LOG_TAIL_CHARS:], markup=False)
            raise
        finally:
            stack.stop()


def _settings(data: Path) -> Settings:
    """A private rack in a throw-away folder; what the user set about models and GPUs still counts."""
    given = from_environment()
    return given.model_copy(
        update={
            "redis_url": None,
            "data_dir": data,
            "models_dir": given.models_path,
            "artifacts_dir": None,
            "host": "127.0.0.1",
            "port": free_port(),
            "drain_s": 2.0,
        }
    )


def _show(darkroom: Darkroom, stack: Stack, out: Path, console: Console) -> int:
    _wait_for_worker(darkroom, stack, console)
    model = next(m for m in darkroom.models() if m["is_default"])
    console.print(f"model   [bold]{model['id']}[/bold]: {model['summary']}\n", highlight=False, soft_wrap=True)
    first = _follow(darkroom, darkroom.generate(PROMPT, seed=SEED), "txt2img", console)
    source = first.image_ids()[0] if first.state == State.SUCCEEDED else None
    jobs = [first]
    if source:
        remix = darkroom.generate(REMIX, image=source, strength=STRENGTH, seed=SEED)
        jobs.append(_follow(darkroom, remix, "img2img", console))
    for name, job in zip(("txt2img", "img2img"), jobs, strict=False):
        console.print(_record(name, job))
    files = [_save(darkroom, job, out / f"{name}.png") for name, job in zip(("txt2img", "img2img"), jobs, strict=False)]
    for file in filter(None, files):
        console.print(f"wrote   [bold]{file}[/bold]", highlight=False, soft_wrap=True)
    return 0 if len(jobs) == 2 and all(job.state == State.SUCCEEDED for job in jobs) else 1


def _wait_for_worker(darkroom: Darkroom, stack: Stack, console: Console) -> None:
    ends_at = time.monotonic() + READY_LIMIT_S
    with console.status("waiting for a worker"):
        while not darkroom.is_ready():
            if stack.stopping.is_set() or time.monotonic() > ends_at or not all(p.is_running for p in stack.parts):
                raise NotReady("no worker came up; the end of its log stands above")
            stack.stopping.wait(0.1)
    workers = ", ".join(f"{w['name']} on {w['gpu']['name']}" for w in darkroom.status()["workers"])
    console.print(f"worker  {workers}", style="dim", highlight=False, soft_wrap=True)


def _follow(darkroom: Darkroom, job: Job, name: str, console: Console) -> Job:
    """Show a job's progress until it has ended."""
    columns = (
        TextColumn("{task.description:8}"),
        BarColumn(),
        TextColumn("{task.fields[steps]:>12}"),
        TextColumn("{task.fields[state]:10}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        row = bar.add_task(name, total=100, steps="", state=job.state.value)

        def show(now: Job) -> None:
            progress = now.progress
            steps = f"{progress.step}/{progress.steps} steps" if progress and progress.steps else ""
            phase = progress.phase if progress and now.state == State.RUNNING else now.state.value
            bar.update(row, completed=progress.percent if progress else 0, steps=steps, state=phase)

        return darkroom.wait(job.id, show, limit_s=JOB_LIMIT_S)


def _record(name: str, job: Job) -> Table:
    """A job's record, readable."""
    table = Table(title=f"{name}: job {job.id}", title_justify="left", show_header=False)
    rows: dict[str, Any] = {"state": job.state.value, "model": job.model, **job.params}
    rows["worker"] = f"{job.worker} ({job.gpu})"
    rows |= {f"{phase.removesuffix('_ms')} ms": took for phase, took in job.timings.model_dump().items()}
    if job.degradations:
        rows["gave up to fit"] = ", ".join(job.degradations)
    if job.error is not None:
        rows["error"] = f"{job.error.code}: {job.error.message}"
    for field, value in rows.items():
        if value not in (None, ""):
            table.add_row(field, str(value))
    return table


def _save(darkroom: Darkroom, job: Job, file: Path) -> Path | None:
    if not job.image_ids():
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(darkroom.image(job.image_ids()[0]))
    return file
