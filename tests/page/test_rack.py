"""The rack's screen in a real Chromium over two real workers: what its cards do, and what can be told them from the page."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.faults.stack import FaultRig, new_mark
from tests.page.conftest import LIMIT_MS, Visit, barriers, shoot, until
from tests.rig import ROOT, wait_for

STEP = {"kind": "generate", "model": "fault", "steps": 2, "width": 64, "height": 64}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def rig(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    expect.set_options(timeout=LIMIT_MS)
    with FaultRig(tmp_path_factory.mktemp("rack"), 2, DARKROOM_API_KEYS="root:key-of-root") as rig:
        rig.http.headers["Authorization"] = "Bearer key-of-root"
        rig.start_api().start_workers().wait_until_ready()
        yield rig
        rig.kill_host()
    expect.set_options(timeout=5000)


@pytest.fixture(scope="module")
def address(rig: FaultRig) -> str:
    return str(rig.http.base_url).rstrip("/")


@pytest.fixture
def screen(visit: Visit) -> Page:
    return rack(visit)


def test_a_card_shows_its_state_its_job_with_step_and_preview_and_what_it_holds(rig: FaultRig, screen: Page) -> None:
    ids = occupied(rig)
    card = screen.get_by_role("article", name=rig.job(ids[0])["worker"])

    card.get_by_text(re.compile(r"running · step \d+ of 150")).wait_for()
    card.get_by_text("busy").wait_for()
    card.locator("img[src^='data:image/']").first.wait_for()
    card.get_by_text(re.compile("fault 1 MiB · at work")).wait_for()
    expect(card.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile("[1-9]"))
    shoot(screen, "rack-busy-dark")
    cancelled(rig, ids)


def test_what_waits_is_held_released_and_cancelled_from_the_page_and_what_failed_runs_again(
    rig: FaultRig, screen: Page
) -> None:
    busy = occupied(rig)
    first, second = (rig.generate(f"pace=1 waits {name}", width=80)["id"] for name in ("first", "second"))
    broken = rig.generate(f"raise=1 once={new_mark()} broken", priority="high", width=96)["id"]
    queue = section(screen, "Queue")
    entry = queue.locator(f"div:has(> button[aria-label$='{first}'])")
    screen.get_by_role("article").first.get_by_text("Waits for it").wait_for()

    pressed(queue, "Hold", first)
    entry.get_by_text("held").wait_for()
    assert rig.job(first)["held"]
    pressed(queue, "Release", first)
    wait_for(lambda: not rig.job(first)["held"], what="a released job")
    pressed(queue, "Before everybody else", second)
    pressed(queue, "Cancel", first)
    wait_for(lambda: rig.job(first)["state"] == "cancelled", what="a cancelled job")
    for job in busy:
        pressed(queue, "Cancel", job)
    assert rig.finish(second)["state"] == "succeeded"
    assert rig.finish(broken)["state"] == "failed"
    pressed(queue, "Run again", broken)
    wait_for(lambda: rig.job(broken)["retried_as"], what="another try")
    assert rig.finish(rig.job(broken)["retried_as"])["state"] == "succeeded"


def test_a_worker_is_drained_and_resumed_and_a_model_unloaded_and_loaded_from_its_card(
    rig: FaultRig, screen: Page
) -> None:
    rig.finish(rig.generate("pace=1 loads")["id"])
    name = rig.reports()[0].name
    card = screen.get_by_role("article", name=name)

    card.get_by_role("button", name="Take no more jobs").click()
    card.get_by_text("takes no jobs", exact=True).wait_for()
    assert {rig.finish(rig.generate("pace=1 elsewhere")["id"])["worker"] for _ in range(3)} == {rig.reports()[1].name}
    card.get_by_role("button", name="Take jobs again").click()
    card.get_by_text("ready", exact=True).wait_for()
    card.get_by_label("Load a model").select_option("fault")
    card.get_by_role("button", name="Load", exact=True).click()
    card.get_by_role("button", name="Unload fault").click()
    card.get_by_role("button", name="Unload fault").wait_for(state="detached")
    assert held(rig, name) == []


def test_a_batch_tells_what_failed_and_why_and_goes_on_with_it(rig: FaultRig, screen: Page) -> None:
    prompts = [f"raise=1 once={new_mark()} broken"]
    batch = rig.http.post("/v1/batches", json={"name": "postcards", "prompts": prompts, "steps": [STEP]}).json()["id"]
    row = section(screen, "Batches").get_by_role("listitem").filter(has_text="postcards")
    row.get_by_text("finished").wait_for()
    expect(row.get_by_role("list", name="Failures")).to_contain_text("1 ×")

    row.get_by_role("button", name="Resume what failed").click()

    row.get_by_role("list", name="Failures").wait_for(state="detached")
    expect(row).to_contain_text("1 of 1")
    assert rig.http.get(f"/v1/batches/{batch}").json()["counts"]["succeeded"] == 1


def test_what_happened_stands_there_in_words_and_so_does_what_the_doctor_found(rig: FaultRig, screen: Page) -> None:
    worker = rig.reports()[0].name
    section(screen, "The last day").get_by_text(f"{worker} is ready").first.wait_for()

    command = [sys.executable, "-m", "workers.cli.doctor", "--publish"]
    doctor = subprocess.run(
        command, cwd=ROOT, env=os.environ | rig._variables(), capture_output=True, text=True, timeout=60
    )
    assert doctor.returncode == 0, doctor.stderr
    screen.reload()

    told = [
        each
        for host in rig.http.get("/v1/doctor").json()["hosts"]
        for each in host["findings"]
        if each["level"] != "ok"
    ]
    expect(section(screen, "Doctor")).to_contain_text(told[0]["text"])


def test_an_administrator_lets_somebody_in_limits_them_and_reads_it_in_the_audit(rig: FaultRig, screen: Page) -> None:
    people = section(screen, "People")
    people.get_by_label("Name").fill("carla")
    people.get_by_label("Role").select_option("operator")
    people.get_by_role("button", name="Add a person").click()
    people.get_by_role("button", name="Keys: carla").click()
    dialog = screen.get_by_role("dialog", name="carla")
    dialog.get_by_role("button", name="New key").click()
    key = dialog.locator("code").inner_text()
    dialog.get_by_label("Unfinished jobs").fill("7")
    dialog.get_by_label("Role").select_option("user")
    shoot(screen, "person-dark")
    dialog.get_by_role("button", name="Save").click()
    screen.get_by_text("carla: saved").wait_for()
    expect(people.get_by_role("button", name="Keys: carla")).to_be_focused()

    me = rig.http.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).json()
    assert (me["person"], me["role"], me["usage"]["unfinished_jobs"]["limit"]) == ("carla", "user", 7)
    people.get_by_role("button", name="Keys: carla").click()
    dialog.get_by_role("button", name="Revoke").click()
    dialog.get_by_role("button", name="Revoke").wait_for(state="detached")
    assert key not in dialog.inner_text()
    wait_for(
        lambda: rig.http.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code == 401, what="an end"
    )
    dialog.get_by_role("button", name="Close").click()
    expect(people.get_by_role("button", name="Keys: carla")).to_be_focused()
    audit = section(screen, "Audit").get_by_role("listitem").filter(has_text=re.compile("root.*added a person.*carla"))
    audit.wait_for()


def test_who_only_uses_the_rack_sees_its_cards_and_no_levers(rig: FaultRig, visit: Visit) -> None:
    rig.http.post("/v1/people", json={"name": "dora"}).raise_for_status()
    page = rack(visit, rig.http.post("/v1/keys", json={"person": "dora"}).json()["key"])

    page.get_by_role("article").nth(1).wait_for()

    for name in ("People", "Audit", "Doctor"):
        assert page.get_by_role("heading", name=name, exact=True).count() == 0
    assert page.get_by_role("button", name=re.compile("Take no more jobs|Unload|^Load")).count() == 0


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_rack_keeps_nobody_out_and_nothing_hangs_over_on_a_phone(theme: str, rig: FaultRig, visit: Visit) -> None:
    ids = occupied(rig)
    page = rack(visit, color_scheme=theme, bypass_csp=True, reduced_motion="reduce")
    page.get_by_text(re.compile(r"step \d+ of")).first.wait_for()
    page.locator("summary").first.click()
    section(page, "Audit").get_by_role("listitem").first.wait_for()

    assert barriers(page) == []
    shoot(page, f"rack-{theme}")
    page.set_viewport_size({"width": 360, "height": 740})
    until(page, "document.documentElement.scrollWidth <= innerWidth")  # a chart follows its card a frame later
    assert page.evaluate("document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth") <= 0
    shoot(page, f"rack-phone-{theme}")
    cancelled(rig, ids)


def occupied(rig: FaultRig) -> list[str]:
    """Both workers have a minute and a half to do, and no seat is left beside it; to be cancelled."""
    ids = [str(rig.generate("pace=600", steps=150, width=64 + 8 * at, n=4)["id"]) for at in range(2)]
    for job in ids:
        rig.wait_for_state(job, "running")
    return ids


def rack(visit: Visit, key: str = "key-of-root", **options: object) -> Page:
    """The rack's screen, signed in."""
    page = visit("/rack", **options)
    page.locator("input[type=password]").fill(key)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("article").first.wait_for()
    return page


def section(page: Page, title: str) -> Locator:
    return page.locator("section").filter(has=page.get_by_role("heading", name=title, exact=True))


def pressed(queue: Locator, what: str, job: str) -> None:
    queue.get_by_role("button", name=f"{what}: {job}").click()


def held(rig: FaultRig, worker: str) -> list[str]:
    rows = rig.http.get("/v1/status").json()["workers"]
    return [each["model"] for row in rows if row["name"] == worker for each in row["resident"]]


def cancelled(rig: FaultRig, ids: list[str]) -> None:
    rig.http.post("/v1/jobs/cancel", json={"ids": ids}).raise_for_status()
    rig.finish_all(ids)
