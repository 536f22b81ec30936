"""The page's types, written from our own API description: `python -m tests.page_types` writes `api/web/src/api/schema.d.ts`.

What has a default may be left out of a request and is always there in an answer; OpenAPI says only the former. So the
types are written from a description in which answers require it. A model that is asked and answered stays as it is asked.

The file's first line has the hash of the description it was written from, so that a test without Node sees a stale one.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api.app import create_app
from shared.settings import Settings

ROOT = Path(__file__).parents[1]
WEB = ROOT / "api/web"
TYPES = WEB / "src/api/schema.d.ts"
#: An address that must be given and is never asked.
NO_REDIS = "redis://127.0.0.1:1/0"
HEAD = "// Written by `python -m tests.page_types` from /openapi.json; do not edit. SHA-256 of the description: "


def description() -> str:
    """`/openapi.json` as every installation has it, its keys in order: nothing is asked of Redis or the library."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(redis_url=NO_REDIS, data_dir=Path(folder))
        answer = create_app(settings).test_client().get("/openapi.json")
    return json.dumps(answer.get_json(), sort_keys=True)


def first_line(described: str) -> str:
    """How the types of this description begin."""
    return HEAD + hashlib.sha256(described.encode()).hexdigest()


def as_answered(described: dict[str, Any]) -> dict[str, Any]:
    """The description, in which models that are only answered require what has a default. Changes it in place."""
    schemas = described["components"]["schemas"]
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    asked = set(_named([[each.get("requestBody"), each.get("parameters")] for each in operations], schemas, set()))
    answered = set(_named([each["responses"] for each in operations], schemas, set()))
    for name in answered - asked:
        given = {field for field, schema in schemas[name].get("properties", {}).items() if "default" in schema}
        schemas[name]["required"] = sorted({*schemas[name].get("required", []), *given})
    return described


def _named(what: Any, schemas: dict[str, Any], seen: set[str]) -> Iterator[str]:
    """The models that this refers to, and those that they refer to."""
    if isinstance(what, list):
        for each in what:
            yield from _named(each, schemas, seen)
    if not isinstance(what, dict):
        return
    name = str(what.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        seen.add(name)
        yield name
        yield from _named(schemas[name], schemas, seen)
    for each in what.values():
        yield from _named(each, schemas, seen)


def main() -> int:
    """Write the types; needs `npm ci` to have run in `api/web`."""
    described = description()
    command = [str(WEB / "node_modules/.bin/openapi-typescript"), "--default-non-nullable", "false"]
    given = json.dumps(as_answered(json.loads(described)))
    made = subprocess.run(command, input=given, capture_output=True, text=True, cwd=WEB, check=True)
    TYPES.write_text(first_line(described) + "\n" + made.stdout, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
