"""The layout that `darkroom plan` prints: it adds up, and it says what fits together."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidRequest
from shared.models.catalogue import load_catalogue
from shared.settings import Settings
from workers.cli.plan import layout, layouts, main, parse_mib, together
from workers.memory.budget import MODES
from workers.memory.budget import budget_for as budget
from workers.memory.planner import may_stay_together, plan_rack

SETTINGS = Settings()
MODELS = ["sdxl", "sdxl-anime", "moondream-2", "opennsfw"]


@pytest.mark.parametrize(
    ("text", "mib"),
    [("12GiB", 12_288), ("12 gib", 12_288), ("12", 12_288), ("7.5G", 7680), ("8192MiB", 8192), ("8GB", 7629)],
)
def test_amounts_are_read_with_their_units(text, mib):
    assert parse_mib(text) == mib


@pytest.mark.parametrize("text", ["", "much", "12 parsecs", "-3", "1e3", "GiB"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(InvalidRequest, match="12GiB"):
        parse_mib(text)


@given(st.integers(2048, 200_000), st.sampled_from(sorted(MODES)), st.none() | st.integers(256, 100_000))
def test_the_rows_add_up_to_the_card(total_mib, mode, budget_mib):
    settings = SETTINGS.model_copy(update={"vram_mode": mode, "vram_budget_mib": budget_mib})

    found = layouts(settings, total_mib, MODELS)[0]

    assert sum(row.mib for row in found.rows) == total_mib


@given(st.integers(2048, 200_000), st.sampled_from(sorted(MODES)))
def test_every_model_is_named_once(total_mib, mode):
    settings = SETTINGS.model_copy(update={"vram_mode": mode})

    found = layouts(settings, total_mib, MODELS)[0]

    assert sorted([*found.together, *found.in_turns, *found.too_large]) == sorted(MODELS)


def test_the_12_gb_case_holds_sdxl_moondream_and_the_rating_at_once():
    found = layouts(SETTINGS, 12_288, MODELS)[0]
    rows = {row.part: row for row in found.rows}

    assert found.together == ("sdxl", "moondream-2", "opennsfw")
    assert found.in_turns == ("sdxl-anime",)
    assert rows["sdxl: weights"].note == "fp16, VAE fp32 tiled, computed"
    assert rows["moondream-2: weights"].note == "nf4, computed"
    assert rows["free"].mib > 0


def test_what_is_named_as_staying_together_does():
    cards = [load_catalogue(SETTINGS).get(name) for name in MODELS]
    for total_mib in range(4096, 49_152, 2048):
        rack = plan_rack(cards, budget(total_mib))

        assert may_stay_together(together(rack), rack.budget)
        assert layout(rack).rows[-1].mib >= 0


def test_the_command_prints_a_table(capsys):
    assert main(["--vram", "12GiB", "--mode", "balanced"]) == 0

    shown = capsys.readouterr().out
    assert "system reserve" in shown
    assert "Stay loaded together: sdxl, moondream-2" in shown


def test_the_command_speaks_json_too(capsys):
    main(["--vram", "8GiB", "--mode", "high", "--models", "sdxl", "--json"])

    found = json.loads(capsys.readouterr().out)[0]
    assert found["rows"][0] == {"part": "system reserve", "mib": 512, "note": "left to others by high"}


def test_without_a_size_the_cards_of_this_host_are_shown(capsys):
    main(["--json"])

    assert len(json.loads(capsys.readouterr().out)) >= 1


@pytest.mark.parametrize("arguments", [["--vram", "lots"], ["--models", "no-such-model"]])
def test_a_mistake_is_told_in_one_line(arguments, capsys):
    assert main(arguments) == 2

    assert capsys.readouterr().err.startswith("darkroom plan: ")
