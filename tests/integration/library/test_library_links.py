"""Links to assets and albums: without a key they open what is there at each look, and nothing of what is said of it."""

import pytest

from api.app import create_app
from api.services import Services, build_services
from shared.contracts.ratings import PictureRating, RatingState
from shared.settings import Settings
from tests.library_played import Caller, owned


@pytest.fixture
def services(library_settings: Settings) -> Services:
    return build_services(library_settings)


@pytest.fixture
def anna(services: Services) -> Caller:
    return Caller(services, "anna")


@pytest.fixture
def bert(services: Services) -> Caller:
    return Caller(services, "bert")


@pytest.fixture
def stranger(services: Services):
    """Whoever has no key."""
    return create_app(services).test_client()


def album_of(caller: Caller, *ids: str, **fields) -> str:
    album = str(caller.post("/v1/albums", json={"name": "secret lamps"} | fields, expect=201)["id"])
    if ids:
        caller.post(f"/v1/albums/{album}/assets", json={"ids": list(ids)})
    return album


def link_to(caller: Caller, **what) -> str:
    return str(caller.post("/v1/shares", json=what, expect=201)["url"])


def shown(stranger, url: str) -> list[str]:
    """Addresses of the pictures behind a link."""
    answer = stranger.get(url)
    assert answer.status_code == 200, answer.text
    return [row["url"] for row in answer.json["pictures"]]


def bytes_of(caller: Caller, asset: str) -> bytes:
    return caller.get(f"/v1/images/{caller.get(f'/v1/assets/{asset}')['picture']}")


def test_a_link_to_an_asset_opens_its_picture_while_it_is_there(services, anna, stranger):
    (asset,) = owned(services, "anna")
    url = link_to(anna, asset=asset)

    assert stranger.get(url).data == bytes_of(anna, asset)

    undo = anna.delete(f"/v1/assets/{asset}")["undo"]
    assert stranger.get(url).status_code == 404
    anna.post("/v1/assets/undo", json={"undo": undo})
    assert stranger.get(url).status_code == 200


def test_a_link_to_an_album_opens_what_is_in_it_at_each_look_in_its_order(services, anna, stranger):
    first, second, later, outside = owned(services, "anna", 4)
    album = album_of(anna, second, first)
    url = link_to(anna, album=album)

    assert [stranger.get(each).data for each in shown(stranger, url)] == [bytes_of(anna, second), bytes_of(anna, first)]

    anna.post(f"/v1/albums/{album}/assets", json={"ids": [later]})
    anna.post(f"/v1/albums/{album}/assets/remove", json={"ids": [second]})
    assert [each.rpartition("/")[2] for each in shown(stranger, url)] == [first, later]
    for each in (second, outside):
        assert stranger.get(f"{url}/{each}").status_code == 404


def test_a_link_tells_no_words(services, anna, stranger):
    (asset,) = owned(services, "anna", prompt="a secret lamp")
    anna.patch(f"/v1/assets/{asset}", json={"note": "secret", "caption": "secret", "add_tags": ["secret"]})
    url = link_to(anna, album=album_of(anna, asset, description="secret"))

    said = stranger.get(url).text + stranger.get(url, headers={"Accept": "text/html"}).text

    assert asset in said
    assert not [word for word in ("secret", "anna", "job_", "img_") if word in said]


def test_a_rule_album_is_shown_as_its_rules_find_it(services, anna, bert, stranger):
    good, other = owned(services, "anna", 2)
    (his,) = owned(services, "bert")
    for caller, asset in ((anna, good), (bert, his)):
        caller.patch(f"/v1/assets/{asset}", json={"stars": 5, "visibility": "rack"})
    url = link_to(anna, album=album_of(anna, rules={"filter": {"stars_min": 4}}))

    assert [each.rpartition("/")[2] for each in shown(stranger, url)] == [good]
    assert stranger.get(f"{url}/{other}").status_code == stranger.get(f"{url}/{his}").status_code == 404


def test_pages_of_an_album_tell_each_picture_once(services, anna, stranger):
    ids = owned(services, "anna", 5)
    url = link_to(anna, album=album_of(anna, *ids))
    seen, cursor = [], ""

    while cursor is not None:
        page = stranger.get(f"{url}?limit=2&cursor={cursor}").json
        seen += [row["url"].rpartition("/")[2] for row in page["pictures"]]
        cursor = page["next_cursor"]

    assert seen == ids


def test_what_somebody_added_leaves_the_link_with_them(services, anna, bert, stranger):
    (hers,), (his,) = owned(services, "anna"), owned(services, "bert")
    album = album_of(anna, hers)
    anna.post(f"/v1/albums/{album}/shares", json={"person": "bert", "may": "add"})
    bert.post(f"/v1/albums/{album}/assets", json={"ids": [his]})
    url = link_to(anna, album=album)
    assert len(shown(stranger, url)) == 2

    bert.delete(f"/v1/assets/{his}")

    assert [each.rpartition("/")[2] for each in shown(stranger, url)] == [hers]


def test_only_its_owner_makes_a_link_to_an_album(services, anna, bert):
    (asset,) = owned(services, "anna")
    album = album_of(anna, asset)

    bert.post("/v1/shares", json={"album": album}, expect=404)
    anna.post(f"/v1/albums/{album}/shares", json={"person": "bert", "may": "add"})
    bert.post("/v1/shares", json={"album": album}, expect=403)
    anna.post("/v1/shares", json={"album": album, "asset": asset}, expect=422)


def test_links_end_with_the_album_with_a_revocation_and_for_other_things(services, anna, stranger):
    (asset,) = owned(services, "anna")
    one, other = album_of(anna, asset), album_of(anna, asset)
    gone, revoked, single = link_to(anna, album=one), link_to(anna, album=other), link_to(anna, asset=asset)
    nowhere = stranger.get(gone + "x").text

    anna.delete(f"/v1/albums/{one}", expect=204)
    shares = anna.get("/v1/shares")["shares"]
    anna.delete(f"/v1/shares/{next(each['id'] for each in shares if each['album'] == other)}", expect=204)

    for path in (gone, f"{gone}/{asset}", revoked, f"{revoked}/{asset}", f"{single}/{asset}", f"{single}/0/0"):
        assert (stranger.get(path).status_code, stranger.get(path).text) == (404, nowhere), path
    assert stranger.get(single).status_code == 200


def test_what_is_rated_is_withheld_behind_a_link_too(library_settings):
    services = build_services(library_settings.model_copy(update={"rating": "refuse"}))
    anna, stranger = Caller(services, "anna"), create_app(services).test_client()
    safe, unsafe = owned(services, "anna", 2)
    pictures = [anna.get(f"/v1/assets/{each}")["picture"] for each in (safe, unsafe)]
    known = dict(
        zip(pictures, (PictureRating(state=RatingState.RATED, nsfw=nsfw) for nsfw in (0.1, 0.99)), strict=True)
    )
    services.ratings.look = lambda person, ids: {each: known[each] for each in ids}
    url = link_to(anna, album=album_of(anna, safe, unsafe))

    answers = [stranger.get(each) for each in shown(stranger, url)]

    assert [answer.status_code for answer in answers] == [200, 403]
