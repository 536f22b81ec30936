"""Kill things at random under a mixed load, then check the ledger: `python -m tests.faults.chaos --kills 100 --seed 1`.

The schedule follows from the seed; what it meets does not (processes have their own pace), so a seed repeats the same
blows, not the same bruises. Exits with 1 on any violation.
"""

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from shared.pictures.folder_store import FolderStore
from tests.faults.chaos_faults import Faults
from tests.faults.chaos_ledger import fates, violations
from tests.faults.chaos_load import Entry, Load
from tests.faults.stack import ENDED, FaultRig, fault_stack, pass_time
from tests.rig import wait_for
from workers.recovery.housekeeping import PENDING_GRACE_S, Housekeeping

#: Seconds between two blows: shorter than most recoveries take, so that faults meet one another.
PAUSES_S = (0.2, 1.2)
MAX_ATTEMPTS = 6
#: How long what is left may take after the last blow.
SETTLE_LIMIT_S = 180.0
ENVIRONMENT = {"DARKROOM_MAX_ATTEMPTS": str(MAX_ATTEMPTS), "DARKROOM_STEP_TIMEOUT_S": "8"}


@dataclass(frozen=True)
class Outcome:
    """What a run did and found."""

    seed: int
    faults: Counter[str]
    kills: int
    accepted: int
    refusals: int
    fates: Counter[str]
    took_s: float
    violations: list[str]

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {self.kills} kills in {self.took_s:.0f} s ({_listed(self.faults)})",
            f"{self.accepted} jobs accepted: {_listed(self.fates)}; {self.refusals} requests repeated",
            *(f"VIOLATION {line}" for line in self.violations),
            "the ledger is in order" if not self.violations else f"{len(self.violations)} violations",
        ]
        return "\n".join(lines)


def run(kills: int, seed: int, workers: int, folder: Path) -> Outcome:
    """A whole run on a stack of its own."""
    with fault_stack(folder, workers, **ENVIRONMENT) as rig:
        started = time.monotonic()
        load, faults = Load(str(rig.http.base_url), seed), Faults(rig, seed)
        load.start()
        pauses = random.Random(f"pauses {seed}")
        while faults.kills < kills:
            pass_time(pauses.uniform(*PAUSES_S))
            faults.strike()
        faults.resume_due(everything=True)
        load.stop()
        with contextlib.suppress(AssertionError):  # what has not settled is a violation, not a crash
            _settle(rig, load.ledger)
        artifacts = FolderStore(rig.settings.artifacts_path, rig.store.redis, rig.settings.artifact_ttl_s)
        _clean(rig, artifacts)
        return Outcome(
            seed=seed,
            faults=faults.done,
            kills=faults.kills,
            accepted=len(load.ledger),
            refusals=load.refusals,
            fates=fates(rig.store, load.ledger),
            took_s=time.monotonic() - started,
            violations=violations(rig.store, artifacts, load.ledger, MAX_ATTEMPTS),
        )


def _settle(rig: FaultRig, ledger: dict[str, Entry]) -> None:
    """All that was accepted has ended, and the stack does a good job again."""

    def has_ended() -> bool:
        return all(record is None or record.is_final for record in rig.store.get_many(list(ledger)))

    wait_for(has_ended, SETTLE_LIMIT_S, f"one of {ENDED} for every job")
    rig.wait_until_ready()
    last = rig.one_more_good_answer()
    ledger[last["id"]] = Entry(last["id"], last["params"])


def _clean(rig: FaultRig, artifacts: FolderStore) -> None:
    """Housekeeping, as it will have been done a little later."""
    clock = [0.0]
    housekeeping = Housekeeping(rig.store, artifacts, 3600, clock=lambda: clock[0])
    housekeeping.drop_pending()
    clock[0] += PENDING_GRACE_S + 1
    housekeeping.drop_pending()


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="processes to kill (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the schedule and the load (default 1)")
    parser.add_argument("--workers", type=int, default=3, help="workers of the stack (default 3)")
    parser.add_argument("--keep", type=Path, help="folder for logs and data (default: a temporary one)")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        outcome = run(given.kills, given.seed, given.workers, folder)
    print(outcome)
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
