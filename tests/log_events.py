"""Every event the code logs, read from its source, with what each means: `python -m tests.log_events` writes `docs/events.md`.

The meanings stand in `docs/events.toml`, a line each; where, at which level and with which fields an event is logged is
read from `api`, `workers` and `shared`. A test holds the three together.
"""

import ast
import functools
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOUSES = ("api", "workers", "shared")
MEANINGS = ROOT / "docs/events.toml"
PAGE = ROOT / "docs/events.md"
LEVELS = ("error", "warning", "info")
EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
HEAD = """# What the log says

Written by `python -m tests.log_events` from the code and from [events.toml](events.toml); do not edit this page.

An *error* wants a person, a *warning* says that we coped, an *info* tells the story. Each line has the time, the level and
the fields below; within a job also `job`, `model` and `worker`. `DARKROOM_LOG_JSON=true` makes each a JSON object.
Prompts and pictures are never logged. What to do about the common ones: [runbook.md](runbook.md).
"""


@dataclass(frozen=True)
class Logged:
    """One call that logs."""

    level: str
    #: Empty: it is no literal, so nobody can list it.
    event: str
    fields: tuple[str, ...]
    #: From the root of the repository.
    path: str
    line: int


@functools.cache
def logged() -> tuple[Logged, ...]:
    """All of them, file by file."""
    files = [path for house in HOUSES for path in sorted((ROOT / house).rglob("*.py"))]
    return tuple(found for path in files for found in logged_in(path.read_text(), path.relative_to(ROOT).as_posix()))


def logged_in(source: str, path: str) -> Iterator[Logged]:
    """Those of one file: methods named like a level, on a logger or with an event's name as their first argument."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in LEVELS:
            continue
        names = _names(node.args[0]) if node.args else []
        fields = tuple(word.arg or "…" for word in node.keywords if word.arg != "exc_info")
        for name in names or ([""] if _is_logger(node.func.value) else []):
            yield Logged(node.func.attr, name, fields, path, node.lineno)


def _names(first: ast.expr) -> list[str]:
    """The event, or both of `"a.b" if … else "a.c"`."""
    either = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
    texts = [one.value for one in either if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return [text for text in texts if EVENT.fullmatch(text)]


def _is_logger(receiver: ast.expr) -> bool:
    return isinstance(receiver, ast.Call) and ast.unparse(receiver.func).endswith("logger")


def meanings() -> dict[str, str]:
    """Event → a line on what it means, and what to do where there is something to do."""
    return dict(tomllib.loads(MEANINGS.read_text()))


def page(calls: Sequence[Logged], known: dict[str, str]) -> str:
    """All events by level, those that want a person first; one that is logged at two levels stands at the higher."""
    parts = [HEAD]
    for level in LEVELS:
        higher = LEVELS[: LEVELS.index(level)]
        names = {call.event for call in calls if call.level == level}
        names -= {call.event for call in calls if call.level in higher}
        rows = [_row([call for call in calls if call.event == name], known.get(name, "?")) for name in sorted(names)]
        parts.append(
            "\n".join([f"## {level}", "", "| event | fields | meaning | from |", "|---|---|---|---|", *rows, ""])
        )
    return "\n".join(parts)


def _row(calls: Sequence[Logged], meaning: str) -> str:
    fields = dict.fromkeys(name for call in calls for name in call.fields)
    paths = dict.fromkeys(call.path for call in calls)
    return f"| `{calls[0].event}` | {', '.join(fields)} | {meaning} | {', '.join(f'`{path}`' for path in paths)} |"


if __name__ == "__main__":
    PAGE.write_text(page(logged(), meanings()))
