"""Stage 5: Moondream 2 at full size: tokens a second that were really said, and peaks, at 1, 4 and 16 answers."""

from typing import Any

import numpy as np
import torch
from PIL import Image

from tests.bench.card.where import MIB, Where
from workers.engines.moondream.model import Moondream
from workers.engines.moondream.network import Network
from workers.engines.moondream.requests import CaptionRequest, Sampling
from workers.engines.moondream.tokenizer import small_tokenizer
from workers.engines.moondream.toy import prefer_letters

ANSWERS = (1, 4, 16)
PICTURE_PX = 800
MAX_TOKENS = 64


@torch.inference_mode()
def run(where: Where) -> dict[str, Any]:
    return {name: _in_precision(where, dtype) for name, dtype in where.dtypes.items()}


def _in_precision(where: Where, dtype: torch.dtype) -> dict[str, Any]:
    network, tokenizer = where.module(lambda: Network(where.moondream), dtype), small_tokenizer()
    prefer_letters(network, tokenizer)
    model, found = Moondream(network, tokenizer), {}
    found["weights_mib"] = round(sum(p.nbytes for p in network.parameters()) / MIB)
    for answers in ANSWERS[:2] if where.is_dry else ANSWERS:
        found[f"{answers} answers"] = _asked(where, model, answers)
        where.free()
    return found


def _asked(where: Where, model: Moondream, answers: int) -> dict[str, Any]:
    side = 64 if where.is_dry else PICTURE_PX
    pixels = np.random.default_rng(3).integers(0, 256, (answers, side, side, 3), dtype=np.uint8)
    pictures = [Image.fromarray(one) for one in pixels]
    encode = where.peaks(lambda: model.encode(pictures))
    encode_s = where.seconds(lambda: model.encode(pictures))
    sampling = Sampling(temperature=0.0, max_tokens=8 if where.is_dry else MAX_TOKENS)
    requests = [CaptionRequest(prefix, "normal", sampling) for prefix in model.encode(pictures)]
    said: list[Any] = []
    peaks = where.peaks(lambda: said.extend(model.answer(requests)))
    said.clear()
    took_s = where.seconds(lambda: said.extend(model.answer(requests)))
    tokens = sum(answer.completion_tokens for answer in said)
    return {
        "tokens": tokens,
        "tokens_per_s": round(tokens / took_s, 1),
        "answering": peaks,
        "encode_s": round(encode_s, 3),
        "encoding": encode,
    }
