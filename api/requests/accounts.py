"""Whose keys a caller may see, make, replace and revoke, and what a key that they ask for is.

Everybody has the keys of their own; others' are the administrators', and to everybody else they are not there.
"""

from contextlib import suppress

from api.services import Services
from api.services.auth import Caller
from shared.accounts.scope_rules import check_key_no_wider
from shared.contracts.access import Key, Person, Role, Scopes
from shared.contracts.accounts import KeyRequest, PersonChange, ScopesWish
from shared.errors import AlreadyExists, IllegalMove, NotFound, RoleNeeded

#: Keys of one person; an administrator may make more of them.
MOST_OWN_KEYS = 100


def owner_of_new_key(ours: Services, caller: Caller, wanted: str | None) -> Person:
    """Whose key is asked for. An administrator of the environment, or the local one, becomes a person by their first key.

    Raises:
        RoleNeeded: others' keys are asked for.
        NotFound: there is no such person.
    """
    name = wanted if wanted is not None else caller.person
    if name != caller.person and not caller.may(Role.ADMIN):
        raise RoleNeeded(f"keys of others need the role {Role.ADMIN}; you are {caller.role}", field="person")
    if name == caller.person and not caller.key_id and caller.may(Role.ADMIN):
        return _adopted(ours, caller)
    return ours.people.get(name)


def wanted_key(ours: Services, caller: Caller, owner: Person, body: KeyRequest) -> Key:
    """The key that a request asks for; it may do no more than its caller.

    Raises:
        RoleNeeded, ScopeExceeded: it would. NotFound: it is for a model that nobody knows.
    """
    now_ms = ours.store.now_ms()
    role = body.role
    if role is None and not caller.may(owner.role):
        role = caller.role
    scopes = caller.scopes if body.scopes is None else known_scopes(ours, body.scopes)
    lasts_ms = None if body.expires_in_s is None else body.expires_in_s * 1000
    key = Key(
        id="",
        person=owner.name,
        digest="",
        role=role,
        scopes=scopes,
        expires_at_ms=caller.expires_at_ms if lasts_ms is None else now_ms + lasts_ms,
        note=body.note,
    )
    if body.role is not None and not caller.may(body.role):
        raise RoleNeeded(f"a key with the role {body.role} needs that role; you are {caller.role}", field="role")
    _check_no_wider(caller, key, owner)
    return key


def known_scopes(ours: Services, wish: ScopesWish) -> Scopes:
    """Scopes with their models' ids in place of other names.

    Raises:
        NotFound: nobody knows one of the models.
    """
    scopes = wish.as_scopes()
    try:
        return scopes.model_copy(update={"models": tuple(ours.catalogue.get(name).id for name in scopes.models)})
    except NotFound as error:
        error.field = "scopes.models"
        raise


def visible_key(ours: Services, caller: Caller, key_id: str) -> Key:
    """A key of one's own, or anybody's for an administrator.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    key = ours.keys.get(key_id)
    if key.person != caller.person and not caller.may(Role.ADMIN):
        raise NotFound(f"there is no key {key_id!r}")
    return key


def changeable_key(ours: Services, caller: Caller, key_id: str) -> Key:
    """A key that this caller may replace or revoke: no wider than the one they show, or that one itself.

    Raises:
        NotFound: see `visible_key`. RoleNeeded, ScopeExceeded: it is wider.
    """
    key = visible_key(ours, caller, key_id)
    if key.id != caller.key_id:
        _check_no_wider(caller, key, ours.people.get(key.person))
    return key


def check_change(caller: Caller, name: str, change: PersonChange) -> None:
    """Whether a person may be changed so: nobody takes their own role away by mistake, or locks themselves out.

    Raises:
        IllegalMove: it is the caller's own role, or they would be disabled.
    """
    is_own = name == caller.person
    if is_own and (change.is_disabled or (change.role is not None and change.role != caller.role)):
        raise IllegalMove("this is your own role: ask another administrator, or use `darkroom person` on the host")


def _check_no_wider(caller: Caller, key: Key, owner: Person) -> None:
    check_key_no_wider(key, owner.role, role=caller.role, scopes=caller.scopes, expires_at_ms=caller.expires_at_ms)


def _adopted(ours: Services, caller: Caller) -> Person:
    with suppress(NotFound):
        return ours.people.get(caller.person)
    try:
        return ours.people.add(Person(name=caller.person, role=Role.ADMIN), caller.as_actor)
    except AlreadyExists:  # somebody else was quicker
        return ours.people.get(caller.person)
