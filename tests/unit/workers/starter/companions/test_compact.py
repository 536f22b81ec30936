"""The network that enlarges: published names, a file that tells its own size, and more than repetition."""

import pytest
import torch

from workers.starter.companions.compact import SRVGGNetCompact, enlarged, from_tensors
from workers.starter.companions.upscale import UpscaleTrainee, enlarge
from workers.starter.paint import paint
from workers.starter.world import SIDE_PX, scene_from_seed


@pytest.mark.parametrize("times", [2, 4])
def test_a_file_has_the_published_names_and_tells_its_own_size(times: int):
    network = SRVGGNetCompact(features=8, layers=3, times=times).eval()
    restored = from_tensors({key: value.clone() for key, value in network.state_dict().items()})
    picture = torch.rand(1, 3, 10, 12)

    assert {"body.0.weight", "body.1.weight", "body.8.bias"} <= set(network.state_dict())
    assert restored.times == times
    assert enlarged(restored, picture).shape == (1, 3, 10 * times, 12 * times)
    assert torch.equal(enlarged(restored, picture), enlarged(network, picture))


def test_a_card_becomes_twice_as_large():
    network = SRVGGNetCompact(features=8, layers=1, times=2).eval()

    assert enlarge(network, paint(scene_from_seed(0))).size == (2 * SIDE_PX, 2 * SIDE_PX)


def test_what_it_adds_to_repetition_grows_with_training():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    trainee = UpscaleTrainee(2)
    optimizer = torch.optim.Adam(trainee.modules.parameters(), lr=1e-3)
    before = trainee.loss(0, 0.0)[0].item()
    for _ in range(80):
        optimizer.zero_grad()
        trainee.loss(0, 0.0)[0].backward()
        optimizer.step()

    assert trainee.loss(0, 0.0)[0].item() < before - 0.2  # the loss is a logarithm: 0.9 dB
