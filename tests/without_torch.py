"""A pytest plugin for `make quick`: whatever imports torch is left out (`pytest -p tests.without_torch tests/unit`).

The rule checks itself, so nobody keeps a list: the import of torch *is* the skip. A test file that imports it, however
indirectly, is left out whole; a test that does so while it runs is left out alone. All of them run in `make test`.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pytest

#: Each takes seconds to import: torch, and what stands on it.
HEAVY = frozenset({"torch", "diffusers", "transformers"})


class Refusing(Loader):
    """Loads nothing: who imports this is left out."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        pytest.skip(f"imports {spec.name}; `make test` runs it", allow_module_level=True)

    def exec_module(self, module: ModuleType) -> None:
        raise NotImplementedError


class WithoutTorch(MetaPathFinder):
    """Finds heavy libraries where they are, so that asking for their place or version works, and loads none."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in HEAVY else None
        if spec is not None:
            spec.loader = Refusing()
        return spec


def pytest_configure() -> None:
    assert not HEAVY & sys.modules.keys(), "a plugin or conftest imported a heavy library before the tests"
    sys.meta_path.insert(0, WithoutTorch())
