"""Links that need no key: they open what was shared and nothing else, until they expire or are revoked."""

import pytest

from api.app import create_app
from api.services import share_links as share_rules
from shared.contracts.jobs import State
from shared.redis import keys
from tests import batches_played, workers_played
from tests.people_played import ANNA, BORIS, OLGA, web_of
from tests.pictures import png


@pytest.fixture
def anna(services):
    return web_of(services, ANNA)


@pytest.fixture
def boris(services):
    return web_of(services, BORIS)


@pytest.fixture
def stranger(services):
    """Whoever has no key."""
    return create_app(services).test_client()


@pytest.fixture(autouse=True)
def rack(services):
    services.registry.report(workers_played.report("gpu0", models=tuple(services.catalogue.cards)))


def uploaded(web, data=None):
    return web.post("/v1/images", data=data or png(64, 48), content_type="image/png").json["id"]


def shared(web, **body):
    answer = web.post("/v1/shares", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_link_opens_its_picture_without_a_key(anna, stranger):
    link = shared(anna, picture=uploaded(anna))

    whole, smaller = stranger.get(link["url"]), stranger.get(link["url"] + "?width=16")

    assert (whole.status_code, whole.data) == (200, png(64, 48))
    assert (smaller.status_code, smaller.mimetype) == (200, "image/webp")
    assert stranger.get(f"/v1/images/{link['picture']}").status_code == 401


def test_a_link_to_a_batch_opens_what_it_made_and_nothing_else(services, anna, stranger):
    batch = batches_played.start(anna, prompts=["a secret lamp", "a secret house"], name="secret plans")
    made = [services.artifacts.put(png(20 + index, 10)) for index in range(2)]
    left = list(made)
    batches_played.run_all(services, lambda job: (State.SUCCEEDED, {"images": [{"id": left.pop(0)}]}, None))
    link = shared(anna, batch=batch["id"])

    listed = stranger.get(link["url"])

    urls = [row["url"] for row in listed.json["pictures"]]
    assert [stranger.get(url).data for url in urls] == [png(20, 10), png(21, 10)]
    assert stranger.get(listed.json["pictures"][0]["thumbnail"]).mimetype == "image/webp"
    said = listed.text + stranger.get(link["url"], headers={"Accept": "text/html"}).text
    assert not [word for word in ("secret", "anna", batch["id"], "job_", *made) if word in said]
    nowhere = stranger.get(link["url"] + "x")
    for path in ("/2/0", "/0/1", "/1/7"):
        assert stranger.get(link["url"] + path).text == nowhere.text


def test_a_page_of_a_shared_batch_goes_on_where_the_last_one_ended(services, anna, stranger):
    batch = batches_played.start(anna, prompts=["a", "b", "c"])
    made = services.artifacts.put(png())
    batches_played.run_all(services, lambda job: (State.SUCCEEDED, {"images": [{"id": made}]}, None))
    url = shared(anna, batch=batch["id"])["url"]

    first = stranger.get(f"{url}?limit=2").json
    second = stranger.get(f"{url}?limit=2&cursor={first['next_cursor']}").json

    assert [row["url"] for row in first["pictures"] + second["pictures"]] == [f"{url}/{i}/0" for i in range(3)]
    assert second["next_cursor"] is None


def test_forged_expired_and_revoked_links_answer_alike(services, anna, stranger):
    picture = uploaded(anna)
    expired, revoked, dropped = (shared(anna, picture=picture) for _ in range(3))
    services.store.redis.delete(keys.link(expired["id"]))
    assert anna.delete(f"/v1/shares/{revoked['id']}").status_code == 204
    forged = dropped["url"][:-1] + ("0" if dropped["url"][-1] != "0" else "1")

    answers = [stranger.get(url) for url in (forged, expired["url"], revoked["url"], "/s/x", "/s/" + "x" * 500)]

    assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}
    assert stranger.get(dropped["url"]).status_code == 200
    services.store.redis.delete(keys.LINK_SECRET)
    assert stranger.get(dropped["url"]).text == answers[0].text


def test_a_link_ends_by_the_second_that_stands_in_it(services, anna, stranger, monkeypatch):
    link = shared(anna, picture=uploaded(anna), expires_in_s=60)
    share = services.shares.get(link["id"])
    services.store.redis.persist(keys.link(share.id))

    monkeypatch.setattr(share_rules.ShareLinks, "_now_ms", lambda self: share.expires_at_ms)

    assert stranger.get(link["url"]).status_code == 404


def test_no_cache_keeps_a_picture_beyond_the_links_life(services, anna, stranger):
    link = shared(anna, picture=uploaded(anna))
    answer = stranger.get(link["url"])

    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    known = {"If-None-Match": answer.headers["ETag"]}
    assert stranger.get(link["url"], headers=known).status_code == 304
    anna.delete(f"/v1/shares/{link['id']}")
    assert stranger.get(link["url"], headers=known).status_code == 404


def test_only_what_one_may_open_can_be_shared(anna, boris):
    picture, batch = uploaded(anna), batches_played.start(anna, prompts=["a lamp"])["id"]
    for body, fresh in (({"picture": picture}, "img_" + "0" * 32), ({"batch": batch}, "bat_" + "0" * 24)):
        (name, theirs), *_ = body.items()
        never = boris.post("/v1/shares", json={name: fresh})
        answer = boris.post("/v1/shares", json=body)
        assert (answer.status_code, answer.text.replace(theirs, fresh)) == (404, never.text)


def test_links_are_listed_and_revoked_by_their_owner_and_by_operators(services, anna, boris):
    olga = web_of(services, OLGA)
    first, second = shared(anna, picture=uploaded(anna)), shared(boris, picture=uploaded(boris, png(3, 3)))

    def listed(web, query=""):
        return [row["id"] for row in web.get(f"/v1/shares{query}").json["shares"]]

    assert (listed(anna), listed(boris), listed(olga)) == ([first["id"]], [second["id"]], [second["id"], first["id"]])
    assert listed(olga, "?owner=anna") == [first["id"]]
    assert anna.get(f"/v1/shares/{first['id']}").json == first
    for act in (boris.get, boris.delete):
        answer = act(f"/v1/shares/{first['id']}")
        assert (answer.status_code, first["url"] in answer.text) == (404, False)
    assert olga.delete(f"/v1/shares/{first['id']}").status_code == 204
    assert listed(anna) == listed(olga, "?owner=anna") == []


def test_links_that_are_made_and_revoked_are_told(services, anna):
    link = shared(anna, picture=uploaded(anna))
    anna.delete(f"/v1/shares/{link['id']}")

    told = [(entry.who, entry.what.value, entry.target) for entry in services.audit.page(2)[0]]

    assert told == [("anna", "share.revoked", link["id"]), ("anna", "share.added", link["id"])]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"picture": "img_" + "0" * 32, "batch": "bat_" + "0" * 24}, "body"),
        ({"picture": "x"}, "picture"),
        ({"picture": "img_" + "0" * 32, "expires_in_s": 59}, "expires_in_s"),
        ({"picture": "img_" + "0" * 32, "expires_in_s": 10**9}, "expires_in_s"),
        ({"picture": "img_" + "0" * 32, "forever": True}, "forever"),
    ],
)
def test_what_cannot_be_a_link_is_refused_by_field(anna, body, field):
    answer = anna.post("/v1/shares", json=body)

    assert answer.status_code == 422
    assert answer.json["error"]["field"] == field


def test_too_many_links_are_refused_and_expired_ones_do_not_count(services, anna, monkeypatch):
    monkeypatch.setattr(share_rules, "MOST_PER_PERSON", 2)
    picture = uploaded(anna)
    first, _ = (shared(anna, picture=picture) for _ in range(2))

    assert anna.post("/v1/shares", json={"picture": picture}).status_code == 429
    services.store.redis.delete(keys.link(first["id"]))
    assert anna.post("/v1/shares", json={"picture": picture}).status_code == 201


def test_a_link_whose_picture_or_batch_is_gone_leads_nowhere(services, anna, stranger):
    picture, batch = uploaded(anna), batches_played.start(anna, prompts=["a lamp"])["id"]
    links = [shared(anna, picture=picture), shared(anna, batch=batch)]
    services.artifacts.delete(picture)
    anna.delete(f"/v1/batches/{batch}")

    answers = [stranger.get(link["url"]) for link in links]

    assert {(answer.status_code, answer.text) for answer in answers} == {(404, stranger.get("/s/x").text)}
