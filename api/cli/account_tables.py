"""How a terminal shows people and keys: as tables, or as the JSON that the API would answer."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from api.cli.accounts import Accounts
from api.responses.accounts import KeyView, PersonView, key_view, new_key, person_view
from shared.accounts.key_text import KeyText
from shared.contracts.access import Key, Person, Role


def show_new_key(key: Key, text: KeyText, persons_role: Role, options: argparse.Namespace) -> int:
    """The key itself to the standard output, and nothing else."""
    shown = new_key(key, text)
    if options.json:
        print(shown.model_dump_json())
        return 0
    role = key.role if key.role is not None and persons_role.may(key.role) else persons_role
    print(
        f"A key of {key.person} ({role}), shown this once. From now on the API opens to keys only.\n"
        "Show it as `Authorization: Bearer <key>`; `darkroom` itself reads DARKROOM_KEY.",
        file=sys.stderr,
    )
    print(text)
    return 0


def show_revoked(key: Key, options: argparse.Namespace) -> int:
    """Say that a key has ended."""
    if options.json:
        print(key_view(key).model_dump_json())
    else:
        print(f"{key.id} of {key.person} is revoked; it ends within a second everywhere")
    return 0


def show_person(ours: Accounts, person: Person, options: argparse.Namespace) -> int:
    """One person, with what they may use."""
    view = person_view(person, ours.role_limits)
    if options.json:
        print(view.model_dump_json())
        return 0
    table = Table(show_header=False, box=None)
    for name, value in view.model_dump(mode="json").items():
        table.add_row(name, _limits_text(value) if isinstance(value, dict) else str(value))
    Console().print(table)
    return 0


def listed(views: Iterable[BaseModel], options: argparse.Namespace, as_table: Callable[[Any], Table]) -> int:
    """Several, as a table."""
    if options.json:
        print(json.dumps([view.model_dump(mode="json") for view in views]))
    else:
        Console().print(as_table(views))
    return 0


def people_table(views: Iterable[PersonView]) -> Table:
    """People, a row each."""
    table = Table("name", "role", "weight", "limits of their own", "note", box=None)
    for view in views:
        role = f"{view.role}, disabled" if view.is_disabled else view.role.value
        table.add_row(view.name, role, f"{view.weight:g}", _limits_text(view.limits.model_dump()), view.note)
    return table


def keys_table(views: Iterable[KeyView]) -> Table:
    """Keys, a row each."""
    table = Table("id", "person", "role", "narrowed to", "last used", "expires", "note", box=None)
    for view in views:
        scopes = view.scopes.model_dump(mode="json", exclude_defaults=True)
        table.add_row(
            view.id,
            view.person,
            view.role.value if view.role else "",
            _limits_text(scopes),
            view.last_used_at or "never",
            view.expires_at or "never",
            view.note,
        )
    return table


def _limits_text(limits: dict[str, Any]) -> str:
    def text(value: Any) -> str:
        return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    return ", ".join(f"{name}={text(value)}" for name, value in limits.items() if value is not None)
