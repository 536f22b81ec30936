"""How the command line shows things: a job as a bar while it runs and as a record, the whole stack as tables."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.client import Darkroom, Job
from shared.contracts.jobs import State
from shared.contracts.kinds import KIND_RULES

#: Longest that a demo waits for one job.
JOB_LIMIT_S = 300.0


def follow(darkroom: Darkroom, job: Job, name: str, console: Console) -> Job:
    """Show a job's progress until it has ended."""
    with _bar(console) as bar:
        row = bar.add_task(name, total=100, steps="", state=job.state.value)

        def show(now: Job) -> None:
            progress = now.progress
            steps = f"{progress.step}/{progress.steps} steps" if progress and progress.steps else ""
            phase = progress.phase if progress and now.state == State.RUNNING else now.state.value
            bar.update(row, completed=progress.percent if progress else 0, steps=steps, state=phase)

        return darkroom.wait(job.id, show, limit_s=JOB_LIMIT_S)


def follow_all(darkroom: Darkroom, jobs: Sequence[Job], name: str, console: Console) -> list[Job]:
    """The same for several at once, in one bar."""
    ended = []
    with _bar(console) as bar:
        row = bar.add_task(name, total=len(jobs), steps=f"0/{len(jobs)} jobs", state="")
        for job in jobs:
            ended.append(darkroom.wait(job.id, limit_s=JOB_LIMIT_S))
            bar.update(row, completed=len(ended), steps=f"{len(ended)}/{len(jobs)} jobs", state=ended[-1].state.value)
    return ended


def record(name: str, job: Job) -> Table:
    """A job's record, readable; of an analysis job, what was said."""
    table = Table(title=f"{name}: job {job.id}", title_justify="left", show_header=False)
    rows: dict[str, Any] = {"state": job.state.value, "model": job.model}
    rows |= _answers(job) if _has_answers(job) else job.params
    rows["worker"] = f"{job.worker} ({job.gpu})"
    rows["cpu threads"] = _threads(job.result or {})
    rows |= {f"{phase.removesuffix('_ms')} ms": took for phase, took in job.timings.model_dump().items()}
    if job.degradations:
        rows["gave up to fit"] = ", ".join(job.degradations)
    if job.error is not None:
        rows["error"] = f"{job.error.code}: {job.error.message}"
    for field, value in rows.items():
        if value not in (None, ""):
            table.add_row(field, str(value))
    return table


def status_tables(status: dict[str, Any]) -> Group:
    """Workers, what their owner should know, queues and jobs."""
    notes = [f"{worker['name']}: {worker['note']}" for worker in status["workers"] if worker["note"]]
    if warning := status.get("warning"):
        notes.insert(0, f"warning: {warning}")
    return Group(_workers(status["workers"]), *notes, _queues(status["queues"]), _jobs(status["jobs"]))


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description:8}"),
        BarColumn(),
        TextColumn("{task.fields[steps]:>12}"),
        TextColumn("{task.fields[state]:10}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)


def _threads(result: dict[str, Any]) -> str:
    """Those of a generation, or of each engine that answered."""
    rows = [result, *result.get("answers", [])]
    return ", ".join(sorted({str(row["cpu_threads"]) for row in rows if row.get("cpu_threads") is not None}))


def _has_answers(job: Job) -> bool:
    rules = KIND_RULES.get(job.kind)  # None: a kind of a newer server
    return rules is not None and rules.has_answers


def _answers(job: Job) -> dict[str, str]:
    """Each task of an analysis and its answer in a line."""
    told = zip(job.params.get("tasks", []), (job.result or {}).get("answers", []), strict=False)
    return {asked["task"]: _in_a_line(asked, row) for asked, row in told}


def _in_a_line(asked: dict[str, Any], row: dict[str, Any]) -> str:
    answer = row.get("answer")
    if answer is None:
        return str(row["error"]["message"])
    match asked["task"]:
        case "tags":
            return ", ".join(tag["name"] for tag in answer["tags"])
        case "detect":
            corners = ("x_min", "y_min", "x_max", "y_max")
            boxes = [" ".join(f"{box[corner]:.2f}" for corner in corners) for box in answer["objects"]]
            return f"{asked['object']} at {'; '.join(boxes)}" if boxes else f"no {asked['object']}"
    return str(answer.get("text", answer))


def _workers(workers: list[dict[str, Any]]) -> Table:
    table = Table(
        "worker", "state", "card", "held / budget MiB", "°C", "W", "load %", "ghost MiB", "resident", "jobs now"
    )
    for worker in workers:
        gpu = worker["gpu"]
        table.add_row(
            worker["name"],
            worker["state"],
            gpu["name"],
            f"{worker['held_mib']:,} / {worker['budget_mib']:,}",
            _or_unknown(gpu["temperature_c"]),
            _or_unknown(gpu["power_w"]),
            _or_unknown(gpu["utilisation_percent"]),
            _or_unknown(gpu["ghost_mib"]),
            ", ".join(resident["model"] for resident in worker["resident"]) or "none",
            _jobs_now(worker),
        )
    return table


def _jobs_now(worker: dict[str, Any]) -> str:
    """Its jobs, and how long each is silent of what it may be; a server that does not tell that names them alone."""
    running = {
        job["id"]: f" ({job['phase']}, silent {job['silent_s']:.0f} of {job['limit_s']:.0f} s)"
        for job in worker.get("running", ())
    }
    return ", ".join(job_id + running.get(job_id, "") for job_id in worker["jobs"]) or "none"


def _queues(queues: dict[str, int]) -> Table:
    table = Table("queue", "waiting")
    for name, depth in queues.items():
        if depth:
            table.add_row(name, str(depth))
    return table


def _jobs(jobs: dict[str, int]) -> Table:
    table = Table(*jobs)
    table.add_row(*(str(count) for count in jobs.values()))
    return table


def _or_unknown(value: Any) -> str:
    return "unknown" if value is None else str(value)
