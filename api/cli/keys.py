"""`darkroom key`: people's ways in. The first one makes the first administrator and closes the API to whoever has none.

Only a new key goes to the standard output; what is said about it goes beside it, so that `key=$(darkroom key add)` holds
nothing else.
"""

import argparse
from collections.abc import Iterator
from typing import Any

from api.cli.account_tables import keys_table, listed, show_new_key, show_revoked
from api.cli.accounts import Accounts, add_command, checked, given
from api.responses.accounts import key_view
from shared.accounts.audit import COMMAND_LINE
from shared.accounts.key_text import parse_key_text
from shared.contracts.access import LOCAL, Facade, Key, Person, Role
from shared.contracts.accounts import KeyRequest
from shared.contracts.base import Priority
from shared.contracts.kinds import KIND_RULES
from shared.errors import InvalidRequest, NotFound
from shared.models.catalogue import load_catalogue

#: Rows read in one go.
AT_ONCE = 500
DAY_S = 86_400


def add_to(commands: Any) -> None:
    """The subcommand, with its own."""
    key = commands.add_parser("key", help="people's keys: add, list, revoke, rotate")
    _add_commands(key.add_subparsers(required=True, metavar="what"))


def _add_commands(commands: Any) -> None:
    add = add_command(commands, "add", _add_key, "make a key; the first one makes the first administrator")
    add.add_argument(
        "person", nargs="?", help=f"whose (default: {LOCAL}, who owns what was made before there were keys)"
    )
    add.add_argument("--role", choices=[*Role], help="less than the person's own")
    add.add_argument("--model", action="append", default=[], help="only this model (again for more)")
    add.add_argument("--kind", action="append", default=[], choices=[*KIND_RULES], help="only this kind of job")
    add.add_argument("--facade", action="append", default=[], choices=[*Facade], help="only this way in")
    add.add_argument("--max-pixels", type=int, help="largest picture, width × height")
    add.add_argument("--max-n", type=int, help="most pictures of one job")
    add.add_argument("--highest-priority", choices=[*Priority])
    add.add_argument("--expires-days", type=int, metavar="DAYS")
    add.add_argument("--note")
    add_command(commands, "list", _list_keys, "keys that are not revoked").add_argument("person", nargs="?")
    for name, run, what in (
        ("revoke", _revoke_key, "end a key for ever"),
        ("rotate", _rotate_key, "another secret for the same key"),
    ):
        add_command(commands, name, run, what).add_argument("key", help="its id, the eight characters after dr_")


def _add_key(ours: Accounts, options: argparse.Namespace) -> int:
    body = checked(KeyRequest, _key_wishes(ours, options))
    person = _owner(ours, options.person)
    lasts_ms = None if body.expires_in_s is None else body.expires_in_s * 1000
    wanted = Key(id="", person=person.name, digest="", role=body.role, note=body.note)
    if body.scopes is not None:
        wanted = wanted.model_copy(update={"scopes": body.scopes.as_scopes()})
    if lasts_ms is not None:
        wanted = wanted.model_copy(update={"expires_at_ms": ours.now_ms + lasts_ms})
    return show_new_key(*ours.keys.add(wanted, COMMAND_LINE), person.role, options)


def _key_wishes(ours: Accounts, options: argparse.Namespace) -> dict[str, Any]:
    catalogue = load_catalogue(ours.settings)
    lists = {"kinds": options.kind, "facades": options.facade, "models": [catalogue.get(m).id for m in options.model]}
    scopes = lists | given(options, "max_pixels", "max_n", "highest_priority")
    wishes = given(options, "role", "note") | {"scopes": scopes}
    if options.expires_days is not None:
        wishes["expires_in_s"] = options.expires_days * DAY_S
    return wishes


def _owner(ours: Accounts, name: str | None) -> Person:
    """The person of a new key; the first of all is the local administrator."""
    try:
        return ours.people.get(name or LOCAL)
    except NotFound as error:
        if name is not None:
            raise NotFound(f"{error.message}: make them with `darkroom person add {name}`") from error
    if ours.people.page(1)[0]:
        raise InvalidRequest("whose key? `darkroom key add NAME`; `darkroom person list` shows who there is")
    return ours.people.add(Person(name=LOCAL, role=Role.ADMIN), COMMAND_LINE)


def _list_keys(ours: Accounts, options: argparse.Namespace) -> int:
    if options.person is not None:
        ours.people.get(options.person)
    return listed([key_view(key) for key in _all_keys(ours, options.person)], options, keys_table)


def _all_keys(ours: Accounts, person: str | None) -> Iterator[Key]:
    page, cursor = ours.keys.page(person, AT_ONCE)
    yield from page
    while cursor is not None:
        page, cursor = ours.keys.page(person, AT_ONCE, cursor)
        yield from page


def _revoke_key(ours: Accounts, options: argparse.Namespace) -> int:
    key = ours.keys.revoke(_id_of(options.key), COMMAND_LINE)
    return show_revoked(key, options)


def _rotate_key(ours: Accounts, options: argparse.Namespace) -> int:
    key, text = ours.keys.rotate(_id_of(options.key), COMMAND_LINE)
    return show_new_key(key, text, ours.people.get(key.person).role, options)


def _id_of(text: str) -> str:
    """Of a key, also where somebody gives the whole of it."""
    whole = parse_key_text(text.strip())
    return whole.id if whole else text.strip()
