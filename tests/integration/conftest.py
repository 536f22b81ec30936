"""What several files need: somebody with a key."""

import pytest

from shared.accounts.audit import COMMAND_LINE
from shared.contracts.access import Key, Person, Role


@pytest.fixture
def ann(services):
    """A user with a key; returns its text."""
    services.people.add(Person(name="ann", role=Role.USER), COMMAND_LINE)
    return str(services.keys.add(Key(id="", person="ann", digest=""), COMMAND_LINE)[1])
