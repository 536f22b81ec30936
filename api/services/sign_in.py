"""From a key to a browser's session: counted, told to the audit stream, refused in the same words whatever is wrong."""

from dataclasses import dataclass

from api.services.auth import Access, Caller
from api.services.session_callers import SessionCallers
from shared.accounts.audit import Actor, Audit
from shared.accounts.key_text import parse_key_text
from shared.accounts.sessions import Session, Sessions
from shared.accounts.sign_in_throttle import SignInThrottle
from shared.contracts.audit import Deed
from shared.errors import IllegalMove, Unauthorized
from shared.log import logger


@dataclass(frozen=True)
class SignIn:
    """Opens sessions and ends them. Every method raises `RedisUnavailable` when Redis takes no requests."""

    access: Access
    sessions: Sessions
    callers: SessionCallers
    throttle: SignInThrottle
    audit: Audit

    def with_key(self, shown: str, address: str) -> tuple[str, Session, Caller]:
        """A session of the person whose key this is; returns its token, too.

        Args:
            address: the client's.

        Raises:
            Unauthorized: it is no valid key. TooManySignIns: too many others were none.
            IllegalMove: no key is needed here.
        """
        if not self.access.is_closed():
            raise IllegalMove("no key is needed here, so there is nothing to sign in to")
        text = parse_key_text(shown)
        key_id = text.id if text else ""
        with self.throttle.attempt(address, key_id):
            caller = self._caller_of(shown, address, key_id)
        if caller.key_id and text:
            token, session = self.sessions.open(caller.person, key_id=caller.key_id, key_digest=text.digest)
        else:
            token, session = self.sessions.open(caller.person, environment_key=shown)
        self.audit.record(caller.as_actor, Deed.SIGNED_IN, session.id, address=address)
        return token, session, caller

    def end(self, caller: Caller, session: Session, token: str | None = None) -> None:
        """Sign one browser out."""
        self.sessions.end(session)
        if token is not None:
            self.callers.forget(token)
        else:
            self.callers.forget_all()
        self.audit.record(caller.as_actor, Deed.SIGNED_OUT, session.id)

    def replace(self, token: str | None) -> None:
        """End the session that a browser had before it signed in anew: nobody holds its cookie any more."""
        before = self.sessions.of_token(token) if token else None
        if token and before is not None:
            self.sessions.end(before)
            self.callers.forget(token)

    def end_all(self, caller: Caller, person: str) -> int:
        """Sign all browsers of a person out; returns how many there were."""
        ended = self.sessions.end_all(person)
        self.callers.forget_all()
        self.audit.record(caller.as_actor, Deed.SIGNED_OUT, person, sessions=ended)
        return ended

    def _caller_of(self, shown: str, address: str, key_id: str) -> Caller:
        try:
            return self.access.caller_of(shown)
        except Unauthorized:
            logger().warning("sign_in.refused", address=address, key=key_id)
            self.audit.record(Actor(address), Deed.SIGN_IN_REFUSED, key_id, "refused")
            raise
