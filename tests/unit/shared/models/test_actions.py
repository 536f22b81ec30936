"""Recipes as data: what is in the file can be used, and a caller's words win."""

import pytest

from shared.contracts.generation import MAX_PROMPT_CHARS
from shared.errors import InvalidRequest, NotFound
from shared.models.actions import Action, load_actions, words_of

ACTIONS = load_actions()


def test_the_four_actions_of_today_are_there():
    assert list(ACTIONS) == ["enhance", "remix", "restyle", "describe"]


def test_a_caller_beats_the_preset_and_the_preset_the_action():
    action = Action(
        name="x",
        kind="generate",
        title="",
        summary="",
        values={"strength": 0.3, "steps": 4, "n": 2},
        presets=[{"name": "more", "title": "", "summary": "", "values": {"strength": 0.5, "steps": 5}}],
    )

    assert action.recipe(None, {}) == {"strength": 0.3, "steps": 4, "n": 2}
    assert action.recipe("more", {"steps": 6}) == {"strength": 0.5, "steps": 6, "n": 2}


def test_an_unknown_preset_names_those_there_are():
    with pytest.raises(NotFound, match=r"remix has no preset 'gentle'; there are: near, close, wild"):
        ACTIONS["remix"].recipe("gentle", {})


@pytest.mark.parametrize(
    "row",
    [
        'kind = "generate"\nvalues = { strength = 2 }',
        'kind = "generate"\nvalues = { strenght = 0.5 }',
        'kind = "analyze"\nvalues = { tasks = [{ task = "sing" }] }',
        'kind = "generate"\ndefault = "none"',
        "kind = 7",
    ],
)
def test_a_recipe_that_no_job_could_have_is_refused_when_the_list_is_read(tmp_path, row):
    file = tmp_path / "actions.toml"
    file.write_text(f'[actions.x]\ntitle = ""\nsummary = ""\n{row}\n')

    with pytest.raises(InvalidRequest, match=r"actions\.toml"):
        load_actions(file)


@pytest.mark.parametrize(
    ("template", "own", "words"),
    [
        ("{prompt}, sharp", "a lamp", "a lamp, sharp"),
        ("{prompt}, sharp", "", "sharp"),
        ("an oil painting of {prompt}, canvas", "  ", "an oil painting of canvas"),
        ("{prompt}", "", ""),
        ("a hat", "a lamp", "a hat"),
        ("{prompt} and {0} {x!r}", "{prompt} %s", "{prompt} %s and {0} {x!r}"),
    ],
)
def test_a_pictures_own_words_stand_where_the_recipe_says(template, own, words):
    assert words_of(template, own) == words


def test_words_that_are_too_long_name_the_limit_and_the_way_out():
    with pytest.raises(InvalidRequest, match=r"4,000 are allowed: give a shorter one in overrides\.prompt"):
        words_of("{prompt}, sharp", "x" * MAX_PROMPT_CHARS)
