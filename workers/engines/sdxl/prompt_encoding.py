"""Prompts of any length → the text conditioning of SDXL.

CLIP reads 77 tokens: a start, 75 of the prompt, an end. Longer prompts are cut into chunks of 75, each read on its own,
and the results are laid end to end for the UNet's cross attention; the pooled vector is the first chunk's (the way of
the A1111 web UI, without its preference for cutting at commas). Nothing is truncated. Up to 75 tokens there is one
chunk, and the result equals plain diffusers to the last bit.

Prompt and negative prompt must have equally many chunks; the shorter is continued with empty ones.
"""

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Conditioning:
    """What the UNet is told about one picture. Negative parts are None where guidance is off."""

    #: (1, 77 × chunks, width of both encoders).
    prompt: torch.Tensor
    #: (1, width of the second encoder).
    pooled: torch.Tensor
    negative: torch.Tensor | None = None
    negative_pooled: torch.Tensor | None = None

    @property
    def tokens(self) -> int:
        """Only conditionings of one length can share a pass."""
        return self.prompt.shape[1]


def encode(pipe: Any, prompt: str, negative_prompt: str, *, guided: bool) -> Conditioning:
    """Encode one prompt for one picture.

    An empty negative prompt means "none given", as leaving it out does in diffusers: models whose configuration says
    `force_zeros_for_empty_prompt` (SDXL's does) then get zeros, the others the encoding of the empty text.

    Args:
        pipe: an SDXL pipeline of diffusers.
        guided: whether classifier-free guidance is on and a negative part is needed.
    """
    zeros = not negative_prompt and pipe.config.force_zeros_for_empty_prompt
    texts = [prompt, negative_prompt] if guided and not zeros else [prompt]
    chunks = max(_chunks_needed(tokenizer, text) for tokenizer, _ in _readers(pipe) for text in texts)
    positive, pooled = _read(pipe, prompt, chunks)
    if not guided:
        return Conditioning(positive, pooled)
    if zeros:
        return Conditioning(positive, pooled, torch.zeros_like(positive), torch.zeros_like(pooled))
    return Conditioning(positive, pooled, *_read(pipe, negative_prompt, chunks))


def _readers(pipe: Any) -> list[tuple[Any, Any]]:
    return [(pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)]


@torch.no_grad()
def _read(pipe: Any, text: str, chunks: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The hidden states of both encoders side by side, chunks end to end, and the pooled vector of the first chunk."""
    device = pipe._execution_device
    widths = []
    for tokenizer, encoder in _readers(pipe):
        ids = torch.tensor(token_chunks(tokenizer, text, chunks), device=device)
        answer = encoder(ids, output_hidden_states=True)
        # SDXL was trained on the last layer but one, without the final norm.
        widths.append(answer.hidden_states[-2].flatten(0, 1).unsqueeze(0))
    # The second encoder answers with its projected vector first.
    pooled = answer[0][:1]
    states = torch.concat(widths, dim=-1)
    return states.to(dtype=pipe.text_encoder_2.dtype, device=device), pooled


def token_chunks(tokenizer: Any, text: str, chunks: int) -> list[list[int]]:
    """`chunks` rows of `model_max_length` ids: start, up to 75 tokens, end, padding."""
    size = tokenizer.model_max_length
    ids = _token_ids(tokenizer, text)
    rows = []
    for number in range(chunks):
        part = ids[number * (size - 2) : (number + 1) * (size - 2)]
        row = [tokenizer.bos_token_id, *part, tokenizer.eos_token_id]
        rows.append(row + [tokenizer.pad_token_id] * (size - len(row)))
    return rows


def _chunks_needed(tokenizer: Any, text: str) -> int:
    return max(1, -(-len(_token_ids(tokenizer, text)) // (tokenizer.model_max_length - 2)))


def _token_ids(tokenizer: Any, text: str) -> list[int]:
    # verbose=False: the tokenizer would warn of long texts, which are welcome here.
    return tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids
