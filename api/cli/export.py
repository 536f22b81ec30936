"""`darkroom export FILE.zip`: your assets as a zip, all of them or what a search box filters."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from api.client import Darkroom

#: Pictures that are missing and told one by one.
MOST_TOLD = 20


def add_to(commands: Any) -> argparse.ArgumentParser:
    """The subcommand; it asks a server."""
    export = commands.add_parser("export", help="pictures of the library, with sidecars and a list, as a zip")
    export.add_argument("file", type=Path, metavar="FILE.zip", help="where it goes")
    export.add_argument("--query", default="", help='a filter as in the search box: stars:>=4 album:"My trip"')
    export.add_argument("--force", action="store_true", help="write over a file that is there")
    export.set_defaults(run=_export)
    return export


def _export(options: argparse.Namespace) -> int:
    if options.file.exists() and not options.force:
        print(f"darkroom: {options.file} is there already; --force writes over it", file=sys.stderr)
        return 1
    with Darkroom(options.url, key=os.environ.get("DARKROOM_KEY")) as darkroom:
        done = darkroom.export_assets(options.file, query=options.query)
    print(f"{options.file}: {done.assets - len(done.missing):,} pictures")
    for asset_id, why in list(done.missing.items())[:MOST_TOLD]:
        print(f"{asset_id}: {why}", file=sys.stderr)
    if len(done.missing) > MOST_TOLD:
        print(f"and {len(done.missing) - MOST_TOLD:,} more; assets.jsonl in the zip has them all", file=sys.stderr)
    return 0
