"""`darkroom jobs …`: jobs that were sent, in hand: held, released, first, more or less urgent, given up; everything paused.

Each job that could not be changed is told with its reason, and the others are changed all the same.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from api.client import Darkroom
from api.client.in_hand import Which
from shared.contracts.base import Priority
from shared.contracts.in_hand import JobOutcome
from shared.errors import InvalidRequest

#: What can be done to jobs that are named, or to all that fit.
BULK = {
    "hold": "let them start nowhere until they are released",
    "release": "let held jobs start again",
    "cancel": "give them up, whatever they do now",
    "priority": "make them more or less urgent",
}


def add_to(commands: Any) -> list[argparse.ArgumentParser]:
    """The subcommands; those that ask a server, so that they all get its address."""
    jobs = commands.add_parser("jobs", help="hold, release, reorder or cancel jobs that were sent")
    verbs = jobs.add_subparsers(required=True, metavar="what")
    made = []
    for name, what in BULK.items():
        verb = verbs.add_parser(name, help=what)
        if name == "priority":
            verb.add_argument("priority", choices=[each.value for each in Priority])
        verb.add_argument("job", nargs="*", help="its id")
        verb.add_argument("--all", action="store_true", help="everything of yours")
        verb.add_argument("--batch", default="", metavar="ID", help="everything of this batch")
        verb.set_defaults(run=_bulk, verb=name)
        made.append(verb)
    front = verbs.add_parser("front", help="let them go before your other jobs, in this order")
    front.add_argument("job", nargs="+", help="its id")
    front.add_argument("--of-all", action="store_true", help="before everybody's (operators)")
    front.set_defaults(run=_front)
    pause = verbs.add_parser("pause", help="let nothing of yours start, nor what you send meanwhile")
    pause.set_defaults(run=_pause, pauses=True)
    go_on = verbs.add_parser("go-on", help="end the pause")
    go_on.set_defaults(run=_pause, pauses=False)
    return [*made, front, pause, go_on]


def _bulk(options: argparse.Namespace) -> int:
    which = _which(options.job, has_all=options.all, batch=options.batch)
    with _server(options) as darkroom:
        match options.verb:
            case "cancel":
                return _told(darkroom.in_hand.cancel(which))
            case "priority":
                return _told(darkroom.in_hand.change(which, priority=options.priority))
        return _told(darkroom.in_hand.change(which, held=options.verb == "hold"))


def _front(options: argparse.Namespace) -> int:
    with _server(options) as darkroom:
        return _told(darkroom.in_hand.to_front(options.job, of_all=options.of_all))


def _pause(options: argparse.Namespace) -> int:
    with _server(options) as darkroom:
        if options.pauses:
            darkroom.in_hand.pause()
        else:
            darkroom.in_hand.go_on()
    print("nothing of yours starts until `darkroom jobs go-on`" if options.pauses else "your jobs go on")
    return 0


def _server(options: argparse.Namespace) -> Darkroom:
    return Darkroom(options.url, key=os.environ.get("DARKROOM_KEY"))


def _which(ids: Sequence[str], *, has_all: bool, batch: str) -> Which:
    """What the command line names.

    Raises:
        InvalidRequest: nothing, or in several ways.
    """
    if sum((bool(ids), has_all, bool(batch))) != 1:
        raise InvalidRequest("name jobs, or give --all, or --batch ID")
    if batch:
        return {"batch": batch}
    return {} if has_all else list(ids)


def _told(outcomes: Sequence[JobOutcome]) -> int:
    """Say what became of them; the exit status."""
    for row in outcomes:
        if row.error is not None:
            print(f"darkroom: {row.id}: {row.error.message}", file=sys.stderr)
    counts = {what: sum(row.outcome == what for row in outcomes) for what in ("changed", "unchanged", "refused")}
    print(", ".join(f"{number} {what}" for what, number in counts.items() if number) or "there are none")
    return 1 if counts["refused"] else 0
