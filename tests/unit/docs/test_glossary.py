"""Each term of the glossary names a thing that exists: a module, class, function, field, setting, route or Redis key."""

import importlib
import re
from functools import cache, reduce
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from shared.redis import keys
from shared.settings import Settings

ROOT = Path(__file__).parents[3]
ROWS = [line.strip("| ").split(" | ") for line in (ROOT / "docs/glossary.md").read_text().splitlines() if "| `" in line]
ROUTE = re.compile(r"(GET|POST|PUT|DELETE) (/\S+)")


@cache
def routes() -> set[tuple[str, str]]:
    app = create_app(Settings(redis_url="redis://127.0.0.1:1/0"))
    return {(method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods or ()}


def attribute(thing: Any, name: str) -> Any:
    """Of a module or class; a pydantic model keeps its fields apart."""
    fields = getattr(thing, "model_fields", {})
    return fields[name] if name in fields else getattr(thing, name)


def thing(dotted: str) -> Any:
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            return reduce(attribute, parts[count:], importlib.import_module(".".join(parts[:count])))
        except ModuleNotFoundError:
            continue
    raise AssertionError(f"no module {parts[0]}")


@pytest.mark.parametrize(("term", "where"), [(row[0], row[2].strip("`")) for row in ROWS], ids=lambda text: text)
def test_a_term_names_what_exists(term, where):
    if where.startswith("DARKROOM_"):
        assert where.removeprefix("DARKROOM_").lower() in Settings.model_fields
    elif where.startswith("darkroom:"):
        assert where in (keys.__doc__ or "")
    elif found := ROUTE.fullmatch(where):
        assert found.groups() in routes()
    else:
        assert thing(where) is not None


def test_there_are_forty_terms_and_each_stands_once():
    terms = [row[0] for row in ROWS]

    assert len(terms) >= 40
    assert len(set(terms)) == len(terms)
    assert all(len(row) == 3 for row in ROWS)
