"""Full-size models, written once; everything here but the rig's own test needs a CUDA card.

A machine that is rented for its card may have no network and few packages: `pytest tests/gpu --confcutdir=tests/gpu` asks
for no web side, no Redis and none of the plugins.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.gpu.full_size import write_moondream, write_sdxl
from tests.gpu.gpu_rig import CardRig

DEVICE = "cuda:0"


def pytest_configure(config: pytest.Config) -> None:
    """Marks that a plugin would bring, or the project's configuration where that was not carried along."""
    config.addinivalue_line("markers", "timeout(seconds): pytest-timeout's, where it is installed")
    config.addinivalue_line("markers", "gpu: needs a CUDA card; skipped without one")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    without = pytest.mark.skip(reason="no CUDA card")
    for item in items:
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(without)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Catalogue id → folder: SDXL and Moondream 2 at their published sizes (10.4 GB on disk)."""
    folder = tmp_path_factory.mktemp("full-size")
    write_sdxl(folder / "sdxl", DEVICE)
    write_moondream(folder / "moondream-2", DEVICE)
    torch.cuda.empty_cache()
    return {"sdxl": folder / "sdxl", "moondream-2": folder / "moondream-2"}


@pytest.fixture
def card(models: dict[str, Path]) -> Iterator[Callable[..., CardRig]]:
    """Makes rigs on the card, and clears it afterwards."""
    rigs: list[CardRig] = []

    def make(limit_gib: float, *names: str, **how: object) -> CardRig:
        chosen = {name: models[name] for name in names or models}
        rigs.append(CardRig(chosen, round(limit_gib * 1024), device=DEVICE, **how))  # type: ignore[arg-type]
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()
