"""The cache equals no cache, positions are each sequence's own, and the rotation keeps its odd order."""

import torch

from workers.engines.moondream.prompts import Coord, Size, Token, place
from workers.engines.moondream.text import KVCache, causal_mask, prefix_mask, rotate, rotation


def test_one_token_at_a_time_equals_all_at_once(moondream):
    text = moondream.network.text
    x = torch.randn(2, 9, moondream.config.text.dim)
    positions = torch.arange(9).expand(2, -1)
    cache = KVCache(moondream.config.text, 2, 4, like=x)

    whole = text(x, positions, causal_mask(positions, 9))
    steps = []
    for at in range(9):
        cache.grow(at + 1)
        here = positions[:, at : at + 1]
        steps.append(text(x[:, at : at + 1], here, causal_mask(here, at + 1), cache))

    torch.testing.assert_close(torch.cat(steps, 1), whole, rtol=0, atol=1e-5)


def test_a_kept_row_goes_on_as_before(moondream):
    text = moondream.network.text
    x = torch.randn(3, 4, moondream.config.text.dim)
    positions = torch.arange(4).expand(3, -1)
    cache = KVCache(moondream.config.text, 3, 8, like=x)
    text(x, positions, causal_mask(positions, 4), cache)
    after = torch.full((3, 1), 4)
    everyone = text(x[:, :1], after, causal_mask(after, 5), cache)

    cache.keep(torch.tensor([2]))
    alone = text(x[2:, :1], after[2:], causal_mask(after[2:], 5), cache)

    torch.testing.assert_close(alone, everyone[2:], rtol=0, atol=1e-5)


def test_rotation_writes_pairs_back_interleaved():
    x = torch.arange(8.0).reshape(1, 1, 1, 8)
    cos, sin = torch.zeros(1, 1, 1, 2), torch.ones(1, 1, 1, 2)

    turned = rotate(x, cos, sin)

    assert turned.flatten().tolist() == [-2, 0, -3, 1, 4, 5, 6, 7]


def test_position_zero_is_not_turned():
    cos, sin = rotation(torch.tensor([[0, 5]]), head_dim=16, theta=10_000.0)

    assert (cos[0, 0, 0] == 1).all()
    assert (sin[0, 0, 0] == 0).all()
    assert (sin[0, 0, 1] != 0).all()


def test_a_prefix_sees_itself_freely_and_the_rest_looks_back():
    mask = prefix_mask(4, 2, torch.device("cpu"))[0, 0].int().tolist()

    assert mask == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]


def test_a_place_is_fed_as_centre_and_size():
    assert place((0.25, 0.5)) == [Coord(0.25), Coord(0.5)]
    assert place((0.0, 0.25, 0.5, 0.75)) == [Coord(0.25), Coord(0.5), Size(0.5, 0.5)]
    assert Token(3) != Coord(3)
