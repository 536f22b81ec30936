"""What `darkroom person` and `darkroom key` share: they work on the Redis of the settings itself, not over HTTP.

Whoever can reach it from a terminal needs no key, so this is how the first key is made, and how one is made again when all are
lost.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.cli.redis_at_hand import redis_at_hand
from api.requests.parsing import validated_json
from shared.accounts.keys import Keys
from shared.accounts.people import People
from shared.accounts.roles import Defaults, default_limits
from shared.redis.client import redis_errors
from shared.settings import Settings, from_environment


@dataclass(frozen=True)
class Accounts:
    """What the commands work on."""

    settings: Settings
    people: People
    keys: Keys
    #: What people may use, by role.
    role_limits: Defaults
    #: By Redis' clock.
    now_ms: int


Command = Callable[[Accounts, argparse.Namespace], int]


def add_command(commands: Any, name: str, run: Command, what: str) -> argparse.ArgumentParser:
    """A subcommand that gets the accounts of the Redis at hand."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=what)
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--data", type=Path, metavar="DIR", help="folder of the private Valkey, as of `darkroom up`")
    command.set_defaults(run=lambda options: _run(run, options))
    return command


def given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def checked(contract: type[Any], values: dict[str, Any]) -> Any:
    """The same checks, in the same words, as over HTTP."""
    return validated_json(contract, json.dumps(values))


def _run(run: Command, options: argparse.Namespace) -> int:
    settings = from_environment(data_dir=options.data)
    role_limits = default_limits(settings)
    with redis_at_hand(settings) as client:
        with redis_errors():
            seconds, micros = client.time()  # type: ignore[misc]
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        return run(Accounts(settings, People(client), Keys(client), role_limits, now_ms), options)
