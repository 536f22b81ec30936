"""An SDXL model on the disk: a diffusers folder, or a single file with its configurations beside it."""

from pathlib import Path
from typing import Any

from shared.errors import EngineFailed, ModelMissing
from workers.engines.sdxl.inspection import checkpoint, parts, tokenizer
from workers.weights.weight_files import PICKLED, SAFETENSORS, Shapes, json_of, refuse_content, shapes_of

INDEX = "model_index.json"
#: Part → its configuration.
CONFIGS = {
    "unet": "config.json",
    "vae": "config.json",
    "text_encoder": "config.json",
    "text_encoder_2": "config.json",
    "scheduler": "scheduler_config.json",
}
#: Each text encoder's tokenizer.
TOKENIZERS = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}
#: What a part's weights are called.
WEIGHTS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
    "text_encoder_2": "model",
}


def inspect(path: Path) -> None:
    """Raise unless a whole SDXL text-to-image model lies here.

    Raises:
        ModelMissing: a file is missing. EngineFailed: a file is damaged, or another model's.
    """
    if not path.is_dir():
        checkpoint.inspect(path)  # what it is comes before what lies beside it
        checkpoint.inspect_blocks(path, _configs(config_folder(path)))
        return
    configs = _configs(path)
    unet, vae, first, second = (_shapes(path, part) for part in WEIGHTS)
    for part, found in (("text_encoder", first), ("text_encoder_2", second)):
        parts.check_text_encoder(configs[part], found, part, projects=part == "text_encoder_2")
    text_width = sum(int(configs[part]["hidden_size"]) for part in TOKENIZERS)
    parts.check_unet(configs["unet"], unet, text_width, "unet")
    parts.check_vae(configs["vae"], vae, "vae")


def _configs(folder: Path) -> dict[str, dict[str, Any]]:
    """All configurations of a folder, its tokenizers looked at."""
    index = json_of(folder / INDEX, INDEX)
    kind = str(index.get("_class_name", ""))
    if not kind.startswith("StableDiffusionXL"):
        raise EngineFailed(f"it is a {kind or 'nameless'} model by {INDEX}, not an SDXL one")
    for part in (*CONFIGS, *TOKENIZERS.values()):
        if not (index.get(part) or [None])[0]:
            raise EngineFailed(f"{INDEX} names no {part}: a refiner, or half a model, cannot paint from a prompt alone")
    configs = {part: json_of(folder / part / name, f"{part}/{name}") for part, name in CONFIGS.items()}
    for encoder, name in TOKENIZERS.items():
        try:
            vocabulary, positions = configs[encoder]["vocab_size"], configs[encoder]["max_position_embeddings"]
        except KeyError as exc:
            raise EngineFailed(f"{encoder}/config.json is no text encoder's: it has no {exc}") from exc
        if positions != parts.POSITIONS:
            raise EngineFailed(f"{encoder}/config.json says {positions} positions, CLIP has {parts.POSITIONS}")
        tokenizer.inspect(folder, name, vocabulary=vocabulary, positions=positions)
    return configs


def _shapes(folder: Path, part: str) -> Shapes:
    """The tensors of all files of a part that would be loaded."""
    files = weights_of_part(folder, part)
    if not files:
        raise _missing(folder, part)
    shards = _shards_named(folder, part, files)
    for shard in shards.values():
        refuse_content(folder / part / shard, f"{part}/{shard}")
    headers = {file.name: shapes_of(file, f"{part}/{file.name}") for file in files}
    for key, shard in shards.items():
        if key not in headers.get(shard, {}):
            raise EngineFailed(f"the index of {part} looks for {key} in {shard}, which does not have it")
    return {key: shape for header in headers.values() for key, shape in header.items()}


def _missing(folder: Path, part: str) -> Exception:
    name = f"{part}/{WEIGHTS[part]}{SAFETENSORS}"
    pickled = [file.name for file in (folder / part).glob("*") if file.suffix.lower() in PICKLED]
    if pickled:
        return EngineFailed(f"{name} is missing, and {part}/{pickled[0]} is pickled: convert it to safetensors")
    return ModelMissing(f"{name} is missing", field="model")


def _shards_named(folder: Path, part: str, files: list[Path]) -> dict[str, str]:
    """Tensor → file, by the index of a part that lies in several files; else nothing."""
    if not any("-of-" in file.name for file in files):
        return {}
    variant = variant_of(folder)
    name = f"{WEIGHTS[part]}{SAFETENSORS}.index{f'.{variant}' if variant else ''}.json"
    shards = json_of(folder / part / name, f"{part}/{name}").get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        raise EngineFailed(f"{part}/{name} has no weight_map")
    return shards


def weights_of_part(folder: Path, part: str) -> list[Path]:
    """The weight files of a part that would be loaded, endings in any case; none: they are named otherwise."""
    variant, found = variant_of(folder), _safetensors(folder / part)
    return [file for file in found if (f".{variant}" in file.name if variant else file.name.count(".") == 1)]


def variant_of(folder: Path) -> str | None:
    """The precision in the UNet's file names (`….fp16.safetensors`), if the plain name is not there."""
    stem = WEIGHTS["unet"]
    names = [file.name for file in _safetensors(folder / "unet") if file.name.startswith(stem)]
    if not names or any(name.count(".") == 1 for name in names):
        return None
    return names[0].removeprefix(f"{stem}.").split(".")[0].split("-")[0]


def _safetensors(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == SAFETENSORS)


def config_folder(file: Path) -> Path:
    """Where the configurations and tokenizers of a single file lie.

    Raises:
        ModelMissing: nowhere.
    """
    for folder in (file.with_suffix(""), file.parent / "config", file.parent):
        if (folder / INDEX).exists() and (folder / "tokenizer").is_dir():
            return folder
    raise ModelMissing(
        f"{file.name} holds weights only; put a diffusers folder's configurations and tokenizers into {file.stem}/ or "
        "config/ beside it",
        field="model",
    )
