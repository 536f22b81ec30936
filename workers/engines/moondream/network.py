"""The three parts as one nn.Module; its state dict has the checkpoint's key names."""

import torch
from torch import nn

from workers.engines.moondream.config import MoondreamConfig
from workers.engines.moondream.region import Region
from workers.engines.moondream.text import Text
from workers.engines.moondream.vision import Vision


class Network(nn.Module):
    def __init__(self, config: MoondreamConfig) -> None:
        super().__init__()
        self.config = config
        self.vision = Vision(config.vision, config.text.dim)
        self.text = Text(config.text)
        self.region = Region(config.region, config.text.dim)

    @property
    def device(self) -> torch.device:
        return self.text.wte.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the activations; stays what it was when the linears are quantised."""
        return self.text.wte.dtype


def initialise(network: Network, seed: int) -> None:
    """Fill every parameter in place, as one starts training: repeatable for a seed, whatever was drawn before."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if name.endswith("_features"):
            nn.init.normal_(parameter, std=1.0, generator=generator)
        elif parameter.dim() > 1:
            nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5, generator=generator)
        else:
            nn.init.constant_(parameter, 1.0 if name.endswith("weight") else 0.0)
