"""Sentences as vectors: a small BERT whose last layer is averaged over the words (the layout of sentence-transformers).

Always in fp32: a vector of a query and those that it is compared with may come from different workers, and 22 million
parameters are too few for anything less to pay. Loaded by transformers alone, from files on the disk.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL.Image import Image
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModel

from shared.errors import EngineFailed
from shared.models.catalogue import ModelCard
from workers.engines.base import EngineKind, LoadPlan
from workers.engines.encoders.directions import directions
from workers.engines.encoders.inspection import TOKENIZER, folder_of, inspect_minilm
from workers.engines.torch_tools.out_of_vram import free_cache, named_out_of_vram
from workers.weights.weight_files import first_words

MIB = 2**20
#: Words and parts of words that are read of a text: what it was trained with. The rest is cut off.
MAX_TOKENS = 256


def load(card: ModelCard, path: Path, plan: LoadPlan) -> "MiniLm":
    """Put the model on the plan's device.

    Raises:
        ModelMissing, EngineFailed: a file is missing or damaged. OutOfVram: it does not fit the device.
    """
    inspect_minilm(path)
    folder = folder_of(path)
    try:
        network, told = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            trust_remote_code=False,
            output_loading_info=True,
        )
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as exc:  # tokenizers' errors have no class of their own
        raise EngineFailed(f"{card.id} cannot be loaded: {first_words(exc, folder, path)}") from exc
    if made_up := [*told["missing_keys"], *told["mismatched_keys"]]:
        # transformers fills these with random numbers and goes on.
        raise EngineFailed(f"{card.id} is not whole: it lacks {made_up[0]} ({len(made_up)} tensors)")
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    with named_out_of_vram(f"loading {card.id}"):
        return MiniLm(card, network.eval().requires_grad_(False).to(plan.device), tokenizer)


class MiniLm:
    """The loaded encoder; see `Embedding`."""

    vector_version = 1

    def __init__(self, card: ModelCard, network: nn.Module, tokenizer: Tokenizer) -> None:
        self.card = card
        self._network = network
        self._tokenizer = tokenizer

    def held_mib(self) -> int:
        return -(-sum(tensor.nbytes for tensor in self._network.state_dict().values()) // MIB)

    def close(self) -> None:
        del self._network
        free_cache()

    def smallest_call(self) -> None:
        self.embed_texts(["a"])

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        device = next(self._network.parameters()).device
        read = self._tokenizer.encode_batch(list(texts))
        with named_out_of_vram(f"{self.card.id} on {len(texts)} texts"):
            ids = torch.tensor([each.ids for each in read], device=device)
            mask = torch.tensor([each.attention_mask for each in read], device=device)
            words: Tensor = self._network(input_ids=ids, attention_mask=mask).last_hidden_state
            is_word = mask.unsqueeze(-1).float()
            return directions((words * is_word).sum(1) / is_word.sum(1), "text")

    def embed_pictures(self, pictures: Sequence[Image]) -> np.ndarray:
        raise EngineFailed(f"{self.card.id} knows words only")


KIND = EngineKind(load=load)
