"""Bins and values are inverse to each other, and sizes are fine where things are small."""

import pytest
import torch

from workers.engines.moondream.config import RegionConfig
from workers.engines.moondream.region import Region, fourier


@pytest.fixture(scope="module")
def region():
    torch.manual_seed(0)
    made = Region(RegionConfig(inner_dim=32, coord_features=16, size_features=16), text_dim=24)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    return made.requires_grad_(False)


def test_a_decoded_coordinate_has_the_bin_it_was_decoded_from(region):
    hidden = torch.randn(50, 24)

    coords = region.decode_coord(hidden)

    assert torch.equal(region.coord_bin(coords), region.coord_logits(hidden).argmax(-1))
    assert ((coords >= 0) & (coords < 1)).all()


def test_a_decoded_size_has_the_bins_it_was_decoded_from(region):
    hidden = torch.randn(50, 24)

    sizes = region.decode_size(hidden)

    assert torch.equal(region.size_bin(sizes), region.size_logits(hidden).argmax(-1))
    assert ((sizes >= 2**-10) & (sizes <= 1)).all()


def test_size_bins_span_ten_octaves_and_clamp_what_is_smaller(region):
    bins = region.size_bin(torch.tensor([0.0, 2.0**-10, 2.0**-5, 1.0]))

    assert bins.tolist() == [0, 0, 512, 1023]


def test_fourier_features_are_cosines_then_sines():
    features = fourier(torch.tensor([[0.25]]), torch.tensor([[1.0, 2.0]]))

    torch.testing.assert_close(features, torch.tensor([[0.0, -1.0, 1.0, 0.0]]), rtol=0, atol=1e-6)
