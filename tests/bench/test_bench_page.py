"""The bench of the page walks over it, and counts what the API was asked."""

import pytest

from tests.bench import bench_page, page_walks
from tests.bench.page_watch import CHROMIUM, tab

FEW = 400
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: `apt-get install chromium`")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(bench_page, "RESTS_MS", 300)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory):
    with bench_page.prepared(tmp_path_factory.mktemp("bench"), FEW, minutes=0.05) as prepared:
        yield prepared


def test_a_screen_takes_input_before_it_counts_as_loaded(bench):
    for path in ("/", "/gallery"):
        row = page_walks.first_load(bench.browser, bench.address, path)

        assert 0 < row["usable_s"] < 60
        assert row["requests"] > 5
        assert any(call.startswith("/v1/session") for call in row["calls"])


def test_a_walk_tells_how_long_each_deed_took(bench):
    with tab(bench.browser, bench.address) as opened:
        rows = page_walks.interactions(opened)

    assert len(rows) > 20
    assert min(rows.values()) >= 16


def test_frames_of_a_scroll_are_counted(bench, monkeypatch):
    monkeypatch.setattr(page_walks, "WHEEL_PX", 1_000)
    monkeypatch.setattr(page_walks, "DRAG_MOVES", 5)
    with tab(bench.browser, bench.address, "/gallery") as opened:
        row = page_walks.scroll(opened)

    assert 0 <= row["long_share"] <= 1
    assert row["wheel_frames_per_s"] > 0


def test_use_leaves_a_heap_and_idle_tabs_a_count(bench):
    row = bench.use_and_idle()

    assert row["use"]["heap_mb"] > 1
    assert row["use"]["renderer_mb"] > 10
    assert row["use"]["rounds"] >= 2
    assert set(row["idle"]) == {"studio", "gallery", "rack", "hidden"}
    assert row["idle"]["hidden"]["requests_per_10_s"] == 0


def test_requests_of_tabs_with_running_jobs_are_counted_at_the_api(bench, monkeypatch):
    monkeypatch.setattr(bench_page, "BUSY_S", 3.0)

    row = bench.busy()

    assert row["jobs_that_ran_all_the_time"] == bench_page.JOBS
    assert row["studio"]["asked"]["GET /v1/jobs"] >= 1


def test_a_part_that_breaks_off_leaves_the_others(bench, monkeypatch, tmp_path):
    for part in ("first_load", "scroll", "use_and_idle"):
        monkeypatch.setattr(bench, part, dict)
    monkeypatch.setattr(bench, "interaction", lambda: {}["nothing"])
    monkeypatch.setattr(bench, "busy", lambda: {"studio": {"requests_per_s": 1.5}})

    numbers = bench_page.measure(bench, tmp_path / "numbers.json")

    assert "KeyError" in numbers["interaction"]["broke_off"]
    assert "busy.studio.requests_per_s" not in numbers["missed"]
    assert numbers["missed"]["interaction.longest_ms"] == [None, 100]
    assert (tmp_path / "numbers.json").exists()
