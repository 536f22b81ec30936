"""Three people on four unequal GPUs: the shipped shares against first come first served and against people in turn.

    python -m tests.bench.simulate_shares --seed 1 --hours 1.5 --json shares.json

Ann sends 10,000 jobs at once, Ben a trickle, Cleo hundreds now and then; a workload says which models each asks for and
what they weigh. Jobs take up to ten seconds. `today` is the shipped order of reading with first come, first served inside a
queue: what switches are compared with. Everything is drawn from the seed; seconds are simulated.
"""

import argparse
import json
import random
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.rack_simulation import POLICIES, Outcome, Rack
from tests.bench.sim_jobs import Gpu, Job, Model, job
from tests.bench.simulate_rack import gpus_of
from tests.bench.turns import TURNS

#: Seconds of a 12 GB card: SDXL in few steps, a Lightning model, a Moondream caption; loads as in `simulate_rack`. On the
#: slowest card of the home rack the longest job takes 9.1 s.
MODELS = (
    Model("sdxl", 6617, 984, job_s=3.9, load_s=9.0, copy_s=1.2),
    Model("sdxl-realism", 6617, 984, job_s=2.2, load_s=9.0, copy_s=1.2),
    Model("moondream", 3676, 700, job_s=1.4, load_s=5.0, copy_s=0.7),
)
#: Unequal in speed and in how many models they hold, but each can do all of them: a share is promised among people whose
#: work the same cards can do.
GPUS = "24:1.6,16:1.0,12:0.9,10:0.6"
LEAST_EFFORT, MOST_EFFORT = 0.6, 1.4
#: The window over which a share is promised, and how far it moves between two looks.
WINDOW_S, STEP_S = 600.0, 60.0
MAX_WAIT_S = 30.0
NEW_AFTER_S = 60.0


@dataclass(frozen=True)
class Workload:
    """Who asks for what; models by their place in `MODELS`."""

    models: dict[str, tuple[int, ...]]
    weights: dict[str, float]


WORKLOADS = {
    "all of all": Workload({"ann": (0, 1, 2), "ben": (0, 1, 2), "cleo": (0, 1, 2)}, {"ann": 1, "ben": 1, "cleo": 1}),
    "by weight": Workload({"ann": (0, 1, 2), "ben": (0, 1, 2), "cleo": (0, 1, 2)}, {"ann": 1, "ben": 1, "cleo": 3}),
    "each their own": Workload({"ann": (0,), "ben": (1,), "cleo": (2,)}, {"ann": 1, "ben": 1, "cleo": 1}),
    "one model": Workload({"ann": (1,), "ben": (1,), "cleo": (1,)}, {"ann": 1, "ben": 1, "cleo": 1}),
}
#: Name → order of reading, and whose job a queue gives.
POLICY_PAIRS = {
    "fifo": ("fifo", "first come"),
    "round robin": ("darkroom", "in turn"),
    "today": ("darkroom", "first come"),
    "shares": ("darkroom", "by share"),
}


def jobs_of(workload: Workload, rng: random.Random, many: int, hours: float) -> list[Job]:
    """What all three send."""
    made: list[Job] = [_job(workload, rng, "ann", 0.0) for _ in range(many)]
    at_s = 30.0
    while at_s < 3600 * hours:
        made.append(_job(workload, rng, "ben", at_s))
        at_s += rng.expovariate(1 / 40)
    at_s = 300.0
    while at_s < 3600 * hours:
        made += [_job(workload, rng, "cleo", at_s + 0.01 * i) for i in range(rng.randint(700, 1200))]
        at_s += rng.uniform(2400, 3600)
    return made


def _job(workload: Workload, rng: random.Random, person: str, at_s: float) -> Job:
    model = MODELS[rng.choice(workload.models[person])]
    made = job(model.name, at_s, effort=rng.uniform(LEAST_EFFORT, MOST_EFFORT))
    made.person, made.weight = person, workload.weights[person]
    return made


def simulate(name: str, policy: str, *, seed: int, many: int, hours: float, gpus: Sequence[Gpu]) -> Outcome:
    """One run; the jobs are the same for every policy."""
    order, turns = POLICY_PAIRS[policy]
    work = jobs_of(WORKLOADS[name], random.Random(seed), many, hours)
    rack = Rack(MODELS, gpus, POLICIES[order], max_wait_s=MAX_WAIT_S, turns=TURNS[turns](MAX_WAIT_S))
    return rack.run(work)


# -- what was promised ---------------------------------------------------------------------------------------------------


def busy_times(jobs: Sequence[Job]) -> list[tuple[float, float]]:
    """When at least one of these jobs waited, as spans."""
    edges = sorted([(one.arrival_s, 1) for one in jobs] + [(one.taken_s, -1) for one in jobs])
    spans, depth, since_s = [], 0, 0.0
    for at_s, by in edges:
        if not depth:
            since_s = at_s
        depth += by
        if not depth and at_s > since_s:
            spans.append((since_s, at_s))
    return spans


def worst_share_error(jobs: Sequence[Job], window_s: float = WINDOW_S) -> float:
    """The furthest that anybody was from their weight's part, over all windows in which several people always had work.

    As a part of that part: 0.05 is what was promised. Counted are GPU-seconds, each job's in the windows it ran in.
    """
    people = sorted({one.person for one in jobs})
    own = {person: [one for one in jobs if one.person == person] for person in people}
    weight = {person: own[person][0].weight for person in people}
    spans = {person: busy_times(own[person]) for person in people}
    worst, start_s = 0.0, 0.0
    while start_s + window_s <= max(one.ended_s for one in jobs):
        end_s = start_s + window_s
        wanting = [p for p in people if any(since <= start_s and end_s <= until for since, until in spans[p])]
        if len(wanting) > 1:
            had = {p: sum(_overlap(one, start_s, end_s) for one in own[p]) for p in wanting}
            for person in wanting:
                fair = weight[person] / sum(weight[p] for p in wanting)
                worst = max(worst, abs(had[person] / sum(had.values()) - fair) / fair)
        start_s += STEP_S
    return worst


def _overlap(one: Job, start_s: float, end_s: float) -> float:
    return max(0.0, min(one.ended_s, end_s) - max(one.started_s, start_s))


def newcomers(jobs: Sequence[Job]) -> list[Job]:
    """The first job to be taken of somebody who had none for a minute, neither waiting nor running: who just had one may be
    ahead of their share still."""
    found = []
    for person in {one.person for one in jobs}:
        own = sorted((one for one in jobs if one.person == person), key=lambda one: one.taken_s)
        for since_s, _ in busy_times(own):
            had = any(one.taken_s < since_s < one.ended_s + NEW_AFTER_S for one in own)
            if not had:
                found.append(next(one for one in own if one.taken_s >= since_s))
    return found


def late(jobs: Sequence[Job], cold_s: float = MAX_WAIT_S) -> list[Job]:
    """Newcomers that were not next: a GPU that held their model took more than one job before them, or none held it and they
    waited for longer than `cold_s`."""
    by_gpu: dict[str, list[float]] = {}
    for one in jobs:
        by_gpu.setdefault(one.gpu, []).append(one.taken_s)
    for times in by_gpu.values():
        times.sort()

    def meanwhile(gpu: str, one: Job) -> int:
        times = by_gpu.get(gpu, [])
        return bisect_left(times, one.taken_s) - bisect_right(times, one.arrival_s)

    return [
        one
        for one in newcomers(jobs)
        if (one.holders and max(meanwhile(gpu, one) for gpu in one.holders) > 1)
        or (not one.holders and one.taken_s - one.arrival_s > cold_s)
    ]


def row_of(workload: str, policy: str, outcome: Outcome) -> dict[str, Any]:
    """The numbers of one run."""
    jobs = outcome.jobs
    waits = sorted(one.wait_s for one in jobs if one.person == "ben")
    return {
        "workload": workload,
        "policy": policy,
        "jobs": len(jobs),
        "share_off_by": round(worst_share_error(jobs), 3),
        "newcomers": len(newcomers(jobs)),
        "newcomers_late": len(late(jobs)),
        "ben_wait_p50_s": round(waits[len(waits) // 2], 1),
        "ben_wait_p95_s": round(waits[int(0.95 * len(waits))], 1),
        "wait_longest_s": round(outcome.longest_wait_s, 1),
        "makespan_s": round(outcome.makespan_s, 1),
        "switches": outcome.switches,
    }


def show(rows: list[dict[str, Any]]) -> None:
    """As a table, one block per workload."""
    table = Table(title="Seconds are simulated; share_off_by: worst 10 minutes, as a part of one's part")
    for column in rows[0]:
        table.add_column(column.replace("_", " "), justify="left" if column in ("workload", "policy") else "right")
    for before, row in zip([rows[0], *rows], rows, strict=False):
        if row["workload"] != before["workload"]:
            table.add_section()
        table.add_row(*map(str, row.values()))
    Console(width=190).print(table)


def measure(*, seed: int = 1, many: int = 10_000, hours: float = 1.5, gpus: str = GPUS) -> list[dict[str, Any]]:
    """All workloads under all policies."""
    how = {"seed": seed, "many": many, "hours": hours, "gpus": gpus_of(gpus)}
    return [row_of(name, policy, simulate(name, policy, **how)) for name in WORKLOADS for policy in POLICY_PAIRS]


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--many", type=int, default=10_000, help="jobs that Ann sends at once")
    parser.add_argument("--hours", type=float, default=1.5, help="how long the others go on sending")
    parser.add_argument("--gpus", default=GPUS, help="GiB, or GiB:speed, comma-separated")
    parser.add_argument("--json", type=Path, help="where to write the rows")
    given = parser.parse_args(arguments)
    rows = measure(seed=given.seed, many=given.many, hours=given.hours, gpus=given.gpus)
    show(rows)
    if given.json:
        given.json.write_text(json.dumps({"seed": given.seed, "gpus": given.gpus, "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
