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


def written(moondream, rows: int, positions: int) -> tuple[KVCache, torch.Tensor]:
    """A cache with so many positions in each of its rows, and what was fed."""
    text = moondream.network.text
    x = torch.randn(rows, positions, moondream.config.text.dim)
    places = torch.arange(positions).expand(rows, -1)
    cache = KVCache(moondream.config.text, rows, 2 * positions, like=x)
    text(x, places, causal_mask(places, positions), cache)
    return cache, x


def next_of(moondream, cache: KVCache, x: torch.Tensor, at: int) -> torch.Tensor:
    """Hidden states (B, D) of one more position of each row."""
    places = torch.full((len(x), 1), at)
    return moondream.network.text(x, places, causal_mask(places, at + 1), cache)[:, 0]


@torch.inference_mode()
def test_a_row_goes_on_as_before_where_another_one_was(moondream):
    cache, x = written(moondream, 3, 4)
    everyone = next_of(moondream, cache, x[:, :1], 4)

    cache.move(2, to=0)
    moved = next_of(moondream, cache.part(0, 1), x[2:, :1], 4)
    cache.swap(1, 0)
    swapped = next_of(moondream, cache.part(0, 2), x[[1, 2], :1], 4)

    torch.testing.assert_close(moved, everyone[2:], rtol=0, atol=1e-5)
    torch.testing.assert_close(swapped, everyone[[1, 2]], rtol=0, atol=1e-5)


@torch.inference_mode()
def test_what_was_taken_out_comes_back_bit_by_bit(moondream):
    cache, x = written(moondream, 2, 4)
    expected = next_of(moondream, cache, x[:, :1], 4)[1:]

    out = cache.taken_out(1, 4)
    for tensor in (*cache.keys, *cache.values):
        tensor[1] = float("nan")
    cache.fill(1, out)

    assert cache.taken_out(1, 4).equal(out)
    assert next_of(moondream, cache.part(1, 2), x[1:, :1], 4).allclose(expected, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_more_rows_and_positions_change_nothing(moondream):
    cache, x = written(moondream, 2, 4)
    expected = next_of(moondream, cache, x[:, :1], 4)

    cache.add_rows(5)
    cache.grow(40, most=42)

    assert (cache.batch, cache.capacity) == (5, 42)
    torch.testing.assert_close(next_of(moondream, cache.part(0, 2), x[:, :1], 4), expected, rtol=0, atol=1e-5)


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
