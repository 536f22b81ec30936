"""The Studio in a real Chromium, against a real stack with the starter models: from a first visit to a found upload."""

import base64
import io
from collections.abc import Iterator

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import FilePayload, Page

from tests.page.conftest import Visit, barriers, shoot, until
from tests.page.filled import HOSTILE
from tests.pictures import saved
from tests.rig import Rig, running_stack, wait_for
from workers.starter.paint import paint
from workers.starter.world import one_thing_scene

POSTCARD = "a red boat on the sea at dusk"
TILE = "[role=gridcell][data-id]"
UPLOADS = 50
#: Where each card of an upload differs from all others, besides what it shows.
MARK = (1, 1)
DROP = """([data, type]) => {
    const bytes = Uint8Array.from(atob(data), each => each.charCodeAt(0))
    const files = new DataTransfer()
    files.items.add(new File([bytes], 'dropped.png', { type }))
    document.querySelector('main').dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }))
}"""

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def rig(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_stack(tmp_path_factory.mktemp("stack")) as rig:
        yield rig


@pytest.fixture(scope="module")
def address(rig: Rig) -> str:
    return str(rig.http.base_url).rstrip("/")


def test_a_first_visit_makes_a_picture_with_one_click(visit: Visit) -> None:
    page = visit()

    page.get_by_role("button", name=POSTCARD).click()
    page.get_by_role("img", name=POSTCARD).wait_for()

    until(page, "[...document.images].every(img => img.complete && img.naturalWidth > 0)")


def test_a_remix_stands_in_the_gallery_and_knows_what_it_was_made_from(rig: Rig, visit: Visit) -> None:
    parent = wait_for(lambda: assets(rig), what="the first picture in the library")[0]
    page = visit("/gallery")

    page.locator(f"{TILE}[data-id='{parent['id']}']").click()
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("button", name="A little").click()
    tree = page.get_by_role("region", name="Where it comes from")
    tree.get_by_role("button").nth(1).wait_for()
    tree.get_by_role("button").nth(1).click()
    page.wait_for_url(lambda url: not url.endswith(parent["id"]))

    child = rig.http.get(f"/v1/assets/{page.url.rsplit('/', 1)[1]}").json()
    assert child["parents"] == [parent["id"]]
    assert child["prompt"] == POSTCARD
    page.keyboard.press("Escape")
    page.locator(f"{TILE}[data-id='{child['id']}']").wait_for()
    assert page.locator(TILE).count() == 2


def test_hostile_prompts_and_names_are_only_ever_text_and_saving_a_preset_makes_no_picture(visit: Visit) -> None:
    prompt, negative, name, _ = HOSTILE
    page = visit()

    page.get_by_label("What should it show?").fill(prompt)
    page.get_by_role("button", name="Leave things out").click()
    page.get_by_label("What it must not show").fill(negative)
    page.get_by_role("button", name="Presets").click()
    page.get_by_placeholder("Name").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text(f"Saved as {name}").wait_for()
    page.get_by_role("button", name="Develop").click()
    page.get_by_role("img", name=prompt).wait_for()
    page.get_by_role("button", name="Presets").click()
    page.get_by_role("button", name=name, exact=True).wait_for()
    assert nothing_ran(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Earlier prompts").click()
    page.get_by_role("dialog", name="Earlier prompts").get_by_text(prompt).wait_for()
    assert nothing_ran(page)
    page.keyboard.press("Escape")
    page.get_by_role("img", name=prompt).click()
    page.get_by_role("complementary", name="About").get_by_text(negative, exact=True).wait_for()
    assert nothing_ran(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Develop").wait_for()


@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_what_a_picture_says_of_how_it_was_made_is_only_ever_text(visit: Visit, way: str) -> None:
    prompt, negative, sampler, _ = HOSTILE
    picture = written(f"{prompt}\nNegative prompt: {negative}\nSteps: 21, Sampler: {sampler}, Seed: 77, Size: 64x64")
    page = visit()
    field = page.get_by_label("What should it show?")
    field.wait_for()

    if way == "chosen":
        page.locator("input[type=file][aria-label='Choose a file']").set_input_files(file(HOSTILE[0], picture))
    else:
        page.evaluate(DROP, [base64.b64encode(picture).decode(), "image/png"])
    page.get_by_text("Settings are back").or_(page.get_by_text("settings of that picture are back")).wait_for()

    assert field.input_value() == prompt
    assert page.get_by_label("What it must not show").input_value() == negative
    assert page.get_by_label("Seed", exact=True).input_value() == "77"
    assert nothing_ran(page)


def test_a_picture_without_words_becomes_the_start_and_its_broken_texts_are_harmless(visit: Visit) -> None:
    page = visit()
    page.get_by_label("What should it show?").wait_for()

    page.evaluate(DROP, [base64.b64encode(written(HOSTILE[1], key="Comment")).decode(), "image/png"])
    page.get_by_role("img", name="Start picture").wait_for()

    assert nothing_ran(page)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_studio_and_the_rack_keep_nobody_out(visit: Visit, theme: str) -> None:
    page = visit("/", color_scheme=theme, reduced_motion="reduce")
    page.get_by_role("img", name=POSTCARD).first.wait_for()
    shoot(page, f"studio-{theme}")
    found = {"studio": barriers(page)}

    page.goto("/ui/rack")
    page.get_by_role("button", name="Take no more jobs").first.wait_for()
    shoot(page, f"rack-at-work-{theme}")
    found["rack"] = barriers(page)

    assert found == {"studio": [], "rack": []}


def test_fifty_files_are_uploaded_and_one_is_found_by_words(rig: Rig, visit: Visit) -> None:
    before = len(assets(rig))
    page = visit("/gallery")
    page.locator(TILE).first.wait_for()

    page.locator("input[type=file][aria-label='Uploads']").set_input_files(cards())
    page.get_by_text(f"{UPLOADS} pictures are in the library").wait_for()
    assert len(assets(rig)) == before + UPLOADS
    wait_for(lambda: rig.http.get("/v1/search?q=balloon in:mine").json()["found"], 90, "a described balloon")
    page.get_by_label("Search pictures").fill("balloon")
    page.wait_for_url("**/gallery?q=balloon")
    page.get_by_text("Best matches first").wait_for()
    page.locator(f"{TILE} img").first.wait_for()
    page.locator(TILE).first.click()

    page.get_by_role("complementary", name="About").get_by_text("balloon.png").wait_for()
    assert "balloon" in page.get_by_role("heading", level=1).inner_text()
    assert nothing_ran(page)


def assets(rig: Rig) -> list[dict]:
    """The newest first."""
    return list(rig.http.get("/v1/assets?limit=500").json()["assets"])


def nothing_ran(page: Page) -> bool:
    return page.title().endswith("Darkroom") and page.locator("img[onerror], svg[onload]").count() == 0


def written(text: str, key: str = "parameters") -> bytes:
    """A PNG with a text chunk."""
    out, chunks = io.BytesIO(), PngInfo()
    chunks.add_itxt(key, text)
    Image.new("RGB", (64, 64), (90, 60, 30)).save(out, "PNG", pnginfo=chunks)
    return out.getvalue()


def cards() -> list[FilePayload]:
    """Postcards that all differ; the first shows a balloon and is called so, the last have names that try to be more."""
    found = []
    for index in range(UPLOADS):
        card = paint(one_thing_scene(index, "house" if index else "balloon", "red" if index % 2 else "yellow"))
        card.putpixel(MARK, (index, 255 - index, 7))
        name = "balloon.png" if index == 0 else f"card {index}.png"
        if index >= UPLOADS - len(HOSTILE):
            name = f"{HOSTILE[index - UPLOADS]}.png".replace("/", "-")
        found.append(file(name, saved(card, "PNG")))
    return found


def file(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": data}
