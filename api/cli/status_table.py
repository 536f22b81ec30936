"""`/v1/status` as tables in a terminal."""

from typing import Any

from rich.console import Group
from rich.table import Table


def status_tables(status: dict[str, Any]) -> Group:
    """Workers, what their owner should know, queues and jobs."""
    notes = [f"{worker['name']}: {worker['note']}" for worker in status["workers"] if worker["note"]]
    return Group(_workers(status["workers"]), *notes, _queues(status["queues"]), _jobs(status["jobs"]))


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
            ", ".join(worker["jobs"]) or "none",
        )
    return table


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
