"""Roles include those before them."""

import pytest

from shared.contracts.access import Role


@pytest.mark.parametrize(
    ("role", "needed", "may"),
    [
        (Role.VIEWER, Role.VIEWER, True),
        (Role.VIEWER, Role.USER, False),
        (Role.OPERATOR, Role.USER, True),
        (Role.OPERATOR, Role.ADMIN, False),
        (Role.ADMIN, Role.VIEWER, True),
    ],
)
def test_a_role_includes_those_before_it(role, needed, may):
    assert role.may(needed) is may
