"""What a role may use."""

import pytest

from shared.accounts.roles import default_limits, effective_limits, limits_of
from shared.contracts.access import Limits, Role
from shared.errors import InvalidRequest
from shared.settings import Settings


def test_the_settings_say_what_each_role_may_use_and_administrators_have_no_limit():
    defaults = default_limits(Settings(user_limits="requests_per_s=2.5,unfinished_jobs=7", viewer_limits="none"))

    assert defaults[Role.USER] == Limits(requests_per_s=2.5, unfinished_jobs=7)
    assert defaults[Role.VIEWER] == defaults[Role.ADMIN] == Limits()


def test_a_persons_own_limits_count_before_the_roles():
    defaults = {Role.USER: Limits(unfinished_jobs=7, stored_mib=100)}

    assert effective_limits(Limits(unfinished_jobs=9), Role.USER, defaults) == Limits(unfinished_jobs=9, stored_mib=100)
    assert effective_limits(Limits(), Role.OPERATOR, defaults) == Limits()


@pytest.mark.parametrize(
    ("entry", "why"),
    [("jobs=3", "limits: requests_per_s"), ("unfinished_jobs", "limit=number"), ("unfinished_jobs=-1", "unfinished_jobs"),
     ("stored_mib=many", "stored_mib"), ("requests_per_s=nan", "requests_per_s"), ("requests_per_s=inf", "requests_per_s")],
)  # fmt: skip
def test_a_wrong_limit_is_refused_and_the_variable_is_named(entry, why):
    with pytest.raises(InvalidRequest, match=f"DARKROOM_USER_LIMITS.*{why}"):
        limits_of((entry,), "DARKROOM_USER_LIMITS")


def test_a_limit_that_is_said_twice_is_refused():
    with pytest.raises(InvalidRequest, match="once"):
        limits_of(("stored_mib=1", "stored_mib=2"), "DARKROOM_USER_LIMITS")
