"""What a narrowed key may ask for, and which key is no wider than another."""

import pytest

from shared.accounts.scope_rules import at_most, check_asked, check_key_no_wider, check_no_wider, models_of
from shared.contracts.access import Facade, Key, Role, Scopes
from shared.contracts.base import Priority
from shared.errors import RoleNeeded, ScopeExceeded

ASKED = {
    "kind": "generate",
    "models": ["sdxl-toy"],
    "priority": Priority.NORMAL,
    "params": {"width": 64, "height": 32, "n": 2},
}
EXACT = Scopes(models=("sdxl-toy",), kinds=("generate",), max_pixels=2048, max_n=2, highest_priority=Priority.NORMAL)


def test_whoever_is_not_narrowed_may_ask_for_anything():
    check_asked(Scopes(), **ASKED)


def test_exactly_what_a_key_may_is_allowed():
    check_asked(EXACT, **ASKED)


@pytest.mark.parametrize(
    ("scope", "value", "field"),
    [
        ("models", ("sdxl",), "model"),
        ("kinds", ("analyze",), "kind"),
        ("max_pixels", 2047, "width"),
        ("max_n", 1, "n"),
        ("highest_priority", Priority.LOW, "priority"),
    ],
)
def test_more_than_a_scope_is_refused_and_the_scope_is_named(scope, value, field):
    with pytest.raises(ScopeExceeded, match=f"scope {scope}") as refused:
        check_asked(EXACT.model_copy(update={scope: value}), **ASKED)

    assert refused.value.field == field


def test_every_model_a_job_uses_counts():
    params = {"tasks": [{"engine": "moondream2"}, {"engine": "wd-tagger"}, {"task": "caption"}]}

    assert models_of("moondream2", params) == ["moondream2", "wd-tagger"]
    with pytest.raises(ScopeExceeded, match="wd-tagger"):
        check_asked(
            Scopes(models=("moondream2",)), kind="analyze", models=models_of("moondream2", params), params=params
        )


def test_a_priority_that_nobody_chose_is_as_high_as_the_key_may():
    assert at_most(Scopes(highest_priority=Priority.LOW), Priority.NORMAL) == Priority.LOW
    assert at_most(Scopes(highest_priority=Priority.HIGH), Priority.NORMAL) == Priority.NORMAL
    assert at_most(Scopes(), Priority.NORMAL) == Priority.NORMAL


OWN = Scopes(
    models=("a", "b"), kinds=("generate",), max_pixels=10, max_n=2, highest_priority="normal", facades=(Facade.NATIVE,)
)


def test_a_key_is_no_wider_than_itself_and_anything_is_no_wider_than_everything():
    check_no_wider(OWN, OWN)
    check_no_wider(OWN.model_copy(update={"models": ("a",), "max_n": 1, "highest_priority": Priority.LOW}), OWN)
    check_no_wider(OWN, Scopes())
    check_no_wider(Scopes(), Scopes())


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        ("models", ("a", "c")),
        ("models", ()),
        ("kinds", ()),
        ("max_pixels", 11),
        ("max_pixels", None),
        ("max_n", None),
        ("highest_priority", Priority.HIGH),
        ("highest_priority", None),
        ("facades", (Facade.OPENAI,)),
        ("facades", ()),
    ],
)
def test_a_wider_key_is_refused_and_the_scope_is_named(scope, value):
    with pytest.raises(ScopeExceeded, match=f"scope {scope}"):
        check_no_wider(OWN.model_copy(update={scope: value}), OWN)


@pytest.mark.parametrize(
    ("key_role", "persons", "callers", "is_wider"),
    [
        (None, "user", "user", False),
        (None, "admin", "user", True),
        ("user", "admin", "user", False),
        ("admin", "user", "user", False),  # the lesser counts
        ("operator", "admin", "user", True),
    ],
)
def test_a_key_that_may_more_than_its_caller_is_wider(key_role, persons, callers, is_wider):
    key = Key(id="", person="ann", digest="", role=key_role)

    def check() -> None:
        check_key_no_wider(key, Role(persons), role=Role(callers), scopes=Scopes(), expires_at_ms=0)

    if is_wider:
        with pytest.raises(RoleNeeded, match="role"):
            check()
    else:
        check()


@pytest.mark.parametrize(
    ("expires", "callers", "is_wider"),
    [(0, 0, False), (5, 0, False), (5, 5, False), (0, 5, True), (6, 5, True)],
)
def test_a_key_lasts_no_longer_than_its_callers(expires, callers, is_wider):
    key = Key(id="", person="ann", digest="", expires_at_ms=expires)

    def check() -> None:
        check_key_no_wider(key, Role.USER, role=Role.USER, scopes=Scopes(), expires_at_ms=callers)

    if is_wider:
        with pytest.raises(ScopeExceeded, match="scope expiry"):
            check()
    else:
        check()
