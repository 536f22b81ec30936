"""Prompts that a model has encoded lately: jobs that differ in their seeds, sizes or steps have it done once.

The last ones used are kept, as far as `MOST_MIB` goes, and they go with the model's way off its device. What is kept equals
what would be encoded to the last bit: the number of CPU threads, by which sums round, is part of what is asked for.
"""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from workers.engines.sdxl.prompt_encoding import Conditioning, encode

#: A prompt with its negative one takes 1.3 MiB in fp32 for each 75 tokens.
MOST_MIB = 24

Asked = tuple[str, str, bool, int]
Visits = Callable[[], AbstractContextManager[object]]


class PromptCache:
    """The conditionings of one model."""

    def __init__(self, pipe: Any, visits: Visits = nullcontext) -> None:
        """
        Args:
            pipe: an SDXL pipeline of diffusers.
            visits: around whatever its text encoders do.
        """
        self._pipe = pipe
        self._visits = visits
        self._kept: OrderedDict[Asked, Conditioning] = OrderedDict()

    def encode(self, prompt: str, negative_prompt: str, *, guided: bool) -> Conditioning:
        """See `prompt_encoding.encode`. Nobody may change what it returns in place."""
        asked = (prompt, negative_prompt if guided else "", guided, torch.get_num_threads())
        if asked not in self._kept:
            with self._visits():
                self._kept[asked] = encode(self._pipe, prompt, negative_prompt, guided=guided)
        self._kept.move_to_end(asked)
        self._shrink()
        return self._kept[asked]

    def forget(self) -> None:
        """Give up all of it; samples keep theirs."""
        self._kept.clear()

    def _shrink(self) -> None:
        while len(self._kept) > 1 and sum(map(_bytes, self._kept.values())) > MOST_MIB * 2**20:
            self._kept.popitem(last=False)


def _bytes(kept: Conditioning) -> int:
    tensors = (kept.prompt, kept.pooled, kept.negative, kept.negative_pooled)
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)
