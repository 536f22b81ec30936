"""`/v1/albums`, `/v1/searches`, `/v1/presets`, `/v1/prompts` and `/v1/tags` over both databases."""

import pytest

from api.services import Services, build_services
from shared.contracts.access import Role
from shared.settings import Settings
from tests.library_played import Caller, ended, owned


@pytest.fixture
def services(library_settings: Settings) -> Services:
    return build_services(library_settings)


@pytest.fixture
def anna(services: Services) -> Caller:
    return Caller(services, "anna")


@pytest.fixture
def bert(services: Services) -> Caller:
    return Caller(services, "bert")


def made(caller: Caller, **fields) -> str:
    return str(caller.post("/v1/albums", json={"name": "Lamps"} | fields, expect=201)["id"])


def order_of(caller: Caller, album: str) -> list[str]:
    rows = caller.get("/v1/assets", query_string={"album": album, "sort": "album"})["assets"]
    return [row["id"] for row in rows]


# -- what is in them -------------------------------------------------------------------------------------------------


def test_an_album_keeps_the_order_things_were_put_in_and_counts_them(services, anna):
    ids = owned(services, "anna", 3)
    album = made(anna)

    done = anna.post(f"/v1/albums/{album}/assets", json={"ids": [ids[1], ids[0], ids[2]]})

    assert (done["matched"], done["changed"]) == (3, 3)
    assert order_of(anna, album) == [ids[1], ids[0], ids[2]]
    shown = anna.get(f"/v1/albums/{album}")
    assert (shown["count"], shown["cover"], shown["may"]) == (3, ids[1], "own")
    assert anna.get(f"/v1/assets/{ids[0]}")["albums"] == [{"id": album, "name": "Lamps"}]
    assert anna.post(f"/v1/albums/{album}/assets", json={"ids": ids})["changed"] == 0


@pytest.mark.parametrize(
    ("moved", "before", "expected"),
    [([3], 0, [3, 0, 1, 2]), ([0], None, [1, 2, 3, 0]), ([3, 0], 2, [1, 3, 0, 2]), ([1], 1, [0, 2, 3, 1])],
)
def test_assets_move_within_an_album(services, anna, moved, before, expected):
    ids = owned(services, "anna", 4)
    album = made(anna)
    anna.post(f"/v1/albums/{album}/assets", json={"ids": ids})

    body = {"ids": [ids[i] for i in moved], "before": None if before is None else ids[before]}
    anna.post(f"/v1/albums/{album}/order", json=body)

    assert order_of(anna, album) == [ids[i] for i in expected]


def test_moving_to_the_same_place_for_ever_keeps_the_order(services, anna):
    ids = owned(services, "anna", 3)
    album = made(anna)
    anna.post(f"/v1/albums/{album}/assets", json={"ids": ids})

    for turn in range(120):
        anna.post(f"/v1/albums/{album}/order", json={"ids": [ids[turn % 2]], "before": ids[2]})

    assert order_of(anna, album) == ids


def test_an_albums_pages_follow_its_order(services, anna):
    ids = owned(services, "anna", 5)
    album = made(anna)
    anna.post(f"/v1/albums/{album}/assets", json={"ids": ids[::-1]})
    anna.post(f"/v1/albums/{album}/order", json={"ids": [ids[0]], "before": ids[3]})
    seen, cursor = [], ""

    while cursor is not None:
        page = anna.get("/v1/assets", query_string={"album": album, "sort": "album", "limit": 2, "cursor": cursor})
        seen += [row["id"] for row in page["assets"]]
        cursor = page["next_cursor"]

    assert seen == [ids[4], ids[0], ids[3], ids[2], ids[1]]


def test_what_is_taken_out_or_deleted_leaves_the_album_and_stays_an_asset(services, anna):
    first, second, third = owned(services, "anna", 3)
    album = made(anna)
    anna.post(f"/v1/albums/{album}/assets", json={"ids": [first, second, third]})

    undo = anna.post(f"/v1/albums/{album}/assets/remove", json={"ids": [first]})["undo"]
    anna.delete(f"/v1/assets/{second}")
    assert order_of(anna, album) == [third]
    assert anna.get(f"/v1/assets/{first}")
    anna.post("/v1/assets/undo", json={"undo": undo})

    assert order_of(anna, album) == [first, third]


def test_a_rule_album_shows_what_its_rules_find_and_holds_nothing(services, anna):
    ids = owned(services, "anna", 3)
    album = made(anna, name="Best", rules={"filter": {"stars_min": 4}})
    anna.patch("/v1/assets", json={"ids": ids[:2], "changes": {"stars": 5}})

    assert anna.get("/v1/assets", query_string={"album": album})["total"] == 2
    assert anna.get("/v1/assets/facets", query_string={"album": "best"})["total"] == 2
    assert anna.get(f"/v1/albums/{album}")["kind"] == "rules"
    anna.post(f"/v1/albums/{album}/assets", json={"ids": ids}, expect=422)


def test_a_bulk_change_may_name_a_rule_album(services, anna):
    ids = owned(services, "anna", 3)
    album = made(anna, name="Best", rules={"filter": {"stars_min": 4}})
    anna.patch("/v1/assets", json={"ids": ids[:2], "changes": {"stars": 5}})

    done = anna.patch("/v1/assets", json={"filter": {"album": [album]}, "changes": {"favourite": True}})

    assert (done["matched"], done["changed"]) == (2, 2)


def test_a_cover_is_chosen_among_what_is_inside(services, anna):
    inside, other, outside = owned(services, "anna", 3)
    album = made(anna)
    anna.post(f"/v1/albums/{album}/assets", json={"ids": [other, inside]})

    assert anna.patch(f"/v1/albums/{album}", json={"cover": inside})["cover"] == inside
    anna.patch(f"/v1/albums/{album}", json={"cover": outside}, expect=404)
    anna.delete(f"/v1/assets/{inside}")
    assert anna.get(f"/v1/albums/{album}")["cover"] == other


def test_two_changes_at_once_are_noticed(anna):
    album = made(anna)
    seen = anna.get(f"/v1/albums/{album}")["version"]

    anna.patch(f"/v1/albums/{album}", json={"name": "One", "version": seen})
    anna.patch(f"/v1/albums/{album}", json={"name": "Two", "version": seen}, expect=409)

    assert anna.get(f"/v1/albums/{album}")["name"] == "One"


# -- who else --------------------------------------------------------------------------------------------------------


def test_an_album_of_anothers_is_not_there(services, anna, bert):
    album = made(anna)

    for ask, path in ((bert.get, ""), (bert.delete, "")):
        ask(f"/v1/albums/{album}{path}", expect=404)
    bert.patch(f"/v1/albums/{album}", json={"name": "mine"}, expect=404)
    assert bert.get("/v1/albums")["albums"] == []
    assert bert.get("/v1/assets", query_string={"album": album})["total"] == 0


def test_who_may_view_sees_everything_in_it_and_changes_nothing(services, anna, bert):
    ids = owned(services, "anna", 2)
    (own,) = owned(services, "bert")
    album = made(anna)
    anna.post(f"/v1/albums/{album}/assets", json={"ids": ids})
    shown = anna.post(f"/v1/albums/{album}/shares", json={"person": "bert"})

    assert shown["shares"] == [{"person": "bert", "may": "view"}]
    assert order_of(bert, album) == ids
    assert bert.get(f"/v1/assets/{ids[0]}")["owner"] == "anna"
    seen = bert.get(f"/v1/albums/{album}")
    assert (seen["may"], seen["shares"], seen["count"]) == ("view", [], 2)
    bert.post(f"/v1/albums/{album}/assets", json={"ids": [own]}, expect=403)
    bert.patch(f"/v1/albums/{album}", json={"name": "mine"}, expect=403)
    bert.patch(f"/v1/assets/{ids[0]}", json={"stars": 1}, expect=404)


def test_what_somebody_adds_stays_theirs_and_leaves_when_they_delete_it(services, anna, bert):
    (mine,) = owned(services, "anna")
    (theirs,) = owned(services, "bert")
    album = made(anna)
    anna.post(f"/v1/albums/{album}/assets", json={"ids": [mine]})
    anna.post(f"/v1/albums/{album}/shares", json={"person": "bert", "may": "add"})

    bert.post(f"/v1/albums/{album}/assets", json={"ids": [theirs]})
    assert order_of(anna, album) == [mine, theirs]
    assert anna.get(f"/v1/assets/{theirs}")["owner"] == "bert"
    anna.patch(f"/v1/assets/{theirs}", json={"stars": 1}, expect=404)
    bert.post(f"/v1/albums/{album}/assets/remove", json={"ids": [mine]}, expect=403)
    bert.delete(f"/v1/assets/{theirs}")

    assert order_of(anna, album) == [mine]


def test_who_is_shared_with_no_longer_sees_nothing_and_takes_along_what_was_theirs(services, anna, bert):
    (mine,) = owned(services, "anna")
    (theirs,) = owned(services, "bert")
    album = made(anna)
    anna.post(f"/v1/albums/{album}/assets", json={"ids": [mine]})
    anna.post(f"/v1/albums/{album}/shares", json={"person": "bert", "may": "add"})
    bert.post(f"/v1/albums/{album}/assets", json={"ids": [theirs]})

    bert.delete(f"/v1/albums/{album}/shares/bert", expect=204)

    assert order_of(anna, album) == [mine]
    bert.get(f"/v1/albums/{album}", expect=404)
    bert.get(f"/v1/assets/{mine}", expect=404)


def test_an_album_is_shared_with_people_who_are_there(anna):
    album = made(anna)

    anna.post(f"/v1/albums/{album}/shares", json={"person": "nobody"}, expect=404)
    anna.post(f"/v1/albums/{album}/shares", json={"person": "anna"}, expect=422)
    anna.delete(f"/v1/albums/{album}/shares/nobody", expect=404)


@pytest.mark.parametrize("name", ["a/b", "..", "🎨" * 50, "x" * 200, "a b  c"])
def test_odd_names_are_names(anna, name):
    album = made(anna, name=name)

    assert anna.get(f"/v1/albums/{album}")["name"] == name


@pytest.mark.parametrize("name", ["", "x" * 201, "a\u0000b", "a\nb", 5, None])
def test_what_is_no_name_is_told(anna, name):
    anna.post("/v1/albums", json={"name": name}, expect=422)


# -- saved -----------------------------------------------------------------------------------------------------------


def test_searches_are_saved_changed_and_deleted_by_their_owner(anna, bert):
    saved = anna.post("/v1/searches", json={"name": "Best", "q": "lamp", "filter": {"stars_min": 4}}, expect=201)
    anna.post("/v1/searches", json={"name": "Best"}, expect=409)
    path = f"/v1/searches/{saved['id']}"

    assert saved["filter"] == {"stars_min": 4}
    bert.get(path, expect=404)
    assert anna.patch(path, json={"name": "Better"})["name"] == "Better"
    assert [each["name"] for each in anna.get("/v1/searches")["searches"]] == ["Better"]
    bert.delete(path, expect=404)
    anna.delete(path, expect=204)
    assert anna.get("/v1/searches")["searches"] == []


def test_one_preset_of_a_kind_is_the_default(anna):
    first = anna.post("/v1/presets", json={"name": "A", "params": {"steps": 4}, "is_default": True}, expect=201)
    second = anna.post("/v1/presets", json={"name": "B", "params": {"steps": 8}, "is_default": True}, expect=201)
    anna.patch(f"/v1/presets/{first['id']}", json={"params": {"steps": 5}})

    shown = {each["name"]: each for each in anna.get("/v1/presets")["presets"]}

    assert (shown["A"]["is_default"], shown["A"]["params"]) == (False, {"steps": 5})
    assert shown["B"]["is_default"]
    anna.post("/v1/presets", json={"name": "C", "params": {"x": "y" * 70_000}}, expect=422)
    anna.post("/v1/presets", json={"name": "B", "params": {}}, expect=409)
    anna.delete(f"/v1/presets/{second['id']}", expect=204)


def test_prompts_are_remembered_once_newest_first_and_can_be_forgotten(services, anna, bert):
    for words in ("a lamp", "a CHAIR", "a lamp"):
        ended(services, params={"prompt": words})
    services.library.ingest.look()

    found = anna.get("/v1/prompts")["prompts"]

    assert [(each["prompt"], each["uses"]) for each in found] == [("a lamp", 2), ("a CHAIR", 1)]
    assert [each["prompt"] for each in anna.get("/v1/prompts?words=chair")["prompts"]] == ["a CHAIR"]
    assert bert.get("/v1/prompts")["prompts"] == []
    page = anna.get("/v1/prompts?limit=1")
    assert len(anna.get(f"/v1/prompts?limit=1&cursor={page['next_cursor']}")["prompts"]) == 1
    anna.delete(f"/v1/prompts/{found[0]['id']}", expect=204)
    assert len(anna.get("/v1/prompts")["prompts"]) == 1


def test_viewers_look_and_change_nothing(services):
    vera = Caller(services, "vera", Role.VIEWER)

    assert vera.get("/v1/albums")["albums"] == []
    vera.post("/v1/albums", json={"name": "A"}, expect=403)
    vera.patch("/v1/assets", json={"filter": {}, "changes": {"stars": 1}}, expect=403)


# -- the pictures themselves -------------------------------------------------------------------------------------------


def test_who_may_see_an_asset_may_open_its_picture_and_only_as_long(services, anna, bert):
    in_album, on_rack, hers = owned(services, "anna", 3)
    pictures = {each: anna.get(f"/v1/assets/{each}")["picture"] for each in (in_album, on_rack, hers)}
    album = made(anna)
    anna.post(f"/v1/albums/{album}/assets", json={"ids": [in_album]})
    anna.post(f"/v1/albums/{album}/shares", json={"person": "bert", "may": "view"})
    anna.patch(f"/v1/assets/{on_rack}", json={"visibility": "rack"})

    assert bert.get(f"/v1/images/{pictures[in_album]}") == anna.get(f"/v1/images/{pictures[in_album]}")
    assert bert.get(f"/v1/images/{pictures[on_rack]}?width=8")
    bert.get(f"/v1/images/{pictures[hers]}", expect=404)

    anna.delete(f"/v1/albums/{album}/shares/bert", expect=204)
    anna.delete(f"/v1/assets/{on_rack}")
    for each in (in_album, on_rack):
        bert.get(f"/v1/images/{pictures[each]}", expect=404)


def test_who_only_may_see_a_picture_makes_no_link_to_it(services, anna, bert):
    (asset,) = owned(services, "anna")
    picture = anna.get(f"/v1/assets/{asset}")["picture"]
    anna.patch(f"/v1/assets/{asset}", json={"visibility": "rack"})

    assert bert.get(f"/v1/images/{picture}")
    bert.post("/v1/shares", json={"picture": picture}, expect=404)
    bert.post("/v1/shares", json={"asset": asset}, expect=403)
    anna.post("/v1/shares", json={"picture": picture}, expect=201)
