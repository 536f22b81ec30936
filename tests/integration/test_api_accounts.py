"""`/v1/people`, `/v1/keys`, `/v1/me` and `/v1/audit`, over the real store."""

import pytest

from api.app import create_app
from api.requests import accounts
from api.services import build_services
from shared.accounts.audit import COMMAND_LINE
from shared.contracts.access import Key, Person, Role
from tests import workers_played


@pytest.fixture
def root(services, web):
    """An administrator's client."""
    return Client(web, key_of(services, "root", Role.ADMIN))


@pytest.fixture
def ann(services, web):
    """A user's client."""
    return Client(web, key_of(services, "ann"))


def key_of(services, name: str, role: Role = Role.USER, **fields) -> str:
    """A key of somebody new."""
    services.people.add(Person(name=name, role=role), COMMAND_LINE)
    return str(services.keys.add(Key(id="", person=name, digest="", **fields), COMMAND_LINE)[1])


class Client:
    """Shows one key with every request."""

    def __init__(self, web, key: str) -> None:
        self.web, self.key = web, key

    @property
    def key_id(self) -> str:
        return self.key[3:11]

    def __call__(self, method: str, path: str, json: object = None, **more):
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.web.open(path, method=method, json=json, headers=headers, **more)

    def with_key(self, made) -> "Client":
        assert made.status_code in (200, 201), made.json
        return Client(self.web, made.json["key"])


# -- people --------------------------------------------------------------------------------------------------------------


def test_an_administrator_adds_a_person_gives_them_a_key_and_they_get_in(root, web):
    added = root("POST", "/v1/people", {"name": "bob", "role": "operator", "weight": 2, "limits": {"stored_mib": 5}})
    bob = root.with_key(root("POST", "/v1/keys", {"person": "bob"}))

    me = bob("GET", "/v1/me").json

    assert (added.status_code, added.headers["Location"]) == (201, "/v1/people/bob")
    assert added.json["limits"]["stored_mib"] == added.json["effective_limits"]["stored_mib"] == 5
    assert root("GET", "/v1/people/bob").json == added.json
    assert (me["person"], me["role"], me["weight"], me["limits"]["stored_mib"]) == ("bob", "operator", 2.0, 5)
    assert me["key_id"] == bob.key_id


def test_a_person_is_changed_field_by_field_and_a_limit_can_be_the_roles_again(root, settings):
    root("POST", "/v1/people", {"name": "bob", "limits": {"stored_mib": 5, "requests_per_s": 7}, "note": "x"})

    root("PATCH", "/v1/people/bob", {"weight": 3.5, "limits": {"stored_mib": None}})
    changed = root("PATCH", "/v1/people/bob", {"is_disabled": True, "note": None}).json

    assert (changed["weight"], changed["is_disabled"], changed["note"]) == (3.5, True, "x")
    assert (changed["limits"]["stored_mib"], changed["limits"]["requests_per_s"]) == (None, 7)
    assert root("PATCH", "/v1/people/bob", {}).json == changed


def test_limits_of_the_role_count_where_a_person_has_none(settings, services):
    strict = build_services(settings.model_copy(update={"user_limits": ("unfinished_jobs=3",)}))
    ann = Client(create_app(strict).test_client(), key_of(services, "ann"))

    assert ann("GET", "/v1/me").json["limits"]["unfinished_jobs"] == 3


def test_a_name_is_given_once_and_nobody_is_called_like_an_address(root):
    root("POST", "/v1/people", {"name": "bob"})

    again = root("POST", "/v1/people", {"name": "bob"})
    address = root("POST", "/v1/people", {"name": "10.0.0.5"})

    assert (again.status_code, again.json["error"]["code"]) == (409, "already_exists")
    assert (address.status_code, address.json["error"]["field"]) == (422, "name")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "Bob"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"name": "bob", "role": "king"}, "role"),
        ({"name": "bob", "weight": 0}, "weight"),
        ({"name": "bob", "weight": "2"}, "weight"),
        ({"name": "bob", "limits": {"jobs": 2}}, "limits.jobs"),
        ({"name": "bob", "limits": {"stored_mib": -1}}, "limits.stored_mib"),
        ({"name": "bob", "limits": {"stored_mib": "5"}}, "limits.stored_mib"),
        ({"name": "bob", "created_at_ms": 5}, "created_at_ms"),
    ],
)
def test_a_wrong_person_is_refused_and_the_field_is_named(root, body, field):
    answer = root("POST", "/v1/people", body)

    assert answer.status_code == 422
    assert answer.json["error"]["field"] == field


def test_nobody_is_there_until_they_are_added(root):
    for method, path, body in (
        ("GET", "/v1/people/bob", None),
        ("PATCH", "/v1/people/bob", {"weight": 2.0}),
        ("POST", "/v1/keys", {"person": "bob"}),
    ):
        assert root(method, path, body).status_code == 404


def test_administrators_do_not_lock_themselves_out(root):
    for change in ({"role": "user"}, {"is_disabled": True}):
        assert root("PATCH", "/v1/people/root", change).status_code == 409
    assert root("PATCH", "/v1/people/root", {"role": "admin", "weight": 2.0}).status_code == 200


def test_people_are_listed_in_pages(root):
    for name in ("cid", "bob"):
        root("POST", "/v1/people", {"name": name})

    first = root("GET", "/v1/people?limit=2").json
    rest = root("GET", f"/v1/people?limit=2&cursor={first['next_cursor']}").json

    assert [each["name"] for each in first["people"] + rest["people"]] == ["bob", "cid", "root"]
    assert rest["next_cursor"] is None


# -- keys ----------------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once(root, ann):
    made = ann("POST", "/v1/keys", {"note": "laptop"})
    later = [
        ann("GET", f"/v1/keys/{made.json['id']}"),
        ann("GET", "/v1/keys"),
        root("GET", "/v1/keys"),
        root("GET", "/v1/audit"),
    ]

    secret = made.json["key"].split("_", 2)[2]
    assert made.headers["Cache-Control"] == "no-store"
    assert made.headers["Location"] == f"/v1/keys/{made.json['id']}"
    assert all(answer.status_code == 200 and secret not in answer.text for answer in later)
    assert "digest" not in later[0].text + later[1].text + later[2].text


def test_people_see_make_replace_and_revoke_their_own_keys(ann):
    other = ann.with_key(ann("POST", "/v1/keys", {}))
    renewed = ann.with_key(ann("POST", f"/v1/keys/{other.key_id}/rotate"))

    listed = [key["id"] for key in ann("GET", "/v1/keys").json["keys"]]
    worked = renewed("GET", "/v1/me").status_code
    gone = ann("DELETE", f"/v1/keys/{other.key_id}").status_code, ann("DELETE", f"/v1/keys/{other.key_id}").status_code

    assert renewed.key_id == other.key_id
    assert renewed.key != other.key
    assert listed == [other.key_id, ann.key_id]
    assert worked == 200
    assert gone == (204, 204)
    assert ann("GET", f"/v1/keys/{other.key_id}").json["is_revoked"] is True
    assert ann("POST", f"/v1/keys/{other.key_id}/rotate").status_code == 409


def test_anothers_key_is_not_there_in_the_very_words_of_one_that_never_was(ann, root):
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        theirs = ann(method, f"/v1/keys/{root.key_id}{path}")
        nobodys = ann(method, f"/v1/keys/zzzzzzzz{path}")

        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.text.replace(root.key_id, "zzzzzzzz") == nobodys.text
    assert root("GET", "/v1/me").status_code == 200


def test_only_administrators_see_and_make_others_keys(ann, root):
    for answer in (ann("POST", "/v1/keys", {"person": "root"}), ann("GET", "/v1/keys?person=root")):
        assert (answer.status_code, answer.json["error"]["code"]) == (403, "role_needed")
        assert "admin" in answer.json["error"]["message"]
    assert [key["person"] for key in root("GET", "/v1/keys?person=ann").json["keys"]] == ["ann"]
    assert {key["person"] for key in root("GET", "/v1/keys").json["keys"]} == {"ann", "root"}


def test_whoever_has_a_narrow_key_gets_no_wider_one_out_of_it(services, web, root):
    root("POST", "/v1/people", {"name": "bob", "role": "operator"})
    narrow = {"person": "bob", "role": "user", "scopes": {"max_n": 1}, "expires_in_s": 1000}
    narrow = root.with_key(root("POST", "/v1/keys", narrow))
    wide = root.with_key(root("POST", "/v1/keys", {"person": "bob"}))

    refused = [
        narrow("POST", "/v1/keys", {"role": "operator"}),
        narrow("POST", "/v1/keys", {"scopes": {}}),
        narrow("POST", "/v1/keys", {"scopes": {"max_n": 2}}),
        narrow("POST", "/v1/keys", {"expires_in_s": 2000}),
        narrow("POST", f"/v1/keys/{wide.key_id}/rotate"),
        narrow("DELETE", f"/v1/keys/{wide.key_id}"),
    ]
    inherited = narrow("POST", "/v1/keys", {}).json
    narrower = narrow(
        "POST", "/v1/keys", {"role": "viewer", "scopes": {"max_n": 1, "max_pixels": 5}, "expires_in_s": 5}
    )

    assert [answer.json["error"]["code"] for answer in refused] == ["role_needed"] + ["scope_exceeded"] * 3 + [
        "role_needed",
        "role_needed",
    ]
    assert (inherited["role"], inherited["scopes"]["max_n"]) == ("user", 1)
    assert inherited["expires_at"] == narrow("GET", "/v1/me").json["key_expires_at"] is not None
    assert narrower.status_code == 201
    assert narrow("DELETE", f"/v1/keys/{narrow.key_id}").status_code == 204
    assert wide("GET", "/v1/me").json["role"] == "operator"


def test_a_narrow_key_of_an_administrator_makes_narrow_ones_only_whoever_they_are_for(root):
    narrow = root.with_key(root("POST", "/v1/keys", {"scopes": {"kinds": ["analyze"]}}))
    root("POST", "/v1/people", {"name": "bob"})

    assert narrow("POST", "/v1/keys", {"person": "bob", "scopes": {}}).json["error"]["code"] == "scope_exceeded"
    assert narrow("POST", "/v1/keys", {"person": "bob"}).json["scopes"]["kinds"] == ["analyze"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"role": "king"}, 422, "role"),
        ({"expires_in_s": 0}, 422, "expires_in_s"),
        ({"scopes": {"models": ["nobody"]}}, 404, "scopes.models"),
        ({"scopes": {"kinds": ["dance"]}}, 422, "scopes.kinds.0"),
        ({"scopes": {"facades": ["gopher"]}}, 422, "scopes.facades.0"),
        ({"scopes": {"max_n": 0}}, 422, "scopes.max_n"),
        ({"scopes": {"pixels": 1}}, 422, "scopes.pixels"),
        ({"note": "x" * 201}, 422, "note"),
    ],
)
def test_a_wrong_key_request_is_refused_and_the_field_is_named(ann, body, status, field):
    answer = ann("POST", "/v1/keys", body)

    assert (answer.status_code, answer.json["error"].get("field")) == (status, field)


def test_a_model_of_a_scope_is_kept_by_its_id(ann, services):
    card = next(card for card in services.catalogue.cards.values() if card.aliases)

    made = ann("POST", "/v1/keys", {"scopes": {"models": [card.aliases[0]]}})

    assert made.json["scopes"]["models"] == [card.id]


def test_a_person_has_so_many_keys_of_their_own_making(ann, root, monkeypatch):
    monkeypatch.setattr("api.blueprints.keys.MOST_OWN_KEYS", 2)
    made = [ann("POST", "/v1/keys", {}).status_code for _ in range(2)]

    assert accounts.MOST_OWN_KEYS == 100
    assert made == [201, 422]
    assert root("POST", "/v1/keys", {"person": "ann"}).status_code == 201


def test_keys_are_listed_in_pages(ann):
    for _ in range(3):
        ann("POST", "/v1/keys", {})

    first = ann("GET", "/v1/keys?limit=3").json
    rest = ann("GET", f"/v1/keys?limit=3&cursor={first['next_cursor']}").json

    assert len({key["id"] for key in first["keys"] + rest["keys"]}) == 4
    assert rest["next_cursor"] is None


def test_the_local_administrator_becomes_a_person_by_the_first_key_and_keeps_what_is_theirs(web, services):
    job = web.post("/v1/generate", json={"prompt": "x"}).json["id"]

    first = web.post("/v1/keys", json={})
    local = Client(web, first.json["key"])

    assert (first.status_code, first.json["person"]) == (201, "local")
    assert local("GET", "/v1/me").json["role"] == "admin"
    assert services.store.get(job).caller == "local"
    assert local("GET", f"/v1/jobs/{job}").status_code == 200


def test_an_administrator_of_the_environment_becomes_a_person_by_their_first_key(settings):
    keyed = build_services(settings.model_copy(update={"api_keys": ("Gallery App:s3cret",)}))
    gallery = Client(create_app(keyed).test_client(), "s3cret")

    me, made = gallery("GET", "/v1/me").json, gallery("POST", "/v1/keys", {})
    own = gallery.with_key(made)

    assert (me["person"], me["role"], me["key_id"]) == ("Gallery App", "admin", None)
    assert own("GET", "/v1/me").json["person"] == "Gallery App"


# -- audit ---------------------------------------------------------------------------------------------------------------


def test_the_audit_tells_who_did_what_to_whom(root, services):
    services.registry.report(workers_played.report("gpu0", models=("sdxl-toy",)))
    root("POST", "/v1/people", {"name": "bob"})
    key_id = root("POST", "/v1/keys", {"person": "bob"}).json["id"]
    root("PATCH", "/v1/people/bob", {"weight": 2.0})
    root("POST", f"/v1/keys/{key_id}/rotate")
    root("DELETE", f"/v1/keys/{key_id}")
    root("POST", "/v1/workers/gpu0/drain")
    root("POST", "/v1/workers/gpu0/resume")
    root("POST", "/v1/models/switch", {"model_id": "sdxl-toy"})
    root("POST", "/v1/models/unload", {"model_id": "sdxl-toy"})

    told = root("GET", "/v1/audit?who=root").json["entries"]

    assert [(each["what"], each["target"]) for each in told[::-1]] == [
        ("person.added", "bob"),
        ("key.added", key_id),
        ("person.changed", "bob"),
        ("key.rotated", key_id),
        ("key.revoked", key_id),
        ("worker.drained", "gpu0"),
        ("worker.resumed", "gpu0"),
        ("model.switched", "sdxl-toy"),
        ("model.unloaded", "sdxl-toy"),
    ]
    assert {each["key"] for each in told} == {root.key_id}
    assert all(each["at"] and each["outcome"] == "done" for each in told)


def test_the_audit_is_filtered_and_read_in_pages(root):
    for name in ("bob", "cid", "dan"):
        root("POST", "/v1/people", {"name": name})

    page = root("GET", "/v1/audit?what=person.added&limit=2").json
    rest = root("GET", f"/v1/audit?what=person.added&who=root&cursor={page['next_cursor']}").json
    one = root("GET", "/v1/audit?target=cid").json
    wrong = root("GET", "/v1/audit?what=person.eaten")

    assert [each["target"] for each in page["entries"] + rest["entries"]] == ["dan", "cid", "bob"]
    assert [each["target"] for each in one["entries"]] == ["cid"]
    assert (wrong.status_code, wrong.json["error"]["field"]) == (422, "what")
    assert root("GET", "/v1/audit?cursor=0-0").status_code == 422
