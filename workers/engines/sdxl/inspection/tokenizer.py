"""A tokenizer of CLIP and the text encoder it speaks to: one vocabulary, one length, the same special words.

Without its words a tokenizer still loads, knows the special ones alone, and the model paints without having read the prompt.
"""

from pathlib import Path
from typing import Any

from shared.errors import EngineFailed, ModelMissing
from workers.weights.weight_files import json_of

WORDS, OLD_WORDS, MERGES, SETTINGS = "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"
#: What CLIP calls its special words where the settings are silent.
SPECIAL = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}


def inspect(model: Path, part: str, *, vocabulary: int, positions: int) -> None:
    """Raise unless the tokenizer in the model's folder `part` belongs to an encoder of these sizes.

    Raises:
        ModelMissing: a file is missing. EngineFailed: it is another model's.
    """
    settings = json_of(model / part / SETTINGS, f"{part}/{SETTINGS}")
    length = settings.get("model_max_length")
    if length != positions:
        raise EngineFailed(
            f"{part}/{SETTINGS} says {length} tokens (model_max_length), its text encoder reads {positions}"
        )
    name, words = _words(model, part)
    if len(words) != vocabulary:
        raise EngineFailed(
            f"{name} has {len(words):,} words, its text encoder knows {vocabulary:,}: it belongs to another model"
        )
    for role, usual in SPECIAL.items():
        word = _content(settings.get(role)) or usual
        if word not in words:
            raise EngineFailed(f"{name} lacks the special word {word} ({role})")
    if sorted(words.values()) != list(range(vocabulary)):
        raise EngineFailed(f"{name} does not number its words from 0 to {vocabulary - 1:,}")


def _words(model: Path, part: str) -> tuple[str, dict[str, int]]:
    """The file that has them, and word → number."""
    name = f"{part}/{WORDS}"
    if (model / part / WORDS).exists():
        said = json_of(model / part / WORDS, name)
        inner = said.get("model")
        known = inner.get("vocab") if isinstance(inner, dict) else None
        if not isinstance(known, dict):
            raise EngineFailed(f"{name} holds no vocabulary")
        return name, known | {each["content"]: each["id"] for each in said.get("added_tokens") or ()}
    for needed in (OLD_WORDS, MERGES):
        if not (model / part / needed).is_file():
            raise ModelMissing(
                f"{name} is missing (or {OLD_WORDS} with {MERGES}): no prompt could be read", field="model"
            )
    name = f"{part}/{OLD_WORDS}"
    return name, json_of(model / part / OLD_WORDS, name)


def _content(word: Any) -> str | None:
    """A special word as settings have it: as text, or as a described token."""
    return word.get("content") if isinstance(word, dict) else word
