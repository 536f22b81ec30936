"""What people may use, by role, where their own record says nothing.

An administrator has no limits but those of their own record: whoever sets limits could take them away.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from shared.contracts.access import Limits, Role
from shared.errors import InvalidRequest
from shared.settings import Settings

Defaults = Mapping[Role, Limits]


def default_limits(settings: Settings) -> dict[Role, Limits]:
    """Of every role, as the settings say.

    Raises:
        InvalidRequest: an entry is not `limit=number`, or the number is not allowed.
    """
    said = {Role.VIEWER: "viewer_limits", Role.USER: "user_limits", Role.OPERATOR: "operator_limits"}
    found = {role: limits_of(getattr(settings, name), f"DARKROOM_{name.upper()}") for role, name in said.items()}
    return found | {Role.ADMIN: Limits()}


def limits_of(entries: tuple[str, ...], field: str) -> Limits:
    """Limits of `limit=number` entries; the one entry `none` says that there are none.

    Args:
        field: where they were said, for the error.

    Raises:
        InvalidRequest: see `default_limits`.
    """
    given: dict[str, str] = {}
    for entry in () if entries == ("none",) else entries:
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not equals or name not in Limits.model_fields or name in given:
            known = ", ".join(Limits.model_fields)
            raise InvalidRequest(f"{field}: each entry is limit=number, each limit once; limits: {known}", field=field)
        given[name] = value
    try:
        return Limits.model_validate(given)
    except ValidationError as exc:
        first = exc.errors()[0]
        raise InvalidRequest(
            f"{field}: {first['loc'][0]}: {first['msg']} (got {first['input']!r})", field=field
        ) from exc


def effective_limits(own: Limits, role: Role, defaults: Defaults) -> Limits:
    """A person's own limits; where one says nothing, their role's."""
    return defaults.get(role, Limits()).model_copy(update=own.model_dump(exclude_none=True))
