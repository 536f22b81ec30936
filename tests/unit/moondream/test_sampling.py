"""Draws follow the distribution inside the nucleus, and only their own random stream."""

import torch

from workers.moondream.requests import Sampling
from workers.moondream.sampling import Choice, choose

PROBABILITY = torch.tensor([0.1, 0.5, 0.3, 0.06, 0.04])


def drawn(count, sampling, banned=()):
    stream = torch.Generator().manual_seed(0)
    logits = PROBABILITY.log().repeat(count, 1)
    return torch.tensor(choose(logits, [Choice(sampling, stream, banned)] * count)).bincount(minlength=5) / count


def test_the_whole_distribution_is_drawn_from_when_nothing_is_cut():
    shares = drawn(6_000, Sampling(temperature=1.0, top_p=1.0))

    torch.testing.assert_close(shares, PROBABILITY, rtol=0, atol=0.02)


def test_top_p_keeps_the_likeliest_that_together_reach_it():
    shares = drawn(5_000, Sampling(temperature=1.0, top_p=0.6))

    torch.testing.assert_close(shares, torch.tensor([0, 0.625, 0.375, 0, 0]), rtol=0, atol=0.03)


def test_a_top_p_of_zero_is_greedy():
    assert drawn(100, Sampling(temperature=1.0, top_p=0.0)).tolist() == [0, 1, 0, 0, 0]


def test_a_low_temperature_sharpens():
    assert drawn(2_000, Sampling(temperature=0.2, top_p=1.0))[1] > 0.85


def test_a_banned_token_never_comes():
    for temperature in (0.0, 1.0):
        assert drawn(1_000, Sampling(temperature=temperature, top_p=1.0), banned=(1, 3))[[1, 3]].sum() == 0


def test_a_draw_depends_on_its_own_stream_only():
    logits = torch.randn(4, 50, generator=torch.Generator().manual_seed(1))
    sampling = Sampling(temperature=1.0, top_p=1.0)

    def choices():
        return [Choice(sampling, torch.Generator().manual_seed(seed)) for seed in range(4)]

    together = choose(logits.clone(), choices())
    alone = [choose(logits[row : row + 1].clone(), [choices()[row]])[0] for row in range(4)]

    assert together == alone
