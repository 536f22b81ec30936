"""What a provider's claims mean here: the person's name, and their role. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.access import PERSON_PATTERN, Role
from shared.errors import InvalidRequest, SignInRefused
from shared.net.host_names import is_loopback, read_origin
from shared.settings import Settings

Claims = Mapping[str, Any]


@dataclass(frozen=True)
class OidcRules:
    """Of one provider."""

    issuer: str
    client_id: str
    client_secret: str | None
    scopes: str
    person_claim: str
    #: "": everybody has the default role.
    role_claim: str
    #: Value of that claim → role.
    roles: Mapping[str, Role]
    #: None: whose claim names none does not get in.
    default_role: Role | None
    may_link: bool

    @property
    def wanted_claims(self) -> set[str]:
        """Those that decide something."""
        return {self.person_claim, self.role_claim} - {""}

    def name_in(self, claims: Claims) -> str:
        """What a person is called, who signs in for the first time.

        Raises:
            SignInRefused: the claim is not there, is no name here, or is an address that the provider has not checked.
        """
        said = claims.get(self.person_claim)
        name = said.strip().lower() if isinstance(said, str) else ""
        if not re.fullmatch(PERSON_PATTERN, name):
            raise SignInRefused(
                f"the provider's claim {self.person_claim!r} is {str(said)[:100]!r}, which is no name here: letters, digits "
                "and ._@- only, at most 63 (DARKROOM_OIDC_PERSON_CLAIM names another claim)"
            )
        if self.person_claim == "email" and claims.get("email_verified") is not True:
            raise SignInRefused("the provider has not checked that this address is yours (email_verified)")
        return name

    def role_in(self, claims: Claims) -> Role | None:
        """The highest role that the claim names; None: there is no such claim to go by, and the person keeps theirs.

        Raises:
            SignInRefused: it names none, and there is none by default.
        """
        said = claims.get(self.role_claim) if self.role_claim else None
        values = said if isinstance(said, list) else [said]
        named = [self.roles[value] for value in values if isinstance(value, str) and value in self.roles]
        if named:
            return max(named, key=list(Role).index)
        if self.default_role is None:
            raise SignInRefused(
                f"the provider's claim {self.role_claim!r} names no role here (DARKROOM_OIDC_ROLES, "
                "DARKROOM_OIDC_DEFAULT_ROLE)"
            )
        return self.default_role if self.role_claim else None


def oidc_rules(settings: Settings) -> OidcRules | None:
    """From settings; None: no provider is set.

    Raises:
        InvalidRequest: a part is missing or wrong, or nobody could get in.
    """
    issuer = settings.oidc_issuer
    if issuer is None:
        return None
    origin = read_origin("/".join(issuer.split("/", 3)[:3]))
    if origin is None or (origin.scheme != "https" and not is_loopback(origin.place.host)):
        raise _wrong("OIDC_ISSUER", f"{issuer!r} must be https, or on this machine: what it says decides who comes in")
    if not settings.oidc_client_id:
        raise _wrong("OIDC_CLIENT_ID", "is missing: what the provider calls this server")
    default = None if settings.oidc_default_role == "none" else Role(settings.oidc_default_role)
    if default is None and not settings.oidc_role_claim:
        raise _wrong(
            "OIDC_DEFAULT_ROLE",
            "nobody could get in: name a claim with roles (DARKROOM_OIDC_ROLE_CLAIM), or the role that everybody has whom "
            "the provider knows",
        )
    return OidcRules(
        issuer=issuer.rstrip("/"),
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None,
        scopes=settings.oidc_scopes,
        person_claim=settings.oidc_person_claim,
        role_claim=settings.oidc_role_claim or "",
        roles=_roles(settings.oidc_roles),
        default_role=default,
        may_link=settings.oidc_link_existing,
    )


def _roles(entries: tuple[str, ...]) -> dict[str, Role]:
    if not entries:
        return {role.value: role for role in Role}
    found = {}
    for entry in entries:
        value, equals, role = entry.rpartition("=")
        if not equals or not value.strip() or role.strip() not in list(Role):
            raise _wrong("OIDC_ROLES", f"each entry is value=role with a role of {', '.join(Role)} (got {entry!r})")
        found[value.strip()] = Role(role.strip())
    return found


def _wrong(setting: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"DARKROOM_{setting}: {why}", field=f"DARKROOM_{setting}")
