"""What nobody should send the library, over both databases: refused with its field, or taken as it is; never a 5xx."""

import json

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as how
from hypothesis import strategies as st

from api.app import create_app
from api.library.filters import MAX_IDS
from api.services import Services, build_services
from shared.settings import Settings
from tests.library_played import Caller, owned


@pytest.fixture
def services(library_settings: Settings) -> Services:
    return build_services(library_settings)


@pytest.fixture
def anna(services: Services) -> Caller:
    return Caller(services, "anna")


@pytest.fixture
def web(services: Services):
    """Whoever needs no key."""
    return create_app(services).test_client()


#: Taken by both databases, and told again as they are.
NAMES = [
    "a/b",
    "..",
    "../../etc/passwd",
    "🎨🖼️",
    "ß İ ǆ",
    "%_\\'\"",
    "'; DROP TABLE assets; --",
    "{x}",
    "\u202eevil",
    "x" * 100,
]
#: Refused, each with its field.
REFUSED = ["", "\x00", "a\x00b", "\ud800", "x" * 301]


def test_odd_names_are_names_everywhere(services, anna):
    (asset,) = owned(services, "anna")
    for name in NAMES:
        taken_everywhere(anna, asset, name)


def taken_everywhere(anna: Caller, asset: str, name: str) -> None:
    album = anna.post("/v1/albums", json={"name": name, "description": name}, expect=201)
    anna.post(f"/v1/albums/{album['id']}/assets", json={"ids": [asset]})
    anna.patch(f"/v1/assets/{asset}", json={"note": name, "caption": name})
    search = anna.post("/v1/searches", json={"name": name}, expect=201)["id"]
    preset = anna.post("/v1/presets", json={"name": name, "params": {name: name}}, expect=201)["id"]

    assert anna.get(f"/v1/albums/{album['id']}")["name"] == name
    for spelled in (name, name.upper()) if "İ" not in name else (name,):
        assert anna.get("/v1/assets", query_string={"album": spelled})["total"] == 1, spelled
    told = anna.get(f"/v1/assets/{asset}")
    assert (told["note"], told["caption"]) == (name, name)
    assert anna.get(f"/v1/searches/{search}")["name"] == name
    assert anna.get(f"/v1/presets/{preset}")["params"] == {name: name}


def test_names_that_are_none_are_refused_with_their_field(services, anna):
    (asset,) = owned(services, "anna")
    for name in REFUSED:
        refused_everywhere(anna, asset, name)


def refused_everywhere(anna: Caller, asset: str, name: str) -> None:
    asked = [
        ("post", "/v1/albums", {"name": name}),
        ("post", "/v1/searches", {"name": name}),
        ("post", "/v1/presets", {"name": name, "params": {}}),
        ("patch", f"/v1/assets/{asset}", {"add_tags": [name]}),
        ("patch", "/v1/assets", {"filter": {"tag": [name]}, "changes": {"stars": 1}}),
        ("post", "/v1/assets/export", {"filter": {"owner": [name]}}),
    ]

    for method, path, body in asked:
        error = getattr(anna, method)(path, data=json.dumps(body), content_type="application/json", expect=422)["error"]
        assert error["field"], (path, error)


def test_ten_thousand_ids_are_taken_in_one_change_and_one_more_is_refused(services, anna):
    mine = owned(services, "anna", 2)
    strangers = [f"ast_{number:024x}" for number in range(MAX_IDS - 2)]

    refused = anna.patch("/v1/assets", json={"ids": [*mine, *strangers], "changes": {"stars": 5}}, expect=404)["error"]
    too_many = anna.patch("/v1/assets", json={"ids": [*mine, *strangers, mine[0]], "changes": {"stars": 5}}, expect=422)
    everything = {"filter": {"ids": [*mine, *strangers]}, "changes": {"stars": 4}}

    assert "9,997 more" in refused["message"]
    assert f"{MAX_IDS}" in too_many["error"]["message"].replace(",", "")
    assert [row["stars"] for row in anna.get("/v1/assets")["assets"]] == [0, 0]
    assert anna.patch("/v1/assets", json=everything)["changed"] == 2


MOMENTS = [
    "0001-01-01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31",
    "2026-13-01",
    "2026-02-30T00:00",
    "٢٠٢٦-١١-٠١",
    "-1",
    "9" * 40,
    "2026-W01",
]


def test_no_moment_fails(web):
    asked = [
        one
        for moment in MOMENTS
        for one in (
            ("/v1/assets", {"after": moment}),
            ("/v1/assets", {"before": moment}),
            ("/v1/search", {"q": f"after:{moment}"}),
            ("/v1/search", {"q": f"on:{moment}"}),
            ("/v1/assets/facets", {"filter": json.dumps({"before": moment})}),
        )
    ]

    for path, query in asked:
        answer = web.get(path, query_string=query)
        assert answer.status_code in (200, 422), (path, query, answer.text)


LISTS = [
    "/v1/assets",
    "/v1/assets/facets",
    "/v1/assets/buckets",
    "/v1/assets/buckets/202611",
    "/v1/assets/duplicates",
    "/v1/search",
]


CURSORS = ["0", "1_2", "9" * 70, "-9_9", "1.5_2", "9.9_9_9", f"{2**63}_1", "_", "1__2", "0x1", "٣", "1e400"]
SORTS = ["newest", "stars", "album", "relevance"]


def test_no_cursor_fails(web):
    lists = [(path, {}) for path in ("/v1/albums", "/v1/prompts", "/v1/assets/duplicates")]
    lists += [(path, {"sort": sort}) for path in ("/v1/assets", "/v1/search") for sort in SORTS]

    for path, query in lists:
        for cursor in CURSORS:
            answer = web.get(path, query_string=query | {"cursor": cursor})
            assert answer.status_code in (200, 422), (path, query, cursor, answer.text)


@how(
    max_examples=60,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    box=st.text(max_size=60) | st.text("ab\"-:*,()<>=\\'%_\x00 tagstars@¶|&!", max_size=60),
    path=st.sampled_from(LISTS),
)
def test_no_list_fails_whatever_the_box_says(web, box, path):
    answer = web.get(path, query_string={"q": box.encode(errors="surrogatepass")})

    assert answer.status_code in (200, 400, 422), answer.text
    if answer.status_code == 422 and answer.json["error"]["code"] == "bad_query":
        assert 0 <= answer.json["error"]["at"] <= len(box)


def test_a_box_that_cannot_be_read_is_told_with_the_place_in_lists_too(web):
    for path in LISTS:
        error = web.get(path, query_string={"q": 'lamp "red'})
        assert error.status_code == 422
        assert error.json["error"]["at"] == 5, path
