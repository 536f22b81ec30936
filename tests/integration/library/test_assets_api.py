"""`/v1/assets` over both databases: what a person sees is theirs, lists are whole, changes can be taken back."""

import json

import pytest

from api.library.counts import PACKED
from api.library.newcomers import job_asset_id
from api.services import Services, build_services
from shared.contracts.access import Role
from shared.errors import LibraryUnavailable
from shared.settings import Settings
from tests.library_played import Caller, analysed, ended, owned, result_of


@pytest.fixture
def services(library_settings: Settings) -> Services:
    return build_services(library_settings)


@pytest.fixture
def anna(services: Services) -> Caller:
    return Caller(services, "anna")


@pytest.fixture
def bert(services: Services) -> Caller:
    return Caller(services, "bert")


# -- lists -----------------------------------------------------------------------------------------------------------


def test_pages_tell_everything_once_and_the_total(services, anna):
    ids = owned(services, "anna", 7)
    seen, cursor = [], ""

    while cursor is not None:
        page = anna.get(f"/v1/assets?limit=3&cursor={cursor}")
        assert page["total"] == 7
        seen += [row["id"] for row in page["assets"]]
        cursor = page["next_cursor"]

    assert seen == ids[::-1]


@pytest.mark.parametrize("sort", ["newest", "oldest", "stars"])
def test_every_order_can_be_paged(services, anna, sort):
    ids = owned(services, "anna", 6)
    anna.patch("/v1/assets", json={"ids": ids[1:4], "changes": {"stars": 3}})
    whole = [row["id"] for row in anna.get(f"/v1/assets?sort={sort}")["assets"]]
    seen, cursor = [], ""

    while cursor is not None:
        page = anna.get(f"/v1/assets?sort={sort}&limit=2&cursor={cursor}")
        seen += [row["id"] for row in page["assets"]]
        cursor = page["next_cursor"]

    assert seen == whole
    assert sorted(seen) == sorted(ids)


def test_a_row_has_what_a_page_needs_to_be_laid_out(services, anna):
    record = ended(services)
    services.library.ingest.look()
    (fresh,) = anna.get("/v1/assets")["assets"]
    analysed(services, record.result["images"][0]["id"], {"caption": {"text": "a lamp"}, "rating": {"nsfw": 0.1}})
    services.library.ingest.look()

    (row,) = anna.get("/v1/assets")["assets"]

    image = record.result["images"][0]
    assert row["picture"] == image["id"]
    assert (row["width"], row["height"], row["thumbhash"]) == (24, 16, image["thumbhash"])
    assert fresh["alt"] == record.params["prompt"] != ""
    assert (row["alt"], row["nsfw"], row["analysis"], row["stack"]) == ("a lamp", 0.1, "done", None)


def test_the_whole_asset_has_its_parameters_tags_and_analysis(services, anna):
    record = ended(services, params={"prompt": "a lamp", "steps": 9})
    answers = {"tags": {"tags": [{"name": "Lamp", "score": 0.5}]}}
    analysed(services, record.result["images"][0]["id"], answers)
    services.library.ingest.look()

    asset = anna.get(f"/v1/assets/{job_asset_id(record.id, 0)}")

    assert (asset["prompt"], asset["steps"], asset["params"]["steps"]) == ("a lamp", 9, 9)
    assert asset["tags"] == [{"name": "lamp", "source": "auto", "score": 0.5}]
    assert (asset["analysis"]["state"], asset["origin"], asset["job"]) == ("done", "job", record.id)


FILTERS = [
    ("model=sdxl-toy", 3),
    ("model=other", 0),
    ("kind=generate&origin=job", 3),
    ("stars_min=4", 1),
    ("stars_max=3", 2),
    ("favourite=true", 1),
    ("favourite=false", 2),
    ("tag=LAMP", 1),
    ("tag=chair", 0),
    ("seed=7", 3),
    ("seed=8", 0),
    ("steps_min=5", 0),
    ("width_min=24&height_max=16", 3),
    ("after=2020-01-01", 3),
    ("before=2020-01-01T00:00:00Z", 0),
    ("has_caption=true", 0),
    ("has_parent=false", 3),
    ("visibility=private", 3),
    ("analysis=none", 3),
    ("trashed=true", 0),
    ('filter={"without":[{"favourite":true}]}', 2),
    ('filter={"any_tag":["lamp","chair"]}', 1),
    ('filter={"also":[{"stars_min":4}]}&favourite=true', 1),
    ('filter={"without":[{"nsfw_min":0.5}]}', 3),
]


@pytest.mark.parametrize(("query", "count"), FILTERS)
def test_filters(services, anna, query, count):
    ids = owned(services, "anna", 3)
    anna.patch("/v1/assets", json={"ids": ids[:1], "changes": {"stars": 5, "favourite": True, "add_tags": ["Lamp"]}})

    page = anna.get(f"/v1/assets?{query}")

    assert page["total"] == len(page["assets"]) == count


def test_a_stack_is_one_tile_with_its_best_on_top(services, anna):
    record = ended(services, result_of(services, 3), params={"n": 3})
    owned(services, "anna")
    ids = [job_asset_id(record.id, index) for index in range(3)]
    assert anna.get("/v1/assets?stacked=true")["total"] == 2

    anna.patch("/v1/assets", json={"ids": [ids[2]], "changes": {"favourite": True}})
    tiles = anna.get("/v1/assets?stacked=true")["assets"]
    assert {tile["id"]: tile["stack"] for tile in tiles}[ids[2]] == {"id": record.id, "count": 3}

    anna.delete(f"/v1/assets/{ids[2]}")
    tiles = anna.get("/v1/assets?stacked=true")["assets"]
    assert {tile["id"]: tile["stack"] for tile in tiles}[ids[0]] == {"id": record.id, "count": 2}


@pytest.mark.parametrize("month", ["000001", "196912", "202613", "202600", "2026111", "٢٠٢٦١١"])
def test_a_month_that_is_none_is_not_there(anna, month):
    assert anna.get(f"/v1/assets/buckets/{month}", expect=404)["error"]["code"] == "not_found"


def test_facets_count_what_the_filter_lets_through(services, anna):
    ids = owned(services, "anna", 4)
    anna.patch("/v1/assets", json={"ids": ids[:2], "changes": {"stars": 5, "add_tags": ["a", "b"]}})
    anna.patch("/v1/assets", json={"ids": ids[:1], "changes": {"remove_tags": ["b"], "trashed": True}})

    found = anna.get("/v1/assets/facets")

    assert found["total"] == 3
    assert found["facets"]["model"] == [{"value": "sdxl-toy", "count": 3}]
    assert found["facets"]["stars"] == [{"value": 0, "count": 2}, {"value": 5, "count": 1}]
    assert found["facets"]["size"] == [{"value": "24x16", "count": 3}]
    assert found["facets"]["tag"] == [{"value": "a", "count": 1}, {"value": "b", "count": 1}]
    assert list(anna.get("/v1/assets/facets?facets=tag,kind&stars_min=5")["facets"]) == ["kind", "tag"]


def test_months_and_their_packed_rows_tell_every_asset(services, anna):
    ids = owned(services, "anna", 3)

    (bucket,) = anna.get("/v1/assets/buckets")["buckets"]
    packed = anna.get(f"/v1/assets/buckets/{bucket['month']}")

    assert bucket["count"] == 3
    assert len(packed) == 3 * PACKED.size <= 3 * 20
    rows = list(PACKED.iter_unpack(packed))
    assert ["ast_" + number.hex() for number, _, _ in rows] == ids[::-1]
    assert {aspect for _, _, aspect in rows} == {1500}


def test_lineage_goes_both_ways_and_round_a_circle(services, anna):
    first = ended(services)
    second = ended(services, params={"image": first.result["images"][0]["id"]})
    third = ended(services, params={"image": second.result["images"][0]["id"]})
    services.library.ingest.look()
    ids = [job_asset_id(record.id, 0) for record in (first, second, third)]

    found = anna.get(f"/v1/assets/{ids[1]}/lineage")

    assert [row["id"] for row in found["ancestors"]] == ids[:1]
    assert [row["id"] for row in found["descendants"]] == ids[2:]
    assert {(step["parent"], step["child"]) for step in found["steps"]} == {(ids[0], ids[1]), (ids[1], ids[2])}
    assert anna.get(f"/v1/assets?parent={ids[0]}")["total"] == 1
    assert anna.get(f"/v1/assets/{ids[1]}")["parents"] == ids[:1]


# -- whose -----------------------------------------------------------------------------------------------------------


def test_what_is_anothers_is_not_there(services, anna, bert):
    (theirs,) = owned(services, "anna")

    assert bert.get("/v1/assets?scope=all")["total"] == 0
    never = bert.get("/v1/assets/ast_" + "0" * 24, expect=404)["error"]["message"]
    foreign = bert.get(f"/v1/assets/{theirs}", expect=404)["error"]["message"]
    assert foreign.replace(theirs, "ID") == never.replace("ast_" + "0" * 24, "ID")
    bert.patch("/v1/assets", json={"ids": [theirs], "changes": {"stars": 1}}, expect=404)
    bert.delete(f"/v1/assets/{theirs}", expect=404)
    bert.get(f"/v1/assets/{theirs}/lineage", expect=404)


def test_what_the_rack_may_see_can_be_seen_and_not_changed(services, anna, bert):
    (theirs,) = owned(services, "anna")
    anna.patch(f"/v1/assets/{theirs}", json={"visibility": "rack"})

    assert bert.get("/v1/assets?scope=rack")["total"] == 1
    assert bert.get("/v1/assets")["total"] == 0
    assert bert.get(f"/v1/assets/{theirs}")["owner"] == "anna"
    bert.patch(f"/v1/assets/{theirs}", json={"stars": 1}, expect=404)
    anna.delete(f"/v1/assets/{theirs}")
    bert.get(f"/v1/assets/{theirs}", expect=404)


def test_operators_see_everything_and_their_own_by_default(services, anna):
    (theirs,) = owned(services, "anna")
    oscar = Caller(services, "oscar", Role.OPERATOR)

    assert oscar.get("/v1/assets")["total"] == 0
    assert oscar.get("/v1/assets?owner=anna")["total"] == 1
    assert oscar.patch(f"/v1/assets/{theirs}", json={"stars": 2})["stars"] == 2


# -- changes ---------------------------------------------------------------------------------------------------------


def test_a_change_of_many_is_counted_and_can_be_taken_back(services, anna):
    ids = owned(services, "anna", 4)
    anna.patch("/v1/assets", json={"ids": ids[:1], "changes": {"stars": 2, "add_tags": ["old"], "note": "mine"}})
    album = anna.post("/v1/albums", json={"name": "A"}, expect=201)["id"]
    before = [anna.get(f"/v1/assets/{each}") for each in ids]
    changes = {
        "stars": 5,
        "favourite": True,
        "visibility": "rack",
        "note": "all",
        "caption": "said",
        "add_tags": ["new"],
        "remove_tags": ["old"],
        "add_to_album": album,
    }

    done = anna.patch("/v1/assets", json={"filter": {"model": ["sdxl-toy"]}, "changes": changes})

    assert (done["matched"], done["changed"]) == (4, 4)
    changed = anna.get(f"/v1/assets/{ids[0]}")
    assert (changed["stars"], changed["note"], [tag["name"] for tag in changed["tags"]]) == (5, "all", ["new"])
    assert (changed["caption"], changed["caption_source"]) == ("said", "user")
    assert anna.get(f"/v1/assets?album={album}")["total"] == 4
    assert anna.post("/v1/assets/undo", json={"undo": done["undo"]}) == {"restored": 4}
    after = [anna.get(f"/v1/assets/{each}") for each in ids]
    for each in (*before, *after):
        del each["version"], each["changed_at"]
    assert after == before
    assert anna.get("/v1/assets?has_caption=true")["total"] == 0
    anna.post("/v1/assets/undo", json={"undo": done["undo"]}, expect=404)


def test_undoing_leaves_alone_what_was_changed_since(services, anna):
    one, other = owned(services, "anna", 2)
    done = anna.patch("/v1/assets", json={"ids": [one, other], "changes": {"stars": 5}})
    anna.patch(f"/v1/assets/{one}", json={"stars": 3})

    anna.post("/v1/assets/undo", json={"undo": done["undo"]})

    assert [anna.get(f"/v1/assets/{each}")["stars"] for each in (one, other)] == [3, 0]


def test_an_undo_is_its_owners_and_of_any_process_and_expires(services, anna, bert, library_settings, monkeypatch):
    ids = owned(services, "anna", 2)
    first = anna.patch("/v1/assets", json={"ids": ids, "changes": {"stars": 1}})["undo"]
    second = anna.patch("/v1/assets", json={"ids": ids, "changes": {"stars": 2}})["undo"]

    bert.post("/v1/assets/undo", json={"undo": second}, expect=404)
    another = Caller.__new__(Caller)
    another.__dict__ |= anna.__dict__ | {"_web": _web(build_services(library_settings))}
    assert another.post("/v1/assets/undo", json={"undo": second}) == {"restored": 2}
    late_ms = services.store.now_ms() + 601_000
    monkeypatch.setattr(services.store, "now_ms", lambda: late_ms)
    anna.post("/v1/assets/undo", json={"undo": first}, expect=410)


def test_a_change_that_meets_one_foreign_id_changes_nothing(services, anna, bert):
    (mine,) = owned(services, "anna")
    (theirs,) = owned(services, "bert")

    anna.patch("/v1/assets", json={"ids": [mine, theirs], "changes": {"stars": 5}}, expect=404)

    assert anna.get(f"/v1/assets/{mine}")["stars"] == 0


def test_ten_thousand_ids_fit_one_change_and_one_more_does_not(services, anna):
    (mine,) = owned(services, "anna")
    ids = [mine] + [f"ast_{number:024x}" for number in range(9_999)]

    message = anna.patch("/v1/assets", json={"ids": ids, "changes": {"stars": 5}}, expect=404)["error"]["message"]
    assert "9,998 more" in message
    anna.patch("/v1/assets", json={"ids": [*ids, mine], "changes": {"stars": 5}}, expect=422)


def test_a_persons_word_on_tags_and_captions_outlives_every_analysis(services, anna):
    record = ended(services)
    picture = record.result["images"][0]["id"]
    answers = {"caption": {"text": "theirs"}, "tags": {"tags": [{"name": "dog"}, {"name": "cat"}]}}
    analysed(services, picture, answers)
    services.library.ingest.look()
    asset_id = job_asset_id(record.id, 0)
    anna.patch(f"/v1/assets/{asset_id}", json={"caption": "mine", "remove_tags": ["dog"], "add_tags": ["cat", "pet"]})

    analysed(services, picture, answers)
    services.library.ingest.look()

    asset = anna.get(f"/v1/assets/{asset_id}")
    assert asset["caption"] == "mine"
    assert {tag["name"]: tag["source"] for tag in asset["tags"]} == {"cat": "user", "pet": "user"}


# -- trash -----------------------------------------------------------------------------------------------------------


def test_the_trash_gives_back_and_deletes_for_good(services, anna):
    first, second = owned(services, "anna", 2)
    undo = anna.delete(f"/v1/assets/{first}")["undo"]
    assert anna.get("/v1/assets")["total"] == 1
    assert anna.get("/v1/assets?trashed=true")["total"] == 1
    anna.post("/v1/assets/undo", json={"undo": undo})
    assert anna.get("/v1/assets")["total"] == 2

    anna.patch("/v1/assets", json={"ids": [first, second], "changes": {"trashed": True}})
    anna.patch("/v1/assets", json={"ids": [second], "changes": {"trashed": False}})
    anna.post("/v1/assets/purge", json={"ids": [second]}, expect=409)
    picture = anna.get(f"/v1/assets/{first}")["picture"]
    assert anna.post("/v1/assets/purge", json={"filter": {"trashed": True}}) == {"purged": 1}

    anna.get(f"/v1/assets/{first}", expect=410)
    assert picture not in set(services.artifacts.ids())
    assert anna.get("/v1/assets")["total"] == 1


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "cursor=x",
        "cursor=1",
        "cursor=1_2_3",
        "cursor=99999999999999999999_1",
        "sort=best",
        "sort=album",
        "colour=red",
        "stars_min=6",
        "model=a&model=b",
        "after=yesterday",
        "tag=%00",
        "filter={}x",
        "filter={%22a%22:1}",
        "filter=[]",
        "month=202613x",
        "parent=ast_1",
        "scope=everyone",
        "seed=-1",
    ],
)
def test_a_query_that_is_none_is_told(anna, query):
    response = anna._web.get(f"/v1/assets?{query}", headers=anna._headers)

    assert response.status_code in (400, 422), response.data
    assert response.get_json()["error"]["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stars": 6},
        {"stars": "5"},
        {"colour": 1},
        {"add_tags": ["x" * 101]},
        {"add_tags": ["  "]},
        {"add_tags": ["a\u0000"]},
        {"add_tags": ["a"], "remove_tags": ["A"]},
        {"note": "x" * 10_001},
        {"note": "a\u0000b"},
        {"add_to_album": "alb_1"},
        {"visibility": "public"},
    ],
)
def test_a_change_that_is_none_is_told_and_changes_nothing(services, anna, changes):
    (mine,) = owned(services, "anna")
    before = anna.get(f"/v1/assets/{mine}")

    anna.patch(f"/v1/assets/{mine}", json=changes, expect=422)

    assert anna.get(f"/v1/assets/{mine}") == before


@pytest.mark.parametrize("name", ["a/b", "..", "🎨" * 20, "ß İ ǆ", "%_\\", "'; DROP TABLE assets; --", "x" * 100])
def test_odd_names_of_tags_are_names(services, anna, name):
    (mine,) = owned(services, "anna")

    anna.patch(f"/v1/assets/{mine}", json={"add_tags": [name]})

    assert anna.get("/v1/assets", query_string={"tag": name})["total"] == 1
    assert anna.get("/v1/tags", query_string={"prefix": name[:3]})["tags"][0]["count"] == 1


@pytest.mark.parametrize("path", ["/v1/assets", "/v1/assets/facets", "/v1/albums", "/v1/prompts", "/v1/tags"])
def test_while_the_database_is_away_the_library_answers_503_and_jobs_go_on(services, anna, monkeypatch, path):
    def away():
        raise LibraryUnavailable("away", retry_after_s=3)

    monkeypatch.setattr(services.library.database, "make_ready", away)

    assert anna.get(path, expect=503)["error"]["code"] == "library_unavailable"
    assert anna.get("/v1/jobs") is not None
    status = anna.get("/v1/status")["library"]
    assert status["is_available"] is False


def _web(services: Services):
    from api.app import create_app

    return create_app(services).test_client()


def test_filters_in_json_say_where_they_are_wrong(anna):
    body = {"filter": {"without": [{"stars_min": 9}]}, "changes": {"stars": 1}}

    error = anna.patch("/v1/assets", data=json.dumps(body), content_type="application/json", expect=422)["error"]

    assert "stars_min" in error["field"]
