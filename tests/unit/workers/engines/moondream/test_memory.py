"""The arithmetic of memory against the tensors that the published model really keeps alive, counted without any memory."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.bench.activation_peaks import LiveBytes, in_dtype
from workers.engines.moondream.config import MOONDREAM_2B, PICTURES_PER_PASS
from workers.engines.moondream.memory import asking_nbytes, looking_nbytes
from workers.engines.moondream.model import Moondream
from workers.engines.moondream.network import Network
from workers.engines.moondream.text import KVCache, causal_mask
from workers.engines.moondream.vision import Crops

MIB = 2**20
VISION, TEXT = MOONDREAM_2B.vision, MOONDREAM_2B.text
#: What a plan may be above what is alive; below it must never be.
ABOVE = 1.2


@pytest.fixture(scope="module")
def model():
    """Moondream 2 itself, its tensors fake."""
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), in_dtype(torch.bfloat16):
        made = Moondream.__new__(Moondream)
        made.network, made.config = Network(MOONDREAM_2B), MOONDREAM_2B
        yield made


@pytest.mark.parametrize("pictures", [1, 2, PICTURES_PER_PASS])
def test_looking_takes_what_was_planned(model, pictures):
    """The largest pictures there are: twelve crops and the whole."""
    pixels = torch.empty(13, 3, VISION.crop_px, VISION.crop_px, dtype=torch.uint8)
    with LiveBytes(model.network) as live:
        tokens = model.network.vision.encode([Crops(pixels, 3, 4)] * pictures)
        model._prefixes(tokens)

    assert live.peak <= looking_nbytes(MOONDREAM_2B, pictures, 2) <= ABOVE * live.peak


@pytest.mark.parametrize("answers", [1, 16])
def test_asking_takes_what_was_planned(model, answers):
    """About one picture, to the last of 768 tokens; the cache grows on the way."""
    prefix = torch.empty(TEXT.layers, 2, TEXT.kv_heads, 730, TEXT.head_dim)
    with LiveBytes(model.network) as live:
        kept = prefix.clone()
        cache = KVCache(TEXT, answers, 730 + 24 + 128, like=model.network.text.wte)
        for length in (730 + 24 + 129, 730 + 24 + 768):
            cache.grow(length)
        hidden = torch.empty(answers, 1, TEXT.dim)
        positions = torch.full((answers, 1), length - 1)
        model.network.text(hidden, positions, causal_mask(positions, length), cache)
        model.network.text.logits(hidden[:, -1]).float().sort()

    assert kept.nbytes == MOONDREAM_2B.prefix_nbytes(2)
    assert live.peak <= asking_nbytes(MOONDREAM_2B, answers, 1, 2) <= ABOVE * live.peak


def test_pictures_are_stacked_once():
    """Eight prefixes took 2,372 MiB while they were made, when each was copied out of a cache in two steps."""
    assert looking_nbytes(MOONDREAM_2B, 8, 2) < 1500 * MIB


def test_more_answers_or_pictures_never_take_less():
    for count in range(1, 20):
        assert asking_nbytes(MOONDREAM_2B, count + 1, 1, 2) > asking_nbytes(MOONDREAM_2B, count, 1, 2)
        assert looking_nbytes(MOONDREAM_2B, count + 1, 2) >= looking_nbytes(MOONDREAM_2B, count, 2)
