"""Who calls."""

import pytest

from api.services.auth import Caller, admitted, environment_caller, environment_keys
from shared.accounts.standing import Standing
from shared.contracts.access import Key, Limits, Person, Role, Scopes
from shared.errors import InvalidRequest
from shared.settings import Settings

ANN = Person(name="ann", role=Role.OPERATOR, weight=2.0, limits=Limits(stored_mib=5))
KEY = Key(id="abcdefgh", person="ann", digest="d", scopes=Scopes(max_n=2), expires_at_ms=2_000)
DEFAULTS = {Role.OPERATOR: Limits(unfinished_jobs=9)}


def test_a_key_lets_its_person_in_with_what_both_may():
    found = admitted(Standing(KEY, ANN, now_ms=1_999), DEFAULTS)

    assert found == Caller(
        "ann", Role.OPERATOR, KEY.scopes, 2.0, Limits(stored_mib=5, unfinished_jobs=9), "abcdefgh", 2_000
    )


@pytest.mark.parametrize(
    ("person", "key", "both"),
    [("operator", "viewer", "viewer"), ("user", "admin", "user"), ("user", None, "user"), ("user", "user", "user")],
)
def test_the_lesser_role_of_a_key_and_its_person_counts(person, key, both):
    standing = Standing(
        KEY.model_copy(update={"role": Role(key) if key else None}), ANN.model_copy(update={"role": Role(person)}), 0
    )

    assert admitted(standing, {}).role == Role(both)


@pytest.mark.parametrize(
    "standing",
    [
        Standing(None, None, 0),
        Standing(None, ANN, 0),
        Standing(KEY, None, 0),
        Standing(KEY, ANN, now_ms=2_000),
        Standing(KEY.model_copy(update={"is_revoked": True}), ANN, 0),
        Standing(KEY, ANN.model_copy(update={"is_disabled": True}), 0),
    ],
    ids=["unknown", "no key", "nobody's", "expired", "revoked", "disabled"],
)
def test_whatever_is_wrong_lets_nobody_in(standing):
    assert admitted(standing, DEFAULTS) is None


def test_a_key_of_the_environment_is_an_administrators_whatever_their_record_says_of_the_role():
    known = environment_caller("ann", Standing(None, ANN, 0))

    assert environment_caller("bob", Standing(None, None, 0)) == Caller("bob", Role.ADMIN)
    assert (known.role, known.weight, known.limits) == (Role.ADMIN, 2.0, Limits(stored_mib=5))
    assert environment_caller("ann", Standing(None, ANN.model_copy(update={"is_disabled": True}), 0)) is None


def test_keys_come_from_the_settings():
    assert list(environment_keys(Settings(api_keys="ann:a,bob:b:c"))) == [("ann", "a"), ("bob", "b:c")]


@pytest.mark.parametrize("entry", ["ann", ":key", "ann:"])
def test_half_a_key_is_refused_at_the_start(entry):
    with pytest.raises(InvalidRequest, match="name:key"):
        environment_keys(Settings(api_keys=(entry,)))
