"""What the pages name exists: files, settings, make targets, links."""

import re
import subprocess
from pathlib import Path

import pytest

from shared.settings import Settings

ROOT = Path(__file__).parents[3]
#: Written from the code itself; the CHANGELOG tells of what was.
WRITTEN = {"events.md"}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"] + [
    page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name not in WRITTEN
]
FILE = re.compile(r"`((?:api|workers|shared|tests|deploy|docs)/[\w./-]+|[A-Z]+\.md)`")
SETTING = re.compile(r"DARKROOM_([A-Z][A-Z_]+[A-Z])")
#: Read by the command line and by clients; they are no settings of the stack.
OF_CLIENTS = {"URL", "KEY"}
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
TARGET = re.compile(r"\bmake ([a-z][a-z-]+)")


def parametrised(what: re.Pattern[str]) -> pytest.MarkDecorator:
    found = [(page, name) for page in PAGES for name in sorted(set(what.findall(page.read_text())))]
    return pytest.mark.parametrize(("page", "name"), found, ids=[f"{page.name}: {name}" for page, name in found])


@parametrised(FILE)
def test_a_file_that_a_page_names_is_there(page, name):
    assert (ROOT / name).exists(), f"{page.name} names {name}: was it moved?"


@parametrised(LINK)
def test_a_link_leads_somewhere(page, name):
    assert (page.parent / name).exists()


@parametrised(SETTING)
def test_a_setting_that_a_page_names_is_one(page, name):
    assert name.lower() in Settings.model_fields or name in OF_CLIENTS


def test_every_target_that_a_page_names_is_one_and_help_lists_it():
    known = set(subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout.split())
    code = [text for page in PAGES for text in re.findall(r"`([^`]*)`|^(make .*)$", page.read_text(), re.MULTILINE)]
    named = {target for pair in code for text in pair for target in TARGET.findall(text)}

    assert named - {"lint", "types", "unit"} <= known


def test_every_recipe_is_listed():
    folder = ROOT / "docs/recipes"

    listed = set(LINK.findall((folder / "README.md").read_text()))

    assert listed == {page.name for page in folder.glob("*.md")} - {"README.md"}
