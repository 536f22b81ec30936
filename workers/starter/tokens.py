"""The starter models' tokenizers: every word of the postcard world is one token, any other text still encodes.

Byte-pair merges are made from the world's own words until each is one symbol; all 256 byte symbols are in the
vocabulary, so an unknown word becomes its letters and never an error.
"""

import random
import re
from collections import Counter
from functools import cache
from itertools import pairwise

from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from workers.starter import truth
from workers.starter.usual import scene_to_ask
from workers.starter.wording import PRAISE, wording
from workers.starter.world import scene_from_seed

#: Scenes read to find the words; far more than it takes for each of the hundred-odd words to turn up.
SCENES_READ = 3000
#: Prompts of each: they have the rarest words.
WORDINGS = 4
BEGIN, END = "<|startoftext|>", "<|endoftext|>"


@cache
def world_words() -> tuple[str, ...]:
    """Every word that prompts, captions, questions and answers can hold, in lower case, sorted."""
    draw, found = random.Random(0), set[str](PRAISE)
    for seed in range(SCENES_READ):
        scene = scene_from_seed(seed)
        texts = [truth.prompt(scene, draw), *(truth.caption(scene, length, draw) for length in truth.LENGTHS)]
        texts += [wording(scene_to_ask(seed), draw, strangers=False) for _ in range(WORDINGS)]
        texts += [part for asked in truth.questions(scene, draw) for part in (asked.question, asked.answer)]
        found.update(re.findall(r"[a-z]+", " ".join(texts).lower()))
    return tuple(sorted(found))


def clip_tokenizers() -> tuple[CLIPTokenizer, CLIPTokenizer]:
    """SDXL's two tokenizers, alike but for the padding: the second pads with '!'."""
    merges = _merges_for(world_words())
    letters = list(bytes_to_unicode().values())
    symbols = dict.fromkeys([*letters, *(f"{letter}</w>" for letter in letters), *(a + b for a, b in merges)])
    vocabulary = {symbol: index for index, symbol in enumerate([*symbols, BEGIN, END])}
    first = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)
    second = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, pad_token="!")
    return first, second


def _merges_for(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Ordinary byte-pair encoding, run until nothing is left to merge: most frequent pair first, then by name."""
    pieces = [[*word[:-1], f"{word[-1]}</w>"] for word in words]
    merges = []
    while pairs := Counter(pair for piece in pieces for pair in pairwise(piece)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        pieces = [_merge(piece, best) for piece in pieces]
    return merges


def _merge(piece: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for symbol in piece:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return merged
