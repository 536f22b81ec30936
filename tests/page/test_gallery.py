"""The gallery, the viewer and the rack in a real Chromium, over a library of 10,000 pictures."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.page.filled import fill
from tests.rig import ROOT, Rig

PICTURES = 10_000
#: One walk through everything takes about a minute, several on a machine that is busy with other things.
LIMIT_S = 540
pytestmark = pytest.mark.timeout(LIMIT_S + 60)
Seen = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What one walk through the page saw, by check."""
    node = shutil.which("node")
    if node is None or not Path("/usr/bin/chromium").exists():
        pytest.skip("there is no Node or no Chromium here: the page is not looked at")
    web = ROOT / "api/web"
    if not (web / "node_modules/playwright-core").exists() or not (web / "dist/index.html").exists():
        pytest.skip("the page is not built here: run `npm ci` and `npm run build` in api/web")
    with Rig(tmp_path_factory.mktemp("page")) as rig:
        rig.start_api()
        fill(rig.settings, PICTURES, owner=rig.http.get("/v1/session").json()["person"], hostile=4)
        command = [
            node,
            str(ROOT / "tests/page/gallery.mjs"),
            str(rig.http.base_url).rstrip("/"),
            str(ROOT / "out/page"),
        ]
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_S, env=os.environ.copy(), check=False
        )
        assert ran.returncode == 0, ran.stderr[-2000:]
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    return {row.pop("check"): row for row in rows}


def test_ten_thousand_pictures_scroll_with_few_elements_and_stay_where_they_are(seen: Seen) -> None:
    scrolling = seen["scrolling"]

    assert scrolling["most_tiles"] < 400
    assert scrolling["shared"] > 5
    assert scrolling["moved"] == 0
    assert "2024" in scrolling["last"]


def test_what_is_chosen_by_key_goes_to_the_trash_and_comes_back_by_one_key(seen: Seen) -> None:
    assert seen["choosing"] == {"chosen": 4, "before": PICTURES, "during": PICTURES - 4, "after": PICTURES}


def test_rating_opening_and_coming_back_need_no_mouse(seen: Seen) -> None:
    keyboard = seen["keyboard"]

    assert keyboard["presses"] < 40
    assert keyboard == keyboard | {"stars": 4, "opened": True, "came_back": True}


def test_hostile_captions_prompts_tags_and_file_names_are_only_ever_text(seen: Seen) -> None:
    assert seen["hostile"] == {"title": "Gallery · Darkroom", "violations": [], "injected": 0}


def test_a_phone_shows_pictures_side_by_side_and_nothing_hangs_over(seen: Seen) -> None:
    assert seen["phone"]["overflow"] <= 0
    assert seen["phone"]["beside"] >= 2


def test_axe_finds_nothing_on_any_screen_in_either_theme(seen: Seen) -> None:
    assert seen["accessible"] == {"found": {}}


def test_nothing_breaks_and_no_dialog_opens_on_the_way(seen: Seen) -> None:
    assert seen["trouble"] == {"trouble": []}
