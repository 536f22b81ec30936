"""`darkroom db`, `reindex`, `import` and `watch`: the library, worked on directly from a terminal of its host.

A process of its own (`python -m api.cli.library`), so that no other command waits for SQL to load.
"""

import argparse
import sys
from pathlib import Path

from api.cli import imports
from api.cli.redis_at_hand import redis_at_hand
from api.library import migrating
from api.library.database import Database
from api.library.ingest import Ingest
from api.library.migrating import prepare
from api.library.reindex import Reindex
from shared import log
from shared.errors import DarkroomError
from shared.jobs.store import JobStore
from shared.pictures.stores import open_store
from shared.settings import from_environment


def main(arguments: list[str] | None = None) -> int:
    """The entry point; returns the exit status."""
    options = _parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    log.configure(json_lines=False)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130
    except DarkroomError as exc:
        print(f"darkroom: {exc.message}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="darkroom")
    commands = parser.add_subparsers(required=True, metavar="command")
    db = commands.add_parser("db", help="the library's database").add_subparsers(required=True, metavar="what")
    upgrade = db.add_parser(
        "upgrade", help="bring its tables up to this version (PostgreSQL; SQLite does so by itself)"
    )
    upgrade.set_defaults(run=_upgrade)
    status = db.add_parser("status", help="which database it is, and at which revision")
    status.set_defaults(run=_status)
    reindex = commands.add_parser(
        "reindex", help="rebuild assets from records and from what pictures say of themselves"
    )
    reindex.add_argument(
        "--owner", default="", metavar="NAME", help="whose pictures are that no record tells the owner of"
    )
    reindex.add_argument(
        "--expiring", action="store_true", help="also pictures that nobody keeps: they stay from then on"
    )
    reindex.set_defaults(run=_reindex)
    imports.add_to(commands)
    for command in (upgrade, status, reindex):
        command.add_argument("--data", type=Path, metavar="DIR", help="the data folder, as of `darkroom up`")
    return parser


def _upgrade(options: argparse.Namespace) -> int:
    database = Database(from_environment(data_dir=options.data))
    before, after = migrating.upgrade(database)
    print(
        f"{_name(database)}: {before or 'no tables'} → {after}"
        if before != after
        else f"{_name(database)}: {after} already"
    )
    return 0


def _status(options: argparse.Namespace) -> int:
    database = Database(from_environment(data_dir=options.data))
    found, needed = migrating.current_revision(database), migrating.newest_revision()
    print(f"{_name(database)}: revision {found or 'none'}, this version needs {needed}")
    return 0 if found == needed else 1


def _reindex(options: argparse.Namespace) -> int:
    settings = from_environment(data_dir=options.data)
    with redis_at_hand(settings) as client:
        database, store, artifacts = (
            Database(settings, prepare),
            JobStore(client, settings),
            open_store(settings, client),
        )
        reindex = Reindex(database, store, artifacts, Ingest(database, store, artifacts, settings))
        done = reindex.run(options.owner, with_expiring=options.expiring)
    print(
        f"assets from records: {done.from_records}, from pictures: {done.from_pictures}; fingerprints: {done.fingerprints}"
    )
    if done.without_owner:
        print(f"{done.without_owner} pictures name no owner: `darkroom reindex --owner NAME` gives them to one")
    return 0


def _name(database: Database) -> str:
    url = database.engine.url
    return url.database or "" if database.is_sqlite else url.render_as_string(hide_password=True)


if __name__ == "__main__":
    sys.exit(main())
