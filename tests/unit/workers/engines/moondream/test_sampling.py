"""Draws follow the distribution inside the nucleus, and only their own seed, place and ids."""

import math

import torch

from workers.engines.moondream.requests import Sampling
from workers.engines.moondream.sampling import Choice, choose, gumbel

PROBABILITY = torch.tensor([0.1, 0.5, 0.3, 0.06, 0.04])


def drawn(count, sampling, banned=()):
    logits = PROBABILITY.log().repeat(count, 1)
    chosen = choose(logits, [Choice(sampling, place, banned) for place in range(count)])
    return torch.tensor(chosen).bincount(minlength=5) / count


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


def test_a_draw_depends_on_its_own_seed_only():
    logits = torch.randn(4, 50, generator=torch.Generator().manual_seed(1))
    choices = [Choice(Sampling(temperature=1.0, top_p=1.0, seed=seed)) for seed in range(4)]

    together = choose(logits.clone(), choices)
    alone = [choose(logits[row : row + 1].clone(), [choices[row]])[0] for row in range(4)]

    assert together == alone


def test_rounding_that_reorders_neighbours_changes_no_draw():
    random = torch.Generator().manual_seed(2)
    logits = 0.01 * torch.randn(3_000, 400, generator=random)  # thousands of near ties
    rounded = logits + 1e-6 * torch.randn(logits.shape, generator=random)
    choices = [Choice(Sampling(temperature=1.0, top_p=1.0, seed=5), place) for place in range(3_000)]

    assert choose(rounded, choices) == choose(logits, choices)


def test_every_seed_place_and_id_has_noise_of_its_own():
    ids = torch.arange(300)[None].repeat(4, 1)

    noise = gumbel([0, 1, 0, 2**53 - 17], [0, 0, 1, 0], ids)

    assert noise.unique().numel() == noise.numel()
    assert noise.isfinite().all()


def test_the_noise_is_gumbels():
    noise = gumbel([3] * 100, range(100), torch.arange(2_000)[None].repeat(100, 1))

    assert math.isclose(noise.mean(), 0.5772, abs_tol=0.01)
    assert math.isclose(noise.std(), math.pi / math.sqrt(6), abs_tol=0.01)


def test_an_ids_noise_is_the_same_wherever_it_stands_in_the_row():
    forwards = gumbel([7], [4], torch.arange(50)[None])

    assert torch.equal(gumbel([7], [4], torch.arange(50).flip(0)[None]).flip(1), forwards)
