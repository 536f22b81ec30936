"""People whom a trusted proxy names: it has signed them in, so its word is theirs.

Who is named for the first time becomes a person, with the role of `proxy_user_role`; later an administrator may give another.
"""

import contextlib
import re
import time

from api.services.auth import KEPT_S, Caller
from api.services.recent_callers import RecentCallers
from api.services.session_callers import SessionCallers
from shared.accounts.audit import Actor
from shared.accounts.people import People
from shared.contracts.access import PERSON_PATTERN, Person, Role
from shared.errors import AlreadyExists, Unauthorized

#: Who made a person whom a proxy named.
THE_PROXY = Actor("proxy")


class ProxyPeople:
    """From a name to a caller. Every method raises `RedisUnavailable` when Redis takes no requests."""

    def __init__(self, people: People, callers: SessionCallers, role: Role) -> None:
        self._people = people
        self._callers = callers
        self._role = role
        self._recent: RecentCallers[Caller] = RecentCallers(KEPT_S)

    def caller_of(self, sent: str) -> Caller:
        """The person of a name that a proxy sent.

        Raises:
            Unauthorized: it is no name of a person, or they are disabled.
        """
        name = sent.strip().lower()
        if not re.fullmatch(PERSON_PATTERN, name):
            raise Unauthorized(
                f"the proxy names {sent[:100]!r}, which is no name here: letters, digits and ._@- only, at most 63, once"
            )
        return self._recent.get(name) or self._looked_up(name)

    def _looked_up(self, name: str) -> Caller:
        asked_at_s = time.monotonic()
        caller = self._callers.person(name) or self._made(name)
        self._recent.keep(name, caller, asked_at_s)
        return caller

    def _made(self, name: str) -> Caller:
        with contextlib.suppress(AlreadyExists):  # another request was first, or they are disabled
            self._people.add(Person(name=name, role=self._role), THE_PROXY)
        caller = self._callers.person(name)
        if caller is None:
            raise Unauthorized(f"{name} may not come in here any more")
        return caller
