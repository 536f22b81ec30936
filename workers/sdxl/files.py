"""Reads an SDXL model from disk, offline: a diffusers folder, or a single `.safetensors` file.

A single file holds weights only. The configurations and tokenizers it needs must lie beside it as in a diffusers
folder without weights (`darkroom pull` fetches them with the file). Pickled weights are never read: they can run code.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import diffusers
import torch
import transformers
from diffusers import StableDiffusionXLPipeline

from shared.errors import EngineFailed, ModelMissing

INDEX = "model_index.json"
WEIGHTS = "diffusion_pytorch_model"


def read(path: Path, dtype: torch.dtype, given: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """A `StableDiffusionXLPipeline` in host memory.

    Args:
        given: parts of a folder's model that are loaded already, by name; they are taken as they are.

    Raises:
        ModelMissing: nothing there, or a single file without its configurations.
        EngineFailed: there, but not an SDXL model, or broken; the message has the library's words.
    """
    if not path.exists():
        raise ModelMissing(f"no weights at {path}", field="model")
    _be_quiet()
    try:
        return _read_folder(path, dtype, given) if path.is_dir() else _read_file(path, dtype)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as exc:
        raise EngineFailed(f"{path.name} cannot be loaded as SDXL: {str(exc).strip()[:500]}") from exc


def _read_folder(folder: Path, dtype: torch.dtype, given: Mapping[str, Any]) -> Any:
    kind = json.loads((folder / INDEX).read_text()).get("_class_name", "")
    if not kind.startswith("StableDiffusionXL"):
        raise EngineFailed(f"{folder.name} is a {kind or 'nameless'} model, not an SDXL one")
    return StableDiffusionXLPipeline.from_pretrained(
        folder,
        **given,
        dtype=dtype,
        variant=_variant(folder),
        use_safetensors=True,
        local_files_only=True,
        add_watermarker=False,
    )


def weights_of_part(folder: Path, part: str) -> list[Path]:
    """The weight files of a part that `read` would load; none: they are named otherwise."""
    variant, found = _variant(folder), sorted((folder / part).glob("*.safetensors"))
    return [file for file in found if (f".{variant}" in file.name if variant else file.name.count(".") == 1)]


def _variant(folder: Path) -> str | None:
    """The precision in the UNet's file names (`….fp16.safetensors`), if the plain name is not there."""
    names = sorted(file.name for file in (folder / "unet").glob(f"{WEIGHTS}*.safetensors"))
    if not names or any(name == f"{WEIGHTS}.safetensors" or name.startswith(f"{WEIGHTS}-") for name in names):
        return None
    return names[0].removeprefix(f"{WEIGHTS}.").split(".")[0].split("-")[0]


def _read_file(file: Path, dtype: torch.dtype) -> Any:
    return StableDiffusionXLPipeline.from_single_file(
        str(file), config=str(config_folder(file)), dtype=dtype, local_files_only=True, add_watermarker=False
    )


def config_folder(file: Path) -> Path:
    """Where the configurations and tokenizers of a single file lie.

    Raises:
        ModelMissing: nowhere.
    """
    candidates = (file.with_suffix(""), file.parent / "config", file.parent)
    for folder in candidates:
        if (folder / INDEX).exists() and (folder / "tokenizer").is_dir():
            return folder
    places = ", ".join(str(folder) for folder in candidates)
    raise ModelMissing(
        f"{file.name} holds weights only; put a diffusers folder's configurations and tokenizers in one of {places}",
        field="model",
    )


def _be_quiet() -> None:
    """Loading bars and notes on unused settings are for terminals, not for a worker's log."""
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
