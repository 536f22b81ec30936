"""Prompts of any length are read whole; short ones exactly as diffusers reads them."""

import pytest
import torch

from workers.engines.sdxl.prompt_encoding import encode, token_chunks

#: The toy's tokenizer has no merges: every letter is a token.
TOKENS_75 = "x" * 75


@pytest.mark.parametrize("prompt", ["", "a red fox", "Äpfel & 🍏", TOKENS_75], ids=["empty", "short", "bytes", "full"])
@pytest.mark.parametrize("negative", ["", "a cat"])
def test_up_to_75_tokens_the_encoding_equals_diffusers_bit_for_bit(plain, prompt, negative):
    ours = encode(plain, prompt, negative, guided=True)

    theirs = plain.encode_prompt(prompt, negative_prompt=negative or None, device="cpu")
    mine = (ours.prompt, ours.negative, ours.pooled, ours.negative_pooled)
    assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_the_ids_of_a_chunk_are_the_tokenizers_own(plain):
    for tokenizer in (plain.tokenizer, plain.tokenizer_2):
        [row] = token_chunks(tokenizer, "a red fox", 1)

        assert row == tokenizer("a red fox", padding="max_length", truncation=True).input_ids


def test_without_guidance_there_is_no_negative_part(plain):
    encoded = encode(plain, "a red fox", "a cat", guided=False)

    assert encoded.negative is None
    assert encoded.negative_pooled is None


@pytest.mark.parametrize(("tokens", "chunks"), [(75, 1), (76, 2), (150, 2), (151, 3)])
def test_every_75_tokens_begin_a_chunk(plain, tokens, chunks):
    assert encode(plain, "x" * tokens, "", guided=True).tokens == 77 * chunks


def test_the_end_of_a_long_prompt_counts(plain):
    long = "a fox in the snow " * 10

    red, blue = (encode(plain, long + colour, "", guided=True) for colour in ("red", "blu"))

    assert not torch.equal(red.prompt, blue.prompt)


def test_a_long_prompt_is_its_chunks_end_to_end_with_the_first_ones_pooled_vector(plain):
    head, tail = "y" * 75, "a red fox"

    whole = encode(plain, f"{head} {tail}", "", guided=True)

    first, second = (encode(plain, part, "", guided=True) for part in (head, tail))
    assert torch.allclose(whole.prompt, torch.cat([first.prompt, second.prompt], dim=1), atol=1e-5)
    assert torch.allclose(whole.pooled, first.pooled, atol=1e-5)


@pytest.mark.parametrize(("prompt", "negative"), [("x" * 200, "a cat"), ("a red fox", "x" * 200)])
def test_prompt_and_negative_prompt_get_equally_many_chunks(plain, prompt, negative):
    encoded = encode(plain, prompt, negative, guided=True)

    assert encoded.negative is not None
    assert encoded.prompt.shape == encoded.negative.shape == (1, 3 * 77, 80)


def test_no_negative_prompt_means_zeros_where_the_model_says_so(plain):
    encoded = encode(plain, "x" * 200, "", guided=True)

    assert encoded.negative is not None
    assert not encoded.negative.any()
