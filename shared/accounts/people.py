"""Who there is. A person's name is its id and is never given to anybody else, so people are disabled, not deleted.

What a person made lives as long as pictures and records do; an administrator sees it as before.
"""

import json
from collections.abc import Sequence
from typing import Any

import redis

from shared.accounts.audit import Actor, entry_values, telling_script
from shared.accounts.codec import LIMIT, change_fields, person_fields, read_person
from shared.accounts.sessions import end_sessions
from shared.contracts.access import Person
from shared.contracts.audit import Deed
from shared.errors import AlreadyExists, NotFound
from shared.redis import keys
from shared.redis.client import redis_errors


class People:
    """All people. Every method raises `RedisUnavailable` when Redis takes no requests."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client
        self._add = telling_script(client, "person_add")
        self._change = telling_script(client, "account_change")

    def add(self, person: Person, by: Actor) -> Person:
        """Store somebody new; returns them as stored.

        Raises:
            AlreadyExists: the name is taken.
        """
        entry = entry_values(by, Deed.PERSON_ADDED, person.name, role=person.role)
        with redis_errors():
            answer = self._add(
                keys=[keys.person(person.name), keys.PEOPLE, keys.AUDIT],
                args=[person.name, json.dumps(person_fields(person)), json.dumps(entry), keys.AUDIT_LENGTH],
            )
        if answer == b"exists":
            raise AlreadyExists(f"there is a person {person.name!r} already: names are given once", field="name")
        return self.get(person.name)

    def get(self, name: str) -> Person:
        """The person of a name.

        Raises:
            NotFound: there is none.
        """
        with redis_errors():
            fields = self._redis.hgetall(keys.person(name))
        if not fields:
            raise NotFound(f"there is no person {name[:100]!r}")
        return read_person(fields)

    def change(self, name: str, values: dict[str, Any], limits: dict[str, Any], by: Actor) -> Person:
        """Change some fields, and some limits (None: the role's counts again); returns the person as it then is.

        Raises:
            NotFound: there is nobody of that name.
        """
        given = change_fields(values | {LIMIT + limit: value for limit, value in limits.items() if value is not None})
        dropped = [LIMIT + limit for limit, value in limits.items() if value is None]
        entry = entry_values(by, Deed.PERSON_CHANGED, name, **values, **limits)
        with redis_errors():
            answer = self._change(
                keys=[keys.person(name), keys.AUDIT],
                args=[json.dumps(given), json.dumps(dropped), "{}", "", json.dumps(entry), keys.AUDIT_LENGTH],
            )
        if answer == b"missing":
            raise NotFound(f"there is no person {name[:100]!r}")
        if values.get("is_disabled"):  # they would come to life again with the person
            end_sessions(self._redis, name)
        return self.get(name)

    def page(self, limit: int, after: str = "") -> tuple[list[Person], str | None]:
        """People by name, from the one after a name; and the cursor of the next page, or None."""
        with redis_errors():
            names = self._redis.zrangebylex(keys.PEOPLE, f"({after}" if after else "-", "+", start=0, num=limit)
        found = [name.decode() for name in names]
        return self._many(found), found[-1] if len(found) == limit else None

    def _many(self, names: Sequence[str]) -> list[Person]:
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for name in names:
                pipe.hgetall(keys.person(name))
            return [read_person(fields) for fields in pipe.execute() if fields]
