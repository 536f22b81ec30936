"""A Moondream on the disk: weights, sizes and tokenizer of one model."""

from pathlib import Path

from shared.errors import EngineFailed
from workers.engines.moondream.config import MOONDREAM_2B, MoondreamConfig, TokenConfig
from workers.weights.weight_files import json_of, refuse_missing, shapes_of

WEIGHTS, CONFIG, WORDS = "model.safetensors", "config.json", "tokenizer.json"
#: The section of the configuration that describes the sizes; the published model has none.
SIZES_KEY = "darkroom"
#: Where the tokenizer lies when it comes from a repository of its own.
TOKENIZER_FOLDER = "tokenizer"


def inspect(folder: Path, tokenizer_folder: Path | None = None) -> None:
    """Raise unless a whole Moondream lies here.

    Raises:
        ModelMissing: a file is missing. EngineFailed: a file is damaged, or another model's.
    """
    found = {key.removeprefix("model."): shape for key, shape in shapes_of(folder / WEIGHTS, WEIGHTS).items()}
    config = config_of(folder)
    wanted = ["text.wte", "text.lm_head.weight", "vision.patch_emb.weight", "region.coord_decoder.fc2.weight"]
    wanted += [f"text.blocks.{number}.mlp.fc1.weight" for number in range(config.text.layers)]
    wanted += [f"vision.blocks.{number}.mlp.fc1.weight" for number in range(config.vision.layers)]
    refuse_missing(wanted, found, WEIGHTS, "Moondream")
    sizes = (config.text.vocab, config.text.dim)
    if found["text.wte"] != sizes:
        raise EngineFailed(f"{WEIGHTS} has words of size {found['text.wte']}, {CONFIG} says {sizes}")
    _inspect_words(tokenizer_folder or folder, folder, config)


def config_of(folder: Path) -> MoondreamConfig:
    """The sizes in a folder's configuration; the 2B model's where it gives none.

    Raises:
        EngineFailed: it cannot be read, or names what no Moondream has.
    """
    sizes = json_of(folder / CONFIG, CONFIG).get(SIZES_KEY) if (folder / CONFIG).is_file() else None
    if sizes is None:
        return MOONDREAM_2B
    try:
        return MoondreamConfig.from_dict(sizes)
    except (TypeError, AttributeError) as exc:
        raise EngineFailed(f"{CONFIG}: {exc}") from exc


def _inspect_words(folder: Path, model: Path, config: MoondreamConfig) -> None:
    """Raise unless the tokenizer's words fit the model, and all that mean something to it are there."""
    name = WORDS if folder == model else f"{folder.name}/{WORDS}"
    said = json_of(folder / WORDS, name)
    inner = said.get("model")
    known = inner.get("vocab") if isinstance(inner, dict) else None
    if not isinstance(known, dict) or not known:
        raise EngineFailed(f"{name} holds no vocabulary")
    numbers = {*known.values(), *(each["id"] for each in said.get("added_tokens") or ())}
    if max(numbers) >= config.text.vocab:
        raise EngineFailed(
            f"{name} numbers its words up to {max(numbers):,}, {WEIGHTS} knows {config.text.vocab:,}: "
            "it belongs to another model"
        )
    if missing := sorted(_special(config.tokens) - numbers):
        raise EngineFailed(f"{name} lacks the special word number {missing[0]}: it belongs to another model")


def _special(tokens: TokenConfig) -> set[int]:
    """All numbers that the model was trained to read as something."""
    found: set[int] = set()
    for value in vars(tokens).values():
        found |= set(value) if isinstance(value, tuple) else {value}
    return found
