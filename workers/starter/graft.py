"""Start a stage from weights that were exported before, though the vocabulary has grown since.

All tensors but the word tables are taken as they are. A word table's rows go by symbol, not by number: a symbol that
the old vocabulary has keeps its row, a new one starts as the word it stands for (`kin`), else as the mean of the pieces
that spelled it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from diffusers import UNet2DConditionModel
from tokenizers import Tokenizer, decoders
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from workers.engines.moondream.model import Moondream
from workers.starter.tokens import clip_tokenizers
from workers.starter.wording import word_kin

#: The vision model's tables with one row for each token.
READER_TABLES = ("text.wte", "text.lm_head")


@dataclass(frozen=True)
class Vocabulary:
    """Symbols with their numbers; `spell` gives the numbers of a symbol's text."""

    numbers: Mapping[str, int]
    spell: Callable[[str], list[int]]


def rows_by_symbol(rows: Tensor, old: Vocabulary, new: Vocabulary, kin: Mapping[str, str]) -> Tensor:
    """The rows of the new vocabulary, made from those of the old one; (V, …) each."""
    grown = rows.new_empty(len(new.numbers), *rows.shape[1:])
    for symbol, number in new.numbers.items():
        known = symbol if symbol in old.numbers else kin.get(symbol, "")
        numbers = [old.numbers[known]] if known in old.numbers else old.spell(symbol)
        grown[number] = rows[numbers].mean(0)
    return grown


def graft_painter(modules: nn.ModuleDict, folder: Path) -> None:
    """Load UNet and text encoders of an exported pipeline into the modules under training."""
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    modules["unet"].load_state_dict(unet.float().state_dict())
    stored = {"first": CLIPTextModel, "second": CLIPTextModelWithProjection}
    for name, part, tokenizer in zip(stored, ("", "_2"), clip_tokenizers(), strict=True):
        encoder = stored[name].from_pretrained(folder / f"text_encoder{part}").float()
        old = CLIPTokenizer.from_pretrained(folder / f"tokenizer{part}")
        state = encoder.state_dict()
        table = next(key for key in state if key.endswith("token_embedding.weight"))
        state[table] = rows_by_symbol(state[table], _of_clip(old), _of_clip(tokenizer), _clip_kin())
        modules[name].load_state_dict(state)


def graft_reader(network: nn.Module, tokenizer: Tokenizer, folder: Path) -> None:
    """Load an exported vision model into the network under training."""
    stored = Moondream.load(folder)
    old, new = _of_bytes(stored.tokenizer), _of_bytes(tokenizer)
    state = {name: value.float() for name, value in stored.network.state_dict().items()}
    for name in [name for name in state if name.startswith(READER_TABLES)]:
        state[name] = rows_by_symbol(state[name], old, new, {})
    network.load_state_dict(state)


def _of_clip(tokenizer: CLIPTokenizer) -> Vocabulary:
    def spell(symbol: str) -> list[int]:
        return tokenizer(symbol.removesuffix("</w>"), add_special_tokens=False)["input_ids"]

    return Vocabulary(tokenizer.get_vocab(), spell)


def _clip_kin() -> dict[str, str]:
    return {f"{word}</w>": f"{other}</w>" for word, other in word_kin().items()}


def _of_bytes(tokenizer: Tokenizer) -> Vocabulary:
    def spell(symbol: str) -> list[int]:
        return tokenizer.encode(decoders.ByteLevel().decode([symbol])).ids

    return Vocabulary(tokenizer.get_vocab(), spell)
