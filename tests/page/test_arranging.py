"""Albums, archives, leaps and start pictures by mouse and key in a real browser, over a small library and no workers."""

import io
import zipfile

import pytest
from sqlalchemy import update

from api.library.tables import Asset
from api.services import build_services
from tests.page.conftest import Visit, barriers, until
from tests.page.filled import fill
from tests.rig import Rig, wait_for

PICTURES = 60


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory):
    with Rig(tmp_path_factory.mktemp("arranging")) as rig:
        rig.start_api()
        yield rig


@pytest.fixture(scope="module")
def ids(rig) -> list[str]:
    """The library's pictures, the newest first."""
    return fill(rig.settings, PICTURES, owner=rig.http.get("/v1/session").json()["person"], scale=8)


@pytest.fixture(scope="module")
def address(rig) -> str:
    return f"http://127.0.0.1:{rig.port}"


@pytest.fixture
def page(visit: Visit, ids):
    page = visit("/gallery", viewport={"width": 1280, "height": 900}, accept_downloads=True)
    _drawn(page, 0)
    return page


@pytest.fixture
def album(rig, ids, page):
    """An album of six pictures, open in its own order."""
    made = rig.http.post("/v1/albums", json={"name": "Trip"}).json()["id"]
    rig.http.post(f"/v1/albums/{made}/assets", json={"ids": ids[:6]}).raise_for_status()
    page.goto(f"http://127.0.0.1:{rig.port}/ui/albums/{made}")
    _drawn(page, 5)
    return made


def test_a_picture_is_dragged_to_where_it_belongs(rig, ids, page, album):
    _drag(page, _tile(page, 0), _tile(page, 2), at=0.9)

    wait_for(lambda: _order(rig, album) == _moved(ids[:6], "120345"))
    assert _shown(page, 6) == _moved(ids[:6], "120345")


def test_an_album_is_arranged_and_gets_its_cover_without_a_mouse(rig, ids, page, album):
    _tile(page, 0).focus()
    page.keyboard.press("Control+ArrowRight")
    wait_for(lambda: _order(rig, album) == _moved(ids[:6], "102345"))
    until(page, "() => document.activeElement?.dataset.place === '1'")

    page.keyboard.press("Control+End")
    wait_for(lambda: _order(rig, album) == _moved(ids[:6], "123450"))
    until(page, "() => document.activeElement?.dataset.place === '5'")
    page.keyboard.press("x")
    page.get_by_role("button", name="Make it the cover").press("Enter")
    page.get_by_text("It is the cover now").wait_for()

    assert rig.http.get(f"/v1/albums/{album}").json()["cover"] == ids[0]


def test_several_pictures_come_as_one_archive(page):
    _tile(page, 0).focus()
    page.keyboard.press("x")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.get_by_text("3 chosen").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()

    names = zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())).namelist()
    assert len([name for name in names if name.endswith(".png")]) == 3
    assert "assets.jsonl" in names


def test_tags_of_the_library_complete_what_is_typed(rig, ids, page):
    rig.http.patch(
        "/v1/assets", json={"ids": ids[:1], "changes": {"add_tags": ["lighthouse at sea"]}}
    ).raise_for_status()
    _tile(page, 1).focus()
    page.keyboard.press("x")
    page.get_by_role("button", name="Tags", exact=True).click()
    page.get_by_label("Add, with commas between them").press_sequentially("ligh")
    page.get_by_role("option", name="lighthouse at sea").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")

    wait_for(lambda: "lighthouse at sea" in [tag["name"] for tag in _asset(rig, ids[1])["tags"]])


def test_days_months_and_years_are_one_key_apart(rig, ids, page):
    months = [_asset(rig, each)["created_at"][:7] for each in ids]
    _tile(page, 0).focus()
    page.keyboard.press("m")
    until(page, "() => Number(document.activeElement?.dataset.place) > 0")
    assert _focused(page) == next(at for at, month in enumerate(months) if month != months[0])

    page.keyboard.press("Shift+M")
    until(page, "() => document.activeElement?.dataset.place === '0'")
    page.keyboard.press("y")
    until(page, "() => Number(document.activeElement?.dataset.place) > 0")
    assert _focused(page) == next(at for at, month in enumerate(months) if month[:4] != months[0][:4])


def test_a_picture_of_the_gallery_begins_another_by_drag_or_from_a_list(rig, ids, page):
    _drag(page, _tile(page, 0), page.get_by_role("link", name="Studio"), at=0.5)

    start = page.get_by_role("img", name="Start picture")
    start.wait_for()
    assert _asset(rig, ids[0])["picture"] in start.get_attribute("src")

    page.get_by_role("button", name="Take it away").click()
    page.get_by_role("button", name="From the gallery").click()
    page.get_by_role("dialog").get_by_role("button").nth(2).click()
    start.wait_for()
    assert _asset(rig, ids[1])["picture"] in start.get_attribute("src")


def test_an_action_is_done_otherwise_than_its_preset_says(ids, page):
    _tile(page, 3).focus()
    page.keyboard.press("x")
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("button", name="Adjust: Remix").press("Enter")
    page.get_by_label("Preset").select_option("near")
    assert page.get_by_label("How far to go from it").get_attribute("placeholder") == "0.5"
    page.get_by_label("Steps", exact=True).fill("12")
    with page.expect_request(lambda asked: asked.url.endswith("/v1/actions/remix")) as asked:
        page.get_by_role("button", name="Remix like this").press("Enter")

    sent = asked.value.post_data_json
    assert (sent["ids"], sent["preset"], sent["overrides"]) == ([ids[3]], "near", {"steps": 12})


@pytest.mark.parametrize("by_key", [False, True], ids=["by its button", "by key"])
def test_a_picture_that_could_not_be_described_is_tried_again_from_its_tile(rig, ids, page, by_key):
    with build_services(rig.settings).library.database.writing() as session:
        session.execute(update(Asset).where(Asset.id == ids[2]).values(analysis="failed"))
    page.reload()
    _drawn(page, 2)
    again = _tile(page, 2).get_by_role("button", name="Try to describe it again")
    again.wait_for()
    with page.expect_request(lambda asked: asked.url.endswith("/v1/assets/analyze")) as asked:
        if by_key:
            _tile(page, 2).focus()
            page.keyboard.press("r")
        else:
            again.click()

    assert asked.value.post_data_json == {"ids": [ids[2]]}
    assert "/ui/gallery" in page.url


def test_axe_finds_nothing_in_what_opens_over_the_pictures(rig, ids, page):
    """The dialogs of the bulk bar, with what unfolds in them, and the list of start pictures."""
    _tile(page, 4).focus()
    page.keyboard.press("x")
    page.get_by_role("button", name="Tags", exact=True).click()
    page.get_by_label("Add, with commas between them").press_sequentially("s")
    page.get_by_role("option").first.wait_for()
    found = {"tags": barriers(page)}
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("button", name="Adjust: Remix").click()
    page.get_by_label("Preset").wait_for()
    found["actions"] = barriers(page)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Studio").click()
    page.get_by_role("button", name="From the gallery").click()
    page.get_by_role("dialog").get_by_role("img").first.wait_for()
    found["pick"] = barriers(page)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("switch", name="Blur what is not safe for work").wait_for()
    found["settings"] = barriers(page)

    assert found == {"tags": [], "actions": [], "pick": [], "settings": []}


def test_blur_and_going_on_after_a_rating_are_switches(rig, ids, page):
    page.goto(f"http://127.0.0.1:{rig.port}/ui/settings")
    page.get_by_role("switch", name="After rating a picture by key").press("Space")
    page.get_by_role("switch", name="Blur what is not safe for work").press("Space")
    page.goto(f"http://127.0.0.1:{rig.port}/ui/gallery")
    _drawn(page, 0)
    _tile(page, 0).focus()
    page.keyboard.press("5")
    until(page, "() => document.activeElement?.dataset.place === '1'")

    wait_for(lambda: _asset(rig, ids[0])["stars"] == 5)
    kept = page.evaluate("JSON.parse(localStorage.getItem('darkroom.gallery')).state")
    assert kept["advances"]
    assert kept["blurFrom"] > 1


def _tile(page, place: int):
    return page.locator(f'[data-place="{place}"]')


def _drawn(page, place: int) -> None:
    """The picture at a place is there, not only its cell."""
    until(page, f"""document.querySelector('[data-place="{place}"] img[src^="/v1"]')?.complete""")


def _focused(page) -> int:
    return int(page.evaluate("document.activeElement.dataset.place"))


def _shown(page, count: int) -> list[str]:
    return [_tile(page, place).get_attribute("data-id") for place in range(count)]


def _drag(page, source, target, *, at: float) -> None:
    """By mouse, to a share of the target's width."""
    begin, end = source.bounding_box(), target.bounding_box()
    page.mouse.move(begin["x"] + begin["width"] / 2, begin["y"] + begin["height"] / 2)
    page.mouse.down()
    for share in (0.5, at):  # one move begins the drag, the next is where it goes
        page.mouse.move(end["x"] + end["width"] * share, end["y"] + end["height"] / 2, steps=5)
    page.mouse.up()


def _order(rig, album: str) -> list[str]:
    listed = rig.http.get("/v1/assets", params={"album": album, "sort": "album"}).json()
    return [row["id"] for row in listed["assets"]]


def _moved(ids: list[str], places: str) -> list[str]:
    return [ids[int(place)] for place in places]


def _asset(rig, asset_id: str) -> dict:
    return rig.http.get(f"/v1/assets/{asset_id}").json()
