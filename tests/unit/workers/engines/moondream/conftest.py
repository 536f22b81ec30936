"""A toy Moondream of the real architecture, loaded once for all tests of this folder, and pictures of several shapes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from workers.engines.moondream.model import Moondream
from workers.engines.moondream.requests import Prefix
from workers.engines.moondream.toy import build_toy

torch.set_num_threads(1)  # two threads on busy cores wait for each other


def noise(width: int, height: int, seed: int) -> Image.Image:
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy-moondream")
    build_toy(folder)
    return folder


@pytest.fixture(scope="session")
def moondream(snapshot: Path) -> Moondream:
    return Moondream.load(snapshot)


@pytest.fixture(scope="session")
def pictures() -> list[Image.Image]:
    """One crop, several crops, and a shape that meets the limit of crops."""
    return [noise(60, 50, 1), noise(150, 200, 2), noise(400, 90, 3)]


@pytest.fixture(scope="session")
def prefixes(moondream: Moondream, pictures: list[Image.Image]) -> list[Prefix]:
    return moondream.encode(pictures)
