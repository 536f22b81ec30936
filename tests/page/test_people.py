"""A rack with keys in a real Chromium: the door, what stays behind when somebody leaves, what two people see of each other."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests import pictures
from tests.faults.stack import FaultRig, new_mark, open_gate
from tests.page.conftest import Visit, barriers, shoot, until
from tests.rig import wait_for

#: Everything that this browser keeps for the page, by where it lies.
KEPT = """async () => ({
    local: { ...localStorage }, session: { ...sessionStorage },
    databases: (await indexedDB.databases()).map(each => each.name), caches: await caches.keys() })"""
WRONG = "That key opens nothing here"

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Person:
    name: str
    key: str
    #: What this person does without the page.
    http: httpx.Client

    def make(self, prompt: str, **fields: object) -> str:
        body = {"prompt": prompt, "model": "fault", "steps": 2, "width": 64, "height": 64} | fields
        answer = self.http.post("/v1/generate", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def picture(self, prompt: str, **fields: object) -> str:
        """The id of an asset that is in the library."""
        job = self.make(prompt, **fields)
        found = wait_for(lambda: self.http.get("/v1/assets", params={"q": f"job:{job}"}).json()["assets"], what=job)
        return str(found[0]["id"])

    def album(self, name: str, *assets: str) -> str:
        made = str(self.http.post("/v1/albums", json={"name": name}).json()["id"])
        self.http.post(f"/v1/albums/{made}/assets", json={"ids": assets}).raise_for_status()
        return made


@pytest.fixture(scope="module")
def rig(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    with FaultRig(tmp_path_factory.mktemp("people"), DARKROOM_API_KEYS="root:key-of-root") as rig:
        rig.http.headers["Authorization"] = "Bearer key-of-root"
        rig.start_api().start_workers().wait_until_ready()
        yield rig
        rig.kill_host()


@pytest.fixture(scope="module")
def address(rig: FaultRig) -> str:
    return str(rig.http.base_url).rstrip("/")


@pytest.fixture(scope="module")
def ann(rig: FaultRig) -> Person:
    return person(rig, "ann")


@pytest.fixture(scope="module")
def bob(rig: FaultRig) -> Person:
    return person(rig, "bob")


def test_a_wrong_key_is_told_in_words_that_know_nobody_and_a_right_one_opens(rig, ann: Person, visit: Visit) -> None:
    page = visit("/gallery")
    revoked = rig.http.post("/v1/keys", json={"person": "ann"}).json()
    rig.http.delete(f"/v1/keys/{revoked['id']}").raise_for_status()
    for wrong in ("nonsense", "ann", ann.key[:-1], revoked["key"]):
        show(page, wrong)
        expect(page.get_by_role("alert")).to_contain_text(WRONG)
        page.get_by_role("button", name="Open").and_(page.locator(":enabled")).wait_for()
    assert not re.search(r"\bann\b", page.locator("body").inner_text())

    show(page, f"  {ann.key}\n")

    page.get_by_role("heading", name="Nothing here yet").wait_for()


def test_who_signs_out_leaves_nothing_in_this_browser(ann: Person, visit: Visit) -> None:
    page = signed_in(visit, ann, "/gallery")
    page.get_by_text("0 pictures").wait_for()
    page.get_by_role("link", name="Studio").click()
    page.get_by_label("What should it show?").fill("a secret of ann")
    before = page.evaluate(KEPT)
    assert "darkroom/ann/uploads" in before["databases"]
    assert "a secret of ann" in str(before["local"])

    page.get_by_role("button", name="Sign out").click()

    door(page).wait_for()
    after = page.evaluate(KEPT)
    assert after | {"local": {}, "caches": []} == {"local": {}, "session": {}, "databases": [], "caches": []}
    assert all(cache.startswith("darkroom-shell/") for cache in after["caches"])  # the page itself, the same for all
    assert set(after["local"]) <= {"darkroom.look"}
    assert page.context.cookies() == []
    page.go_back()
    door(page).wait_for()
    assert "secret" not in page.locator("body").inner_text()


def test_who_comes_after_another_in_the_same_browser_finds_none_of_theirs(
    ann: Person, bob: Person, visit: Visit
) -> None:
    page = signed_in(visit, ann)
    page.get_by_label("What should it show?").fill("a secret of ann")
    other_tab = page.context.new_page()
    other_tab.goto("/ui/albums")
    other_tab.get_by_label("Name of a new album").fill("ann's album")
    for session in ann.http.get("/v1/session").json()["sessions"]:
        ann.http.delete("/v1/session", params={"id": session["id"]}).raise_for_status()
    page.get_by_role("link", name="Gallery").click()
    door(page).wait_for()

    show(page, bob.key)

    page.get_by_role("heading", name="Nothing here yet").wait_for()
    page.get_by_role("link", name="Studio").click()
    expect(page.get_by_label("What should it show?")).to_have_value("")
    expect(other_tab.get_by_label("Name of a new album")).to_have_value("")
    assert "ann" not in json.dumps(page.evaluate(KEPT))


def test_two_people_see_nothing_of_each_other_but_what_is_shared(
    rig, ann: Person, bob: Person, visit: Visit, tmp_path
) -> None:
    secret = ann.picture("pace=1 a secret boat of ann")
    waits = ann.make("pace=600 a long secret of ann", steps=150)  # until it is cancelled
    (tmp_path / "uploaded by ann.png").write_bytes(pictures.png(40, 30))
    hers, his = signed_in(visit, ann, "/gallery"), signed_in(visit, bob, "/gallery")
    hers.locator("input[type=file]").set_input_files(tmp_path / "uploaded by ann.png")
    hers.get_by_text("1 picture is in the library").wait_for()
    expect(hers.locator("[role=gridcell]")).to_have_count(2)

    his.get_by_role("heading", name="Nothing here yet").wait_for()
    his.get_by_role("link", name="Studio").click()
    his.get_by_role("heading", name="What shall we develop?").wait_for()
    his.get_by_role("link", name="Rack").click()
    his.get_by_text("a job of somebody else").first.wait_for()
    assert "secret" not in his.locator("body").inner_text()
    his.goto(f"/ui/picture/{secret}")
    his.get_by_role("alert").wait_for()
    assert his.locator("[data-stage]").count() == 0
    rig.http.delete(f"/v1/jobs/{waits}").raise_for_status()

    album = ann.album("for bob", secret)
    ann.http.post(f"/v1/albums/{album}/shares", json={"person": "bob"}).raise_for_status()
    his.goto("/ui/albums")
    his.get_by_role("link", name="for bob").first.click()
    his.locator("[role=gridcell] img").first.wait_for()
    expect(his.locator("[role=gridcell]")).to_have_count(1)


def test_a_link_shows_its_album_without_a_key_and_opens_nothing_else(ann: Person, visit: Visit) -> None:
    asset = ann.picture("pace=1 to be shown")
    link = ann.http.post("/v1/shares", json={"album": ann.album("for all", asset)}).json()["url"]
    page = visit("/")
    door(page).wait_for()

    page.goto(link)

    until(page, "document.querySelector('img')?.naturalWidth === 64")
    page.goto(f"/ui/picture/{asset}")
    door(page).wait_for()


def test_an_administrators_studio_shows_their_own_pictures_only(rig, ann: Person, visit: Visit) -> None:
    ann.picture("pace=1 of ann's alone")

    page = signed_in(visit, Person("root", "key-of-root", rig.http))

    page.get_by_role("heading", name="What shall we develop?").wait_for()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_door_and_the_settings_keep_nobody_out(theme: str, ann: Person, visit: Visit) -> None:
    page = visit("/settings", color_scheme=theme, bypass_csp=True, reduced_motion="reduce")
    door(page).wait_for()
    found = barriers(page)
    shoot(page, f"door-{theme}")

    show(page, ann.key)

    page.get_by_text("Signed in as ann").wait_for()
    assert found + barriers(page) == []
    shoot(page, f"settings-{theme}")


def test_the_page_says_that_the_api_is_away_keeps_what_it_shows_and_goes_on_by_itself(
    rig: FaultRig, ann: Person, visit: Visit
) -> None:
    gate = new_mark()
    ann.make(f"pace=20 gate={gate} goes on meanwhile", steps=10, seed=5)
    page = signed_in(visit, ann)
    tile = page.get_by_role("listitem").filter(has_text="goes on meanwhile")
    page.get_by_label("What should it show?").fill("typed before")
    tile.get_by_text(re.compile(r"Step \d")).wait_for()

    rig.kill_host("api")

    banner = page.get_by_role("status").filter(has_text="The rack does not answer.")
    banner.wait_for()
    page.get_by_role("button", name="Develop").click()
    expect(page.locator("form").get_by_role("alert").last).to_contain_text("does not answer")
    assert tile.is_visible()
    shoot(page, "away-dark")
    open_gate(gate)
    rig.start_api()
    banner.wait_for(state="detached")
    expect(page.locator("form").get_by_role("alert").last).to_have_count(0)
    page.get_by_role("img", name="goes on meanwhile").wait_for()
    expect(page.get_by_label("What should it show?")).to_have_value("typed before")
    page.get_by_role("button", name="Develop").click()
    page.get_by_role("img", name="typed before").wait_for()
    jobs = ann.http.get("/v1/jobs").json()["jobs"]
    assert [job["params"].get("prompt") for job in jobs].count("typed before") == 1


def person(rig: FaultRig, name: str) -> Person:
    rig.http.post("/v1/people", json={"name": name, "role": "user"}).raise_for_status()
    key = rig.http.post("/v1/keys", json={"person": name}).json()["key"]
    http = httpx.Client(base_url=rig.http.base_url, headers={"Authorization": f"Bearer {key}"}, timeout=90)
    return Person(name, key, http)


def door(page: Page) -> Locator:
    """The field for the key."""
    return page.locator("input[type=password]")


def show(page: Page, key: str) -> None:
    """At the door."""
    door(page).fill(key)
    page.get_by_role("button", name="Open").click()


def signed_in(visit: Visit, who: Person, path: str = "/") -> Page:
    """A browser of this person's own, at the path."""
    page = visit(path)
    show(page, who.key)
    page.get_by_role("navigation", name="Screens").wait_for()
    return page
