"""The toy SDXL, built and loaded once for all tests of the engine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.workers.engines.parts import UNSLICED, toy_card
from workers.engines.sdxl import engine as sdxl
from workers.engines.sdxl import toy as sdxl_toy
from workers.engines.torch_tools import traced


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """More threads than free cores make OpenMP wait busily: 30 times slower here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "sdxl-toy"
    sdxl_toy.build(folder)
    return folder


@pytest.fixture(scope="session")
def engine(toy_folder: Path) -> sdxl.SdxlEngine:
    """It has worked for a while, so its passes are traced: what it paints is to be the same."""
    engine = sdxl.load(toy_card(), toy_folder, UNSLICED)
    for _ in range(traced.AFTER):
        engine.smallest_call()
    return engine


@pytest.fixture(scope="session")
def plain(toy_folder: Path) -> Any:
    """diffusers alone, as its documentation shows it."""
    from diffusers import StableDiffusionXLPipeline

    pipe = StableDiffusionXLPipeline.from_pretrained(toy_folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session")
def plain_img2img(toy_folder: Path) -> Any:
    from diffusers import StableDiffusionXLImg2ImgPipeline

    pipe = StableDiffusionXLImg2ImgPipeline.from_pretrained(toy_folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe
