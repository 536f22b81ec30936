"""Every bit of a seed counts, and small seeds stay torch's own."""

from itertools import combinations

import pytest
import torch

from workers.engines.torch_tools.noise import generator_of, seeded_by

FAMILY = [5, 5 + 2**32, 5 + 2**33, 5 + 2**40, 5 + 2**52, 6 + 2**32, 2**53 - 1, 2**63 + 5]


def drawn(generator: torch.Generator) -> torch.Tensor:
    return torch.randn(4, 8, 8, generator=generator)


@pytest.mark.parametrize("seed", [0, 1, 5, 2**31, 2**32 - 1])
def test_below_32_bits_the_noise_is_torchs_own(seed):
    assert torch.equal(drawn(generator_of(seed)), drawn(torch.Generator("cpu").manual_seed(seed)))


@pytest.mark.parametrize("seed", [0, 5, 2**32 - 1])
def test_the_state_is_put_where_torch_has_it(seed):
    assert torch.equal(seeded_by(seed, seed).get_state(), torch.Generator("cpu").manual_seed(seed).get_state())


def test_seeds_that_differ_in_any_bit_draw_different_noise():
    noise = [drawn(generator_of(seed)) for seed in FAMILY]

    assert [pair for pair in combinations(range(len(FAMILY)), 2) if torch.equal(noise[pair[0]], noise[pair[1]])] == []


@pytest.mark.parametrize("seed", FAMILY)
def test_a_seed_draws_the_same_again_and_is_told_back(seed):
    assert torch.equal(drawn(generator_of(seed)), drawn(generator_of(seed)))
    assert generator_of(seed).initial_seed() == seed


def test_large_seeds_draw_standard_normal_noise():
    noise = torch.randn(100_000, generator=generator_of(5 + 2**32))

    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02


def test_the_way_from_a_large_seed_to_noise_never_changes():
    """Pinned: a change needs a new `NOISE_VERSION`, or old records name pictures that nobody can make again."""
    generator = generator_of(5 + 2**32)

    assert torch.randint(2**32, (4,), generator=generator).tolist() == [2085189291, 3822202474, 3587694693, 1524997693]
