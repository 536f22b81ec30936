"""What is in `api/web/dist`: built from these sources, typed by this API, small at first load. Needs no Node."""

import gzip
import hashlib
import json
import re
from typing import Any

from PIL import Image

from api.services.permissions import ROUTES
from tests.page_types import TYPES, WEB, as_answered, description, first_line

DIST = WEB / "dist"
SOURCES = (
    "build/finish.mjs",
    "build/notices.ts",
    "build/shell.ts",
    "index.html",
    "package-lock.json",
    "package.json",
    "public",
    "src",
    "vite.config.ts",
    "vite.worker.config.ts",
)
#: `build/finish.mjs` leaves the same out: what never is in a bundle.
UNBUILT = re.compile(r"\.(test\.tsx?|d\.ts)$|^src/testing\.ts$")
MOST_FIRST_LOAD_BYTES = 200_000


def test_the_types_are_those_of_the_api():
    assert TYPES.read_text().startswith(first_line(description()) + "\n"), "stale: run `make web-types`"


def test_what_has_a_default_is_there_in_answers_and_may_be_left_out_of_requests():
    field = {"properties": {"n": {"type": "integer", "default": 1}}}
    content = {"200": {"$ref": "#/components/schemas/Made"}}
    operation = {"requestBody": {"$ref": "#/components/schemas/Wish"}, "responses": content}
    schemas = {"Wish": {**field}, "Made": {"items": {"$ref": "#/components/schemas/Part"}}, "Part": {**field}}

    written = as_answered({"paths": {"/": {"post": operation}}, "components": {"schemas": schemas}})

    assert written["components"]["schemas"]["Part"]["required"] == ["n"]
    assert "required" not in written["components"]["schemas"]["Wish"]


def test_the_built_page_is_that_of_the_sources():
    assert (DIST / "sources.sha256").read_text().strip() == _hash(), "stale: run `make web` and commit api/web/dist"


def test_the_first_load_is_small():
    parts = json.loads((DIST / "manifest.json").read_text())
    first = {"index.html", "theme.js", *_loaded_with("index.html", parts)}

    assert sum(len(gzip.compress((DIST / name).read_bytes())) for name in first) <= MOST_FIRST_LOAD_BYTES


def _loaded_with(entry: str, parts: dict[str, dict[str, Any]]) -> set[str]:
    """A script, its styles, and what it imports, which a browser fetches before it runs."""
    part = parts[entry]
    deeper = (_loaded_with(each, parts) for each in part.get("imports", []))
    return {part["file"], *part.get("css", [])}.union(*deeper)


def test_nothing_runs_inline():
    page = (DIST / "index.html").read_text()

    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", page)


def test_what_a_phone_needs_to_install_the_page_is_there():
    manifest = json.loads((DIST / "manifest.webmanifest").read_text())
    drawn = [icon for icon in manifest["icons"] if icon["type"] == "image/png"]

    for icon in drawn:
        width, height = Image.open(DIST / icon["src"].removeprefix("/ui/")).size
        assert icon["sizes"] == f"{width}x{height}"
    assert {icon["sizes"] for icon in drawn} >= {"192x192", "512x512"}
    assert [icon["sizes"] for icon in drawn if icon.get("purpose") == "maskable"] == ["512x512"]
    assert manifest["scope"] == manifest["start_url"] == "/ui/"
    assert f"POST {manifest['share_target']['action']}" in ROUTES
    assert '<link rel="manifest" href="/ui/manifest.webmanifest">' in (DIST / "index.html").read_text()


def test_the_service_worker_keeps_every_file_of_this_build_and_no_other():
    worker = (DIST / "sw.js").read_text()
    left_out = {"manifest.json", "sources.sha256", "THIRD-PARTY.txt", "sw.js"}
    files = [file for file in DIST.rglob("*") if file.is_file() and file.suffix not in (".br", ".gz")]

    built = {str(file.relative_to(DIST)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    kept = dict(re.findall(r"path:[`\"']([^`\"']+)[`\"'],sha256:[`\"']([0-9a-f]{64})", worker))
    assert kept == {name: digest for name, digest in built.items() if name not in left_out}


def test_what_ships_is_free_and_named():
    heads = re.findall(r"^-{78}\n(.+) \((.+)\)\n-{78}$", (DIST / "THIRD-PARTY.txt").read_text(), re.MULTILINE)

    assert {name.split(" ")[0] for name, _ in heads} >= {"react", "react-dom", "tailwindcss", "@tanstack/react-query"}
    assert {licence for _, licence in heads} <= {"MIT", "ISC", "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause"}


def _hash() -> str:
    """The sources' names and contents, in the order of their names."""
    found = [file for name in SOURCES for file in _files(name)]
    total = hashlib.sha256()
    for name in sorted(found):
        if not UNBUILT.search(name):
            total.update(name.encode() + b"\0" + (WEB / name).read_bytes() + b"\0")
    return total.hexdigest()


def _files(name: str) -> list[str]:
    path = WEB / name
    return [name] if path.is_file() else [str(f.relative_to(WEB)) for f in path.rglob("*") if f.is_file()]
