"""A seed → the generator that a picture's noise, or an answer's words, are drawn from.

Torch's generator on a CPU is a Mersenne twister that is seeded with 32 bits: 5 and 5 + 2³² would give one picture. Seeds
below 2³² are torch's own, so pictures stay equal to plain diffusers'; from 2³² on the twister is filled from both halves
of the seed, by the initialisation that its authors published for seeds of any length (`init_by_array`, 2002). numpy
computes it (`RandomState`, whose streams it promises never to change) and torch takes it over as its state.
"""

import numpy as np
import torch

#: Of the way from a seed to noise; results and PNGs carry it. 1: the lower 32 bits. 2: all bits; equal below 2³².
NOISE_VERSION = 2
#: What torch's generator takes by itself.
TORCH_SEEDS = 2**32
#: Torch's state of it (`CPUGeneratorImplStateLegacy`): the seed, counters, the twister's 624 words in eight bytes each.
SEED_AT, WORDS_AT, WORDS = 0, 24, 624


def generator_of(seed: int) -> torch.Generator:
    """A generator on the CPU, of which every bit of the seed (0 … 2⁶⁴ − 1) decides."""
    if seed < TORCH_SEEDS:
        return torch.Generator("cpu").manual_seed(seed)
    return seeded_by([seed % TORCH_SEEDS, seed // TORCH_SEEDS], seed)


def seeded_by(key: int | list[int], seed: int) -> torch.Generator:
    """A generator whose twister is initialised by `key`: a word, or several, the lowest first; `seed` is its name."""
    words = np.random.RandomState(key).get_state(legacy=False)["state"]["key"]
    generator = torch.Generator("cpu").manual_seed(0)
    state = generator.get_state().numpy()
    state[SEED_AT : SEED_AT + 8].view(np.uint64)[:] = seed
    state[WORDS_AT : WORDS_AT + 8 * WORDS].view(np.uint64)[:] = words
    generator.set_state(torch.from_numpy(state))
    return generator
