"""The page's types, written from our own API description: `python -m tests.page_types` writes `api/web/src/api/schema.d.ts`.

The file's first line has the hash of the description it was written from, so that a test without Node sees a stale one.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

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


def main() -> int:
    """Write the types; needs `npm ci` to have run in `api/web`."""
    described = description()
    tool = WEB / "node_modules/.bin/openapi-typescript"
    made = subprocess.run([tool], input=described, capture_output=True, text=True, cwd=WEB, check=True)
    TYPES.write_text(first_line(described) + "\n" + made.stdout, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
