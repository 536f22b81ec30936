"""What a provider's claims mean here."""

import pytest

from api.services.oidc_rules import oidc_rules
from api.services.oidc_sign_in import GO_ON, Begun, begin, is_same, read_begun
from shared.contracts.access import Role
from shared.errors import InvalidRequest, SignInRefused
from shared.settings import Settings

ISSUER = "https://id.example"


def rules(**fields):
    given = {"oidc_issuer": ISSUER, "oidc_client_id": "darkroom", "oidc_role_claim": "groups"} | fields
    return oidc_rules(Settings(**given))


def test_without_an_issuer_there_is_no_such_way_in():
    assert oidc_rules(Settings()) is None


@pytest.mark.parametrize(
    ("fields", "setting"),
    [
        ({"oidc_client_id": ""}, "OIDC_CLIENT_ID"),
        ({"oidc_issuer": "http://id.example"}, "OIDC_ISSUER"),
        ({"oidc_issuer": "https://u:p@id.example"}, "OIDC_ISSUER"),
        ({"oidc_role_claim": None}, "OIDC_DEFAULT_ROLE"),
        ({"oidc_roles": "staff=boss"}, "OIDC_ROLES"),
        ({"oidc_roles": "staff"}, "OIDC_ROLES"),
        ({"oidc_roles": "=admin"}, "OIDC_ROLES"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_at_the_start(fields, setting):
    with pytest.raises(InvalidRequest, match=f"DARKROOM_{setting}"):
        rules(**fields)


def test_a_provider_on_this_machine_needs_no_tls():
    assert rules(oidc_issuer="http://localhost:5556/dex/").issuer == "http://localhost:5556/dex"


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ("admin", Role.ADMIN),
        (["user"], Role.USER),
        (["user", "operator", "x"], Role.OPERATOR),
        (["x", 7, None, {"a": 1}, "viewer"], Role.VIEWER),
    ],
    ids=str,
)
def test_the_highest_role_that_the_claim_names_counts(said, role):
    assert rules().role_in({"groups": said}) == role


@pytest.mark.parametrize(
    "said", [None, "", "ADMIN", "admins", [], ["admin "], 7, {"admin": True}, [["admin"]]], ids=str
)
def test_who_is_named_no_role_does_not_get_in_or_gets_the_default(said):
    with pytest.raises(SignInRefused, match="groups"):
        rules().role_in({"groups": said})
    assert rules(oidc_default_role="viewer").role_in({"groups": said}) == Role.VIEWER


def test_groups_can_be_named_as_the_provider_has_them():
    by_group = rules(oidc_roles="CN=Staff=viewer, /art=user,darkroom admins=admin")

    assert by_group.role_in({"groups": ["CN=Staff", "/art"]}) == Role.USER
    assert by_group.role_in({"groups": ["darkroom admins"]}) == Role.ADMIN
    with pytest.raises(SignInRefused):
        by_group.role_in({"groups": ["admin"]})


def test_without_a_claim_for_roles_people_keep_what_an_administrator_gave():
    assert rules(oidc_role_claim=None, oidc_default_role="user").role_in({"groups": ["admin"]}) is None


@pytest.mark.parametrize(("said", "name"), [("Ann", "ann"), (" bob.b@x.org ", "bob.b@x.org")])
def test_a_name_is_in_small_letters(said, name):
    assert rules().name_in({"preferred_username": said}) == name


@pytest.mark.parametrize(
    "said", [None, "", "a b", "ann\nroot", "é", "x" * 64, "../x", 7, ["ann"], "-ann", "a,b"], ids=repr
)
def test_what_is_no_name_is_refused(said):
    with pytest.raises(SignInRefused, match="preferred_username"):
        rules().name_in({"preferred_username": said})


@pytest.mark.parametrize("checked", [None, False, "true", 1])
def test_an_address_that_the_provider_has_not_checked_names_nobody(checked):
    with pytest.raises(SignInRefused, match="email_verified"):
        rules(oidc_person_claim="email").name_in({"email": "ann@x.org", "email_verified": checked})


# -- what the browser keeps ----------------------------------------------------------------------------------------------


def test_what_a_browser_keeps_comes_back_whole():
    begun = begin("/gallery?x=1#y")

    assert read_begun(begun.as_cookie()) == begun
    assert is_same(begun, begun.state)
    assert not is_same(begun, begun.state[:-1])
    assert not is_same(begun, "\udcff")


@pytest.mark.parametrize("cookie", [None, "", "x", "e30=", "W10=", "bnVsbA==", "é", "\udcff"], ids=repr)
def test_what_we_did_not_write_is_nothing(cookie):
    assert read_begun(cookie) is None


@pytest.mark.parametrize("go_on", ["//evil.example", "", "https://evil.example"])
def test_what_goes_on_elsewhere_is_nothing(go_on):
    assert read_begun(Begun("s", "n", "v", go_on).as_cookie()) is None


@pytest.mark.parametrize("path", ["/", "/a", "/a/b?c=d&e#f", "/?x=//y", "/a//b"])
def test_one_goes_on_to_a_path_of_ours(path):
    assert GO_ON.fullmatch(path)


@pytest.mark.parametrize(
    "path",
    [
        *("", "a", "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "/\t/evil.example"),
        *("/ /evil.example", "javascript:alert(1)", "/\n/evil", "/é", "/" + "x" * 500),
    ],
)
def test_never_to_anywhere_else(path):
    assert not GO_ON.fullmatch(path)
