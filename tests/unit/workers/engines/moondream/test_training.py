"""Teacher-forced training sees what generation sees, and a few steps teach the tiny model something."""

import dataclasses

import pytest
import torch

from workers.engines.moondream.config import TINY
from workers.engines.moondream.model import Moondream
from workers.engines.moondream.network import Network, initialise
from workers.engines.moondream.prompts import prompt
from workers.engines.moondream.requests import CaptionRequest, PointRequest, Sampling
from workers.engines.moondream.tokenizer import small_tokenizer
from workers.engines.moondream.training import TrainBatch, forward_train, losses, second_coords
from workers.engines.moondream.vision import cut, scale_pixels


def batch_of(network, picture, ids, coords=None, sizes=None, answer_from=0):
    """One picture and one row of targets."""
    count = len(ids)
    return TrainBatch(
        pixels=scale_pixels(cut(picture, network.config.vision).pixels[:1], torch.float32),
        ids=torch.tensor([ids]),
        coords=torch.tensor([coords or [0.0] * count]),
        sizes=torch.tensor([sizes or [[0.0, 0.0]] * count]),
        counted=torch.arange(count)[None] >= answer_from,
    )


@pytest.fixture
def network():
    made = Network(TINY)
    initialise(made, seed=1)
    return made


def test_the_likeliest_tokens_of_training_are_those_that_generation_says(moondream, pictures, prefixes):
    request = CaptionRequest(prefixes[0], sampling=Sampling(0.0, max_tokens=6))
    said = []
    asked = [feed.id for feed in prompt(request, moondream.config.tokens, moondream.tokenizer)]
    fixed = moondream.answer([request])[0]

    for _ in range(6):
        batch = batch_of(moondream.network, pictures[0], [*asked, *said, 0])
        logits = forward_train(moondream.network, batch).logits[0, -1].detach()
        logits[moondream.config.tokens.answer] = float("-inf")
        said.append(int(logits.argmax()))

    assert moondream.tokenizer.decode(said) == fixed.text


def test_gradients_reach_every_parameter(network, pictures):
    tokens = TINY.tokens
    ids = [1, 12, 2, 100, 3, tokens.coord, tokens.coord, tokens.size, tokens.eos]
    batch = batch_of(network, pictures[0], ids, [0.3] * 9, [[0.2, 0.4]] * 9, answer_from=5)

    losses(network, batch).total.backward()

    silent = [
        name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert silent == []


def test_padding_and_prompt_do_not_count(network, pictures):
    batch = batch_of(network, pictures[0], [1, 10, 2, 14, 3, 90, 91, 92], answer_from=5)
    longer = dataclasses.replace(
        batch,
        ids=torch.cat([batch.ids, torch.tensor([[55, 66]])], 1),
        coords=torch.zeros(1, 10),
        sizes=torch.zeros(1, 10, 2),
        counted=torch.cat([batch.counted, torch.zeros(1, 2, dtype=torch.bool)], 1),
    )

    torch.testing.assert_close(losses(network, longer).total, losses(network, batch).total)


def test_only_the_second_coordinate_of_a_pair_is_no_word():
    assert second_coords(torch.tensor([[True, True, False, True, True]])).tolist() == [
        [False, True, False, False, True]
    ]


def test_a_few_steps_teach_a_word_and_a_place(network, pictures):
    tokenizer, tokens = small_tokenizer(), TINY.tokens
    word = [*TINY.tokens.caption_short, *tokenizer.encode("red").ids, tokens.eos]
    place = [*TINY.tokens.point, *tokenizer.encode(" dot").ids, tokens.answer, tokens.coord, tokens.coord, tokens.eos]
    batches = [
        batch_of(network, pictures[0], word, answer_from=5),
        batch_of(
            network, pictures[0], place, coords=[0.0] * (len(place) - 3) + [0.25, 0.75, 0.0], answer_from=len(place) - 3
        ),
    ]
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)

    for _ in range(40):
        optimiser.zero_grad()
        sum(losses(network, batch).total for batch in batches).backward()
        optimiser.step()

    taught = Moondream(network, tokenizer)
    prefix = taught.encode([pictures[0]])[0]
    text, points = taught.answer([CaptionRequest(prefix, "short", Sampling(0.0)), PointRequest(prefix, "dot")])
    assert (text.text, text.ended) == ("red", "stop")
    assert [(point.x, point.y) for point in points.objects] == [(0.25, 0.75)]
    assert points.ended == "stop"
