"""Whole models, and copies that may be damaged: files are linked, so a copy costs nothing; write with `put`."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from workers.engines.moondream.toy import build_toy
from workers.engines.sdxl import toy


class Copy:
    """A model's folder to damage."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, data: bytes) -> None:
        """Write one file, whatever lay there; the original stays."""
        (self.folder / name).unlink(missing_ok=True)
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)

    def drop(self, *names: str) -> None:
        for name in names:
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def edit(self, name: str, **changes: Any) -> None:
        """Change entries of a JSON file; None takes one out."""
        said = json.loads((self.folder / name).read_text()) | changes
        self.put(name, json.dumps({key: value for key, value in said.items() if value is not None}).encode())

    def tensors(self, name: str, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
        """Change what a safetensors file holds."""
        changed = {key: value.clone() for key, value in change(load_file(self.folder / name)).items()}
        (self.folder / name).unlink()
        save_file(changed, self.folder / name, metadata={"format": "pt"})

    def without(self, name: str, *marks: str) -> None:
        """Take tensors out whose names begin so."""
        self.tensors(name, lambda found: {key: value for key, value in found.items() if not key.startswith(marks)})


@pytest.fixture(scope="session")
def sdxl_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "sdxl-toy"
    toy.build(folder)
    return folder


@pytest.fixture(scope="session")
def moondream_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "moondream-toy"
    build_toy(folder)
    return folder


@pytest.fixture
def sdxl(sdxl_toy: Path, tmp_path: Path) -> Copy:
    return Copy(Path(shutil.copytree(sdxl_toy, tmp_path / "painter", copy_function=os.link)))


@pytest.fixture
def moondream(moondream_toy: Path, tmp_path: Path) -> Copy:
    return Copy(Path(shutil.copytree(moondream_toy, tmp_path / "talker", copy_function=os.link)))
