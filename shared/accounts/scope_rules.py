"""What a narrowed key may ask for, and which key is no wider than another. Pure.

Scopes narrow what a job may be, never whose it is. A key makes, replaces and revokes only keys that are no wider than itself,
or whoever finds a narrow one could help themselves to a wide one.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from shared.contracts.access import Key, Role, Scopes
from shared.contracts.base import Priority
from shared.errors import RoleNeeded, ScopeExceeded

#: Scopes that list what is allowed, and those that say how much.
LISTS = ("models", "kinds", "facades")
MOSTS = ("max_pixels", "max_n")


def check_asked(
    scopes: Scopes, *, kind: str, models: Collection[str], priority: Priority | None = None, params: Mapping[str, Any]
) -> None:
    """Whether a key may ask for such a job.

    Args:
        models: all that the job would use.
        priority: None: it has none that its caller chose.
        params: of the job, with every value explicit.

    Raises:
        ScopeExceeded: the message names the scope; nothing else is said of what the key may do.
    """
    _check_listed("kinds", scopes.kinds, [kind], "kind")
    _check_listed("models", scopes.models, models, "model")
    if priority is not None:
        check_priority(scopes, priority)
    n, pixels = params.get("n"), _pixels_of(params)
    if scopes.max_n is not None and n is not None and n > scopes.max_n:
        raise _exceeded("max_n", f"this key makes up to {scopes.max_n} pictures at once; n is {n}", "n")
    if scopes.max_pixels is not None and pixels is not None and pixels > scopes.max_pixels:
        raise _exceeded(
            "max_pixels",
            f"this key makes up to {scopes.max_pixels:,} pixels; {params['width']} × {params['height']} are {pixels:,}: "
            "name a smaller width and height",
            "width",
        )


def check_model(scopes: Scopes, model: str, field: str = "model") -> None:
    """Whether a key may use this model.

    Raises:
        ScopeExceeded: it is narrowed to others.
    """
    _check_listed("models", scopes.models, [model], field)


def check_priority(scopes: Scopes, priority: Priority) -> None:
    """Whether a key may be so urgent.

    Raises:
        ScopeExceeded: the highest it may be is less.
    """
    highest = scopes.highest_priority
    if highest is not None and _rank(priority) > _rank(highest):
        raise _exceeded("highest_priority", f"this key is at most {highest}; this is {priority}", "priority")


def at_most(scopes: Scopes, priority: Priority) -> Priority:
    """A priority that nobody chose, as high as the key may be."""
    highest = scopes.highest_priority
    return priority if highest is None else min(priority, highest, key=_rank)


def check_no_wider(wanted: Scopes, own: Scopes) -> None:
    """Whether a key is narrowed at least as much as another one.

    Raises:
        ScopeExceeded: it is not; the message names the first scope in which it is wider.
    """
    for name in LISTS:
        has, may = getattr(wanted, name), getattr(own, name)
        if may and not (has and set(has) <= set(may)):
            raise _wider(name, ", ".join(may))
    for name in MOSTS:
        has, may = getattr(wanted, name), getattr(own, name)
        if may is not None and (has is None or has > may):
            raise _wider(name, f"{may:,}")
    has, may = wanted.highest_priority, own.highest_priority
    if may is not None and (has is None or _rank(has) > _rank(may)):
        raise _wider("highest_priority", may)


def check_key_no_wider(key: Key, persons_role: Role, *, role: Role, scopes: Scopes, expires_at_ms: int) -> None:
    """Whether a key may do no more, and lasts no longer, than what its caller shows.

    Args:
        persons_role: of the person the key belongs to.
        role: the caller's, as are `scopes` and `expires_at_ms` (0: never).

    Raises:
        RoleNeeded, ScopeExceeded: it may, in what the message names.
    """
    most = key.role if key.role is not None and persons_role.may(key.role) else persons_role
    if not role.may(most):
        raise RoleNeeded(f"a key with the role {most} needs that role; you are {role}", field="role")
    check_no_wider(key.scopes, scopes)
    if expires_at_ms and not 0 < key.expires_at_ms <= expires_at_ms:
        raise _exceeded("expiry", "a key lasts no longer than the key that makes or changes it", "expires_in_s")


def models_of(model: str, params: Mapping[str, Any]) -> list[str]:
    """All models a job would use: its own, and those that answer single tasks."""
    tasks: Sequence[Mapping[str, Any]] = params.get("tasks") or ()
    engines = [task["engine"] for task in tasks if task.get("engine")]
    return list(dict.fromkeys([model, *engines]))


def _pixels_of(params: Mapping[str, Any]) -> int | None:
    width, height = params.get("width"), params.get("height")
    return width * height if width and height else None


def _check_listed(scope: str, allowed: Collection[str], asked: Collection[str], field: str) -> None:
    beyond = [each for each in asked if each not in allowed] if allowed else []
    if beyond:
        raise _exceeded(scope, f"this key is for {', '.join(allowed)} only, not {beyond[0]}", field)


def _exceeded(scope: str, why: str, field: str) -> ScopeExceeded:
    return ScopeExceeded(f"scope {scope}: {why}", field=field)


def _wider(scope: str, may: str) -> ScopeExceeded:
    return _exceeded(scope, f"the key that you show is narrowed to {may}, and this would be wider", f"scopes.{scope}")


def _rank(priority: Priority) -> int:
    return list(Priority).index(priority)
