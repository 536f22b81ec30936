"""`darkroom person`: who there is. People are disabled, not deleted: their names stay theirs, and so does what they made."""

import argparse
from collections.abc import Iterator
from typing import Any

from api.cli.account_tables import listed, people_table, show_person
from api.cli.accounts import Accounts, add_command, checked, given
from api.responses.accounts import person_view
from shared.accounts.audit import COMMAND_LINE
from shared.accounts.roles import limits_of
from shared.contracts.access import Limits, Person, Role
from shared.contracts.accounts import PersonChange, PersonRequest
from shared.errors import InvalidRequest

#: Rows read in one go.
AT_ONCE = 500


def add_to(commands: Any) -> None:
    """The subcommand, with its own."""
    person = commands.add_parser("person", help="who there is: add, list, show, change, disable, enable")
    _add_commands(person.add_subparsers(required=True, metavar="what"))


def _add_commands(commands: Any) -> None:
    add = add_command(commands, "add", _add_person, "somebody new")
    change = add_command(commands, "change", _change_person, "another role, weight, limit or note")
    for command in (add, change):
        command.add_argument("name")
        command.add_argument("--role", choices=[*Role])
        command.add_argument("--weight", type=float, help="share of the GPUs beside the others' weights")
        command.add_argument(
            "--limit",
            action="append",
            default=[],
            metavar="LIMIT=NUMBER",
            help=f"{', '.join(Limits.model_fields)}; `none`: as the role has it",
        )
        command.add_argument("--note")
    add_command(commands, "list", _list_people, "everybody")
    for name, run, what in (
        ("show", _show_person, "one, with what they may use"),
        ("disable", _disable_person, "refuse all their keys and sessions; what they made stays"),
        ("enable", _enable_person, "take them again"),
    ):
        add_command(commands, name, run, what).add_argument("name")


def _add_person(ours: Accounts, options: argparse.Namespace) -> int:
    limits = limits_of(tuple(options.limit), "--limit").model_dump(exclude_none=True)
    body = checked(PersonRequest, given(options, "name", "role", "weight", "note") | {"limits": limits})
    person = Person(**body.model_dump(exclude={"limits"}), limits=Limits(**body.limits.model_dump()))
    return show_person(ours, ours.people.add(person, COMMAND_LINE), options)


def _change_person(ours: Accounts, options: argparse.Namespace) -> int:
    body = checked(PersonChange, given(options, "role", "weight", "note"))
    return _changed(ours, options, body.model_dump(mode="json", exclude_none=True), _limits_changed(options.limit))


def _limits_changed(entries: list[str]) -> dict[str, Any]:
    """Limits by name; None: that of the role counts again."""
    dropped = [entry.partition("=")[0] for entry in entries if entry.partition("=")[2] == "none"]
    kept = [entry for entry in entries if entry.partition("=")[2] != "none"]
    unknown = next((name for name in dropped if name not in Limits.model_fields), None)
    if unknown is not None:
        raise InvalidRequest(f"--limit: {unknown!r} is no limit; there are {', '.join(Limits.model_fields)}")
    return dict.fromkeys(dropped) | limits_of(tuple(kept), "--limit").model_dump(exclude_none=True)


def _disable_person(ours: Accounts, options: argparse.Namespace) -> int:
    return _changed(ours, options, {"is_disabled": True}, {})


def _enable_person(ours: Accounts, options: argparse.Namespace) -> int:
    return _changed(ours, options, {"is_disabled": False}, {})


def _changed(ours: Accounts, options: argparse.Namespace, values: dict[str, Any], limits: dict[str, Any]) -> int:
    if not values and not limits:
        raise InvalidRequest("nothing to change: give --role, --weight, --limit or --note")
    return show_person(ours, ours.people.change(options.name, values, limits, COMMAND_LINE), options)


def _show_person(ours: Accounts, options: argparse.Namespace) -> int:
    return show_person(ours, ours.people.get(options.name), options)


def _list_people(ours: Accounts, options: argparse.Namespace) -> int:
    views = [person_view(person, ours.role_limits) for person in _everybody(ours)]
    return listed(views, options, people_table)


def _everybody(ours: Accounts) -> Iterator[Person]:
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = ours.people.page(AT_ONCE, cursor)
        yield from page
