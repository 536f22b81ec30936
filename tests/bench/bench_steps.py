"""Runs of steps: against a bare loop in interleaved pairs, and on an engine that sleeps, where the card's time is known.

Run: `python -m tests.bench.bench_steps OUT.json`; seven minutes on two cores. A ratio is the median of `PAIRS`, each a burst
through the stack and the same burst through plain diffusers at its quickest number of threads right before or after it. The
pictures are the toy's; the stack runs as shipped.

The limit we know of: on two cores the API, Redis and this client take from the worker what they do not take from a GPU.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench import unet_passes
from tests.bench.bare_bursts import BareBursts
from tests.bench.bench_stack import AS_SHIPPED, wait_for_all
from tests.bench.rows import Rows, in_turns
from tests.faults.stack import FaultRig
from tests.rig import Rig, running_stack, wait_for

PAIRS = 7
BURST = 8
JOB = {"model": "sdxl-toy", "prompt": "a lamp", "width": 128, "height": 128, "steps": 20, "guidance_scale": 5.0}
JOB |= {"scheduler": "euler"}
MIXED = ("euler", "ddim", "dpmpp_2m", "euler_ancestral")
#: Of the jobs on a card whose idle share is looked at, and their steps.
IDLE_JOBS, IDLE_STEPS = 8, 8
#: Steps of those an urgent job comes upon, and of the job whose worker is killed.
FULL_STEPS, KILLED_STEPS = 40, 60
SLEEPS = {"DARKROOM_MODELS_FILE": str(Path(__file__).with_name("models.toml"))}


def equal(n: int) -> dict[str, Any]:
    return JOB | {"seed": n}


def mixed(n: int) -> dict[str, Any]:
    """None equal, of one size."""
    return JOB | {"steps": 14 + 2 * n, "scheduler": MIXED[n % 4], "guidance_scale": 3.0 + 0.7 * n, "seed": n}


def sizes(n: int) -> dict[str, Any]:
    """Nothing to share."""
    return JOB | {"width": 96 + 8 * n, "seed": n}


# -- against a bare loop -----------------------------------------------------------------------------------------------

#: Row → its jobs and their priority.
AGAINST_BARE: dict[str, tuple[Callable[[int], dict[str, Any]], str]] = {
    "ratio_equal_normal": (equal, "normal"),
    "ratio_equal_low": (equal, "low"),
    "ratio_mixed_normal": (mixed, "normal"),
    "ratio_sizes_normal": (sizes, "normal"),
}


def against_a_bare_loop(rows: Rows) -> None:
    """How many times the bare loop's pictures a second."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder), **AS_SHIPPED) as rig:
        first = rig.finish(rig.generate(**JOB)["id"])
        rows.add("cpu_threads_as_shipped", first["result"]["cpu_threads"])
        with BareBursts(rig.folder / "models" / str(JOB["model"])) as bare:
            for name, (job, priority) in AGAINST_BARE.items():
                jobs = [job(n) for n in range(BURST)]
                bare.seconds(jobs[:2])
                _stack_seconds(rig, priority, jobs)
                ours = partial(_stack_seconds, rig, priority)
                rows.add_median(name, in_turns(PAIRS, lambda jobs=jobs: jobs, bare.seconds, ours), digits=3)
            rows.add("cpu_threads_bare_loop", sorted(bare.threads))


def _stack_seconds(rig: Rig, priority: str, jobs: list[dict[str, Any]]) -> float:
    """From the first one's arrival to the last one's end, by the store's clock."""
    ids = [rig.generate(**job, priority=priority)["id"] for job in jobs]
    wait_for_all(rig, ids)
    records = [record for record in rig.store.get_many(ids) if record is not None]
    return (max(r.ended_at_ms for r in records) - min(r.created_at_ms for r in records)) / 1000


# -- on an engine that sleeps ------------------------------------------------------------------------------------------


class SleepingCard(FaultRig):
    """One worker whose engine sleeps and keeps a timeline."""

    def __init__(self, folder: Path) -> None:
        self.timeline = folder / "timeline.jsonl"
        super().__init__(folder, 1, **SLEEPS, BENCH_TIMELINE=str(self.timeline))

    def spans(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.timeline.read_text().splitlines()]

    def jobs(self, prompt: str, many: int, **fields: Any) -> list[str]:
        return [str(self.generate(prompt, seed=n, **fields)["id"]) for n in range(many)]


def on_a_sleeping_card(rows: Rows) -> None:
    """Idle shares are of 1; the others count steps."""
    with tempfile.TemporaryDirectory() as folder, SleepingCard(Path(folder)) as card:
        card.start_api().start_workers().wait_until_ready()
        card.finish_all(card.jobs("pace=20 rowwise=1", 4, steps=4))
        rows.add_median("idle_share_at_800_ms", (idle_share(card, 100) for _ in range(PAIRS)))
        rows.add_median("idle_share_at_350_ms", (idle_share(card, 44) for _ in range(PAIRS)))
        rows.add_median("urgent_first_step_after_steps", (urgent_after(card) for _ in range(PAIRS)), digits=2)
        rows.add_median("steps_lost_at_a_kill", (steps_lost(card) for _ in range(PAIRS)), digits=0)


def idle_share(card: SleepingCard, pace_ms: int) -> float:
    """Of the time between the first step and the last one's end."""
    card.timeline.write_text("")
    card.finish_all(card.jobs(f"pace={pace_ms} rowwise=1", IDLE_JOBS, steps=IDLE_STEPS))
    spans = card.spans()
    busy_s = sum(span["ended_s"] - span["began_s"] for span in spans)
    return 1 - busy_s / (spans[-1]["ended_s"] - spans[0]["began_s"])


def urgent_after(card: SleepingCard) -> float:
    """Steps of 100 ms between an urgent job's arrival on a full card and its first step."""
    card.timeline.write_text("")
    ids = card.jobs("pace=100", card.settings.max_batch, steps=FULL_STEPS)
    for job_id in ids:
        card.wait_for_state(job_id, "running")
    urgent = card.generate("pace=100 urgent=1", steps=2, priority="high")
    card.finish_all([*ids, urgent["id"]])
    first_s = next(span["began_s"] for span in card.spans() if "pace=100 urgent=1" in span["prompts"])
    record = card.store.get(urgent["id"])
    return (first_s - record.created_at_ms / 1000) / 0.1


def steps_lost(card: SleepingCard) -> float:
    """Steps made twice when the child is killed at 80 % of the steps, of 50 ms each."""
    card.timeline.write_text("")
    [job_id] = card.jobs("pace=50", 1, steps=KILLED_STEPS)
    wait_for(lambda: card.timeline.read_text().count("\n") >= 0.8 * KILLED_STEPS, what="80 % of the steps")
    worker = card.job(job_id)["worker"]
    card.child_of(worker).kill()
    done = len(card.spans())
    resumed_at = card.finish(job_id)["progress"]["resumed_at"]
    card.wait_until_ready()
    return done - resumed_at


# -- a pass by itself --------------------------------------------------------------------------------------------------


def by_itself(rows: Rows) -> None:
    """What tracing gains of one picture and of four, and what company gains of a traced pass."""
    rows.add_median("traced_pass_of_one", unet_passes.traced_gains(1, PAIRS), digits=3)
    rows.add_median("traced_pass_of_four", unet_passes.traced_gains(4, PAIRS), digits=3)
    rows.add_median("picture_in_four_against_one", unet_passes.sharing_gains(1, 4, PAIRS), digits=3)
    rows.add_median("picture_in_eight_against_four", unet_passes.sharing_gains(4, 8, PAIRS), digits=3)


def main(out: Path) -> dict[str, Any]:
    rows = Rows(out)
    on_a_sleeping_card(rows)
    against_a_bare_loop(rows)
    by_itself(rows)
    return rows.numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
