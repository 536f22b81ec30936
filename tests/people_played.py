"""Persons with a key each, and a web client that shows it."""

from contextlib import suppress
from typing import Any

from api.app import create_app
from api.services import Services
from shared.accounts.audit import Actor
from shared.contracts.access import Key, Person, Role
from shared.errors import AlreadyExists

ANNA = Person(name="anna", role=Role.USER)
BORIS = Person(name="boris", role=Role.USER)
VERA = Person(name="vera", role=Role.VIEWER)
OLGA = Person(name="olga", role=Role.OPERATOR)
ADA = Person(name="ada", role=Role.ADMIN)
BY = Actor("the test")


def web_of(services: Services, person: Person) -> Any:
    """A client whose every request shows a key of this person's."""
    with suppress(AlreadyExists):
        services.people.add(person, BY)
    _, text = services.keys.add(Key(id="", person=person.name, digest=""), BY)
    web = create_app(services).test_client()
    web.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {text}"
    return web
