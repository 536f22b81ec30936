"""Who calls."""

import pytest

from api.services.auth import LOCAL_ADMIN, NOBODY, Access, Caller, access_from
from shared.contracts.access import Role
from shared.errors import InvalidRequest, Unauthorized
from shared.settings import Settings

KEYED = Access((("ann", "s3cret"), ("bob", "other:with:colons")))


def test_without_keys_everybody_is_the_local_administrator():
    assert Access().caller_of("/v1/jobs", None) == LOCAL_ADMIN


@pytest.mark.parametrize(("shown", "name"), [("Bearer s3cret", "ann"), ("bearer  other:with:colons", "bob")])
def test_a_key_names_its_owner(shown, name):
    assert KEYED.caller_of("/v1/jobs", shown) == Caller(name, Role.ADMIN)


@pytest.mark.parametrize(
    "shown", [None, "", "Bearer", "Bearer ", "s3cret", "Basic s3cret", "Bearer s3cre", "Bearer \udcff"]
)
def test_anything_else_is_refused(shown):
    with pytest.raises(Unauthorized):
        KEYED.caller_of("/v1/jobs", shown)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/docs/assets/x.js", "/openapi.json"])
def test_probes_and_the_description_need_no_key(path):
    assert KEYED.caller_of(path, None) == NOBODY


def test_keys_come_from_the_settings():
    assert access_from(Settings(api_keys="ann:a,bob:b:c")).keys == (("ann", "a"), ("bob", "b:c"))


@pytest.mark.parametrize("entry", ["ann", ":key", "ann:"])
def test_half_a_key_is_refused_at_the_start(entry):
    with pytest.raises(InvalidRequest, match="name:key"):
        access_from(Settings(api_keys=(entry,)))
