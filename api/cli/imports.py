"""`darkroom import FOLDER|ZIP` and `darkroom watch FOLDER`: pictures of this host's disk into the library, by path.

Only here: over HTTP nobody names a path. They work on the database and the store of the data folder (or those that the
settings name) beside a running stack, or without one; what describes the pictures then waits until there are workers.
"""

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli.import_archives import in_archive, opened
from api.cli.import_sources import Refused, Source, in_folder
from api.cli.importing import Importer, Report, Wishes
from api.cli.redis_at_hand import redis_url_at_hand
from api.cli.watching import Watch
from api.services import Services, build_services
from api.services.auth import Caller, environment_keys
from shared.accounts.standing import Standings
from shared.contracts.access import LOCAL, Person, Role
from shared.errors import InvalidRequest, NotFound
from shared.settings import Settings, from_environment

#: What is looked for of one place in one go.
Found = Sequence[Source | Refused]


def add_to(commands: Any) -> None:
    """The two subcommands."""
    bring = commands.add_parser("import", help="bring the pictures of a folder or a zip of this host into the library")
    bring.add_argument("place", type=Path, metavar="FOLDER|ZIP")
    bring.add_argument(
        "--again", action="store_true", help="also what is in the trash or was deleted for good: it comes back"
    )
    bring.set_defaults(run=_import)
    watch = commands.add_parser(
        "watch", help="bring what is new in a folder of this host into the library, until Ctrl-C"
    )
    watch.add_argument("place", type=Path, metavar="FOLDER")
    watch.add_argument(
        "--settle", type=_seconds, default=2.0, metavar="S", help="a file is whole when unchanged so long (default 2)"
    )
    watch.add_argument("--every", type=_seconds, default=1.0, metavar="S", help="seconds between looks (default 1)")
    watch.set_defaults(run=_watch, again=False)
    for command in (bring, watch):
        command.add_argument("--owner", default="", metavar="NAME", help=f"whose they are (default: {LOCAL})")
        command.add_argument("--tag", action="append", default=[], help="put on each of them (again for more)")
        command.add_argument("--visibility", choices=("private", "rack"), default="private")
        command.add_argument("--no-describe", action="store_true", help="find out no caption, tags and rating of them")
        command.add_argument("--data", type=Path, metavar="DIR", help="the data folder, as of `darkroom up`")


def _import(options: argparse.Namespace) -> int:
    with _importer(options) as importer, _found_in(options.place) as found, _progress() as progress:
        task = progress.add_task("import", total=len(found))
        began_s = time.monotonic()
        try:
            importer.bring(found, lambda: progress.advance(task))
        finally:
            report = importer.finish()
        took_s = time.monotonic() - began_s
    return _told(report, took_s)


def _watch(options: argparse.Namespace) -> int:
    # Who stops services sends this; what is described yet is then sent, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _importer(options) as importer:
        watch = Watch(options.place, importer, _say, settle_s=options.settle, every_s=options.every)
        list(in_folder(options.place))  # a folder that is none is told at once
        _say(f"watches {options.place}; Ctrl-C ends it")
        try:
            watch.run()
        finally:
            importer.finish()
    return 0


@contextmanager
def _importer(options: argparse.Namespace) -> Iterator[Importer]:
    settings = from_environment(data_dir=options.data)
    wishes = Wishes(tuple(options.tag), options.visibility, not options.no_describe, options.again)
    with redis_url_at_hand(settings) as url:
        ours = build_services(settings.model_copy(update={"redis_url": url}))
        ours.artifacts.check_identity()
        try:
            yield Importer(ours, owner_of(ours, settings, options.owner), wishes)
        finally:
            ours.library.database.close()


def owner_of(ours: Services, settings: Settings, name: str) -> Caller:
    """Whose the pictures are, without limits.

    Raises:
        NotFound: there is no such person. InvalidRequest: people have keys here, and nobody was named.
    """
    in_environment = [each for each, _ in environment_keys(settings)]
    if not name and (in_environment or Standings(ours.store.redis).is_closed()):
        raise InvalidRequest("--owner: people have keys here; say whose these pictures are", field="--owner")
    try:
        person = ours.people.get(name or LOCAL)
    except NotFound:
        if name and name != LOCAL and name not in in_environment:
            raise NotFound(f"--owner: there is no {name!r}; see `darkroom person list`", field="--owner") from None
        person = Person(name=name or LOCAL)
    return Caller(person.name, Role.USER, weight=person.weight)


@contextmanager
def _found_in(place: Path) -> Iterator[Found]:
    """Raises InvalidRequest: it is neither folder nor zip, or there is no picture in it."""
    if place.is_file():
        with opened(place) as archive:
            yield _some(list(in_archive(archive)), place)
    else:
        yield _some(list(in_folder(place)), place)


def _some(found: Found, place: Path) -> Found:
    if not found:
        raise InvalidRequest(f"there are no pictures in {place}")
    return found


def _told(report: Report, took_s: float) -> int:
    rate = f" ({report.total / took_s:.0f}/s)" if took_s > 0 else ""
    _say(
        f"{report.total} pictures{rate}: {report.added} added, {report.known} known, {report.deleted} deleted before, "
        f"{len(report.refused)} refused"
    )
    if report.batches:
        _say(f"described by {', '.join(report.batches)}")
    if report.left_out:
        _say(f"not described: {report.left_out}; try again with POST /v1/assets/analyze")
    for each in report.refused:
        _say(f"  {each.name}: {each.error.message}")
    return 1 if report.refused else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _progress() -> Progress:
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.05 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"from 0.05 to 3600 seconds, not {text}")
    return seconds
