"""The first key of a new house: an administrator's, made where none was ever made, and printed once.

It is what `darkroom key add` makes at a terminal.

For images and compose files, which listen beyond loopback from their first start on and have nobody at a terminal. Where a
key was ever made, also one that is revoked now, nothing is made again: who took the keys away did not mean to get new ones.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress

from api.services.auth import environment_keys
from shared.accounts.audit import COMMAND_LINE
from shared.accounts.keys import Keys
from shared.accounts.people import People
from shared.accounts.standing import Standings
from shared.contracts.access import LOCAL, Key, Person, Role
from shared.errors import AlreadyExists
from shared.redis import keys
from shared.redis.client import connect, redis_errors
from shared.settings import Settings

#: Of several that start at once, one makes it; the others wait so long to see it.
LOCK_S = 10


def make_first_key(settings: Settings, say: Callable[[str], None]) -> None:
    """Make it and say it, where no key was ever made.

    Raises:
        RedisUnavailable: Redis takes no requests.
    """
    if environment_keys(settings):
        return
    with connect(settings.required_redis_url(), settings.redis_timeout_s) as client:
        standings = Standings(client)
        if standings.is_closed():
            return
        lock, token = keys.lock("first-key"), secrets.token_bytes(8)
        with redis_errors():
            # The answer to a first try may be lost; then the lock is held by this very token.
            is_ours = client.set(lock, token, nx=True, ex=LOCK_S) or client.get(lock) == token
        if not is_ours:
            _wait(standings)
            return
        with suppress(AlreadyExists):
            People(client).add(Person(name=LOCAL, role=Role.ADMIN), COMMAND_LINE)
        _, text = Keys(client).add(Key(id="", person=LOCAL, digest="", note="the first key"), COMMAND_LINE)
    say(f"key     {text}")
    say(f"key     the first one, of the administrator `{LOCAL}`; it is shown this once, so keep it")


def _wait(standings: Standings) -> None:
    ends_at_s = time.monotonic() + LOCK_S
    while not standings.is_closed() and time.monotonic() < ends_at_s:
        time.sleep(0.1)
