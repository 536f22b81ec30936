"""A compact network that enlarges pictures: Real-ESRGAN's SRVGGNetCompact, by its names and shapes.

Convolutions at the picture's own size, then a shuffle of channels to pixels; it adds what it has learnt to the picture
enlarged by repetition. Files have the plain layout `body.<n>.weight` that enlargers are published in.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SRVGGNetCompact(nn.Module):
    """Args:
    features: channels between the layers.
    layers: convolutions between the first and the last.
    times: how many times larger the picture becomes.
    """

    def __init__(self, features: int, layers: int, times: int) -> None:
        super().__init__()
        self.times = times
        inner = [part for _ in range(layers) for part in (nn.Conv2d(features, features, 3, 1, 1), nn.PReLU(features))]
        first = [nn.Conv2d(3, features, 3, 1, 1), nn.PReLU(features)]
        self.body = nn.ModuleList([*first, *inner, nn.Conv2d(features, 3 * times**2, 3, 1, 1)])

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W), 0 to 1, to (B, 3, times·H, times·W); not clipped."""
        made = picture
        for part in self.body:
            made = part(made)
        return F.pixel_shuffle(made, self.times) + F.interpolate(picture, scale_factor=self.times, mode="nearest")


def from_tensors(tensors: dict[str, Tensor]) -> SRVGGNetCompact:
    """The network that a file's tensors belong to: their shapes tell its size."""
    weights = [key for key in tensors if key.endswith(".weight") and tensors[key].ndim == 4]
    first, last = tensors["body.0.weight"], tensors[max(weights, key=lambda key: int(key.split(".")[1]))]
    network = SRVGGNetCompact(first.shape[0], len(weights) - 2, round((last.shape[0] / 3) ** 0.5))
    network.load_state_dict({key: value.float() for key, value in tensors.items()})
    return network.eval()


def enlarged(network: SRVGGNetCompact, pictures: Tensor) -> Tensor:
    """Pictures enlarged and clipped, 0 to 1."""
    with torch.inference_mode():
        return network(pictures).clamp(0, 1)
