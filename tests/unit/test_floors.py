"""The house stays a house: imports go down the floors only, also those inside functions."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Longest prefix wins. Modules on one floor do not import one another (packages may import within themselves).
FLOORS = {
    "shared.errors": 0,
    "shared.settings": 0.5,
    "shared.keys": 0,
    "shared.log": 0,
    "shared.contracts.generation": 0,
    "shared.contracts.vision": 0.5,
    "shared.contracts": 1,
    "shared.catalogue": 1,
    "shared.redis_client": 1,
    "shared.pixels": 1,
    "shared.embedded_redis": 1,
    "shared.artifact_store": 1.5,
    "shared.worker_registry": 1.5,
    "shared.lifecycle": 2,
    "shared.routing": 2,
    "shared.effective": 2,
    "shared.broker": 2,
    "shared.job_store": 3,
    "shared.dispatch": 4,
}


def own_modules() -> dict[str, Path]:
    files = [path for top in ("api", "workers", "shared") for path in (ROOT / top).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def imports_of(path: Path) -> set[str]:
    """Own modules a file imports anywhere in it, `from package import module` resolved to the module."""
    known, found = own_modules(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                f"{node.module}.{a.name}" if f"{node.module}.{a.name}" in known else node.module for a in node.names
            }
    return {name for name in found if name.split(".")[0] in ("api", "workers", "shared")}


def floor_of(module: str, floors: dict[str, float]) -> float | None:
    matches = [prefix for prefix in floors if module == prefix or module.startswith(prefix + ".")]
    return floors[max(matches, key=len)] if matches else None


@pytest.mark.parametrize("module", sorted(own_modules()))
def test_the_web_side_and_the_gpu_side_never_meet(module):
    other = {"api": "workers", "workers": "api", "shared": ("api", "workers")}[module.split(".")[0]]

    crossing = [name for name in imports_of(own_modules()[module]) if name.split(".")[0] in other]

    assert not crossing
