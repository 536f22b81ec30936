"""People and keys ↔ the fields of their Redis hashes: strings raw, everything else JSON; each limit is a field of its own.

So a change writes the fields that change, and two changes of different fields never undo each other.
"""

import json
from collections.abc import Mapping
from typing import Any

from shared.contracts.access import Key, Limits, Person

LIMIT = "limit."
#: Fields of the contracts that are strings.
_RAW = frozenset({"name", "role", "note", "id", "person", "digest"})


def person_fields(person: Person) -> dict[str, str]:
    """What is None is left out; the clock is the script's."""
    own = _encoded(person.model_dump(mode="json", exclude={"limits", "created_at_ms"}))
    return own | _encoded(limit_fields(person.limits))


def limit_fields(limits: Limits) -> dict[str, Any]:
    """Each limit by the name of its field."""
    return {LIMIT + name: value for name, value in limits.model_dump(exclude_none=True).items()}


def key_fields(key: Key) -> dict[str, str]:
    """What is None is left out; the clock is the script's."""
    shown = key.model_dump(mode="json", exclude_none=True, exclude={"created_at_ms", "last_used_at_ms"})
    return _encoded(shown | {"digest": key.digest})


def change_fields(values: Mapping[str, Any]) -> dict[str, str]:
    """Some fields as they are stored."""
    return _encoded(values)


def read_person(fields: Mapping[bytes, bytes]) -> Person:
    """A person's hash."""
    found = _decoded(fields)
    limits = {name.removeprefix(LIMIT): found.pop(name) for name in list(found) if name.startswith(LIMIT)}
    return Person.model_validate(found | {"limits": limits})


def read_key(fields: Mapping[bytes, bytes]) -> Key:
    """A key's hash."""
    return Key.model_validate(_decoded(fields))


def _encoded(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) if name in _RAW else json.dumps(value) for name, value in values.items()}


def _decoded(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    texts = {name.decode(): value.decode() for name, value in fields.items()}
    return {name: value if name in _RAW else json.loads(value) for name, value in texts.items()}
