"""Reads an SDXL model from disk, offline: a diffusers folder, or a single safetensors file.

A single file holds weights only. The configurations and tokenizers it needs must lie beside it as in a diffusers
folder without weights (`darkroom pull` fetches them with the file). Pickled weights are never read: they can run code.

What lies there is looked at before it is loaded (`inspection`), and what was loaded afterwards: the libraries go on
without a missing tensor, with one that is made up or with none, and without a tokenizer's words.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, StableDiffusionXLPipeline

from shared.errors import DarkroomError, EngineFailed, ModelMissing
from workers.engines.sdxl.inspection import model as inspection
from workers.engines.sdxl.inspection.model import config_folder, weights_of_part
from workers.engines.torch_tools.out_of_vram import is_out_of_vram
from workers.weights.weight_files import SAFETENSORS, first_words, refuse_missing, shapes_of


def read(
    path: Path, dtype: torch.dtype | Mapping[str, torch.dtype], given: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    """A `StableDiffusionXLPipeline` in host memory.

    Args:
        dtype: of all parts, or by part, `default` for those not named.
        given: parts of a folder's model that are loaded already, by name; they are taken as they are.

    Raises:
        ModelMissing: nothing there, or a part of it is missing; the message names the file.
        EngineFailed: there, but not an SDXL model, or damaged; one sentence says what, without the server's paths.
    """
    if not path.exists():
        raise ModelMissing(f"the weights of {path.name} are not here", field="model")
    _be_quiet()
    try:
        inspection.inspect(path)
        with _plainly_named(path) as named:
            pipe = _read_folder(named, dtype, given) if path.is_dir() else _read_file(named, config_folder(path), dtype)
            _refuse_half(pipe, named, given)
    except DarkroomError as exc:
        raise type(exc)(f"{path.name} cannot be loaded as SDXL: {exc.message}", field=exc.field) from exc
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, IndexError, AttributeError) as exc:
        if is_out_of_vram(exc):
            raise
        raise EngineFailed(f"{path.name} cannot be loaded as SDXL: {_told(exc, path)}") from exc
    return pipe


def _told(exc: Exception, path: Path) -> str:
    """A library's words; those for a part that nothing was read for ("Cannot copy out of meta tensor") in ours."""
    return "it is not whole, tensors are missing" if "meta tensor" in str(exc) else first_words(exc, path, path.parent)


def _read_folder(folder: Path, dtype: torch.dtype | Mapping[str, torch.dtype], given: Mapping[str, Any]) -> Any:
    return StableDiffusionXLPipeline.from_pretrained(
        folder,
        **given,
        dtype=dtype if isinstance(dtype, torch.dtype) else dict(dtype),
        variant=inspection.variant_of(folder),
        use_safetensors=True,
        local_files_only=True,
        add_watermarker=False,
    )


def _read_file(file: Path, configs: Path, dtype: torch.dtype | Mapping[str, torch.dtype]) -> Any:
    """diffusers gives all parts of a single file one dtype; a VAE that wants another is read on its own."""
    how = {"config": str(configs), "local_files_only": True}
    if isinstance(dtype, torch.dtype):
        return StableDiffusionXLPipeline.from_single_file(str(file), **how, dtype=dtype, add_watermarker=False)
    vae = AutoencoderKL.from_single_file(str(file), **how, subfolder="vae", dtype=dtype.get("vae", dtype["default"]))
    return StableDiffusionXLPipeline.from_single_file(
        str(file), **how, dtype=dtype["default"], add_watermarker=False, vae=vae
    )


@contextmanager
def _plainly_named(path: Path) -> Iterator[Path]:
    """The same model under names that the libraries know: they tell formats apart by an ending in small letters.

    What a file really is has been looked at; a safetensors file that is called `.SAFETENSORS` or `.ckpt` is welcome.
    """
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    odd = {file for file in files if _is_oddly_named(file, is_checkpoint=path.is_file())}
    if not odd:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="darkroom-names-") as view:
        for file in files:
            link = Path(view, path.name, file.relative_to(path)) if path.is_dir() else Path(view, file.name)
            link = link.with_suffix(SAFETENSORS) if file in odd else link
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())
        yield Path(view, path.name) if path.is_dir() else link


def _is_oddly_named(file: Path, *, is_checkpoint: bool) -> bool:
    return file.suffix != SAFETENSORS and (is_checkpoint or file.suffix.lower() == SAFETENSORS)


def _refuse_half(pipe: Any, path: Path, given: Mapping[str, Any]) -> None:
    """Raise EngineFailed for weights that no file had, and for tokenizers with another vocabulary than their encoders."""
    for part in inspection.WEIGHTS:
        if part in given:
            continue  # looked at when it was read
        module = getattr(pipe, part)
        hollow = [name for name, tensor in module.state_dict().items() if tensor.is_meta]
        if hollow:
            raise EngineFailed(f"{part} is not whole: nothing was read for {hollow[0]} ({len(hollow)} tensors)")
        if path.is_dir():
            headers = [shapes_of(file, f"{part}/{file.name}") for file in weights_of_part(path, part)]
            found = {_plain(name): shape for header in headers for name, shape in header.items()}
            refuse_missing([_plain(name) for name in module.state_dict()], found, part, "model's part")
    for encoder, tokenizer in inspection.TOKENIZERS.items():
        words = getattr(pipe, encoder).get_input_embeddings().num_embeddings
        if len(getattr(pipe, tokenizer)) != words:
            raise EngineFailed(f"{tokenizer} has {len(getattr(pipe, tokenizer))} words, {encoder} knows {words}")


def _plain(name: str) -> str:
    """Old text encoders have everything under one more name."""
    return name.removeprefix("text_model.")


def _be_quiet() -> None:
    """Loading bars and notes on unused settings are for terminals, not for a worker's log."""
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
