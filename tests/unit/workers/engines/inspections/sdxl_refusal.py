"""What tests of an SDXL folder share: its files of weights, and what is said where it is refused."""

from pathlib import Path

import pytest
import torch

from shared.errors import DarkroomError
from workers.engines.sdxl import files
from workers.engines.sdxl.inspection import model as inspection

UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
FIRST, SECOND = "text_encoder/model.safetensors", "text_encoder_2/model.safetensors"


def refusal(folder: Path) -> DarkroomError:
    """What loading says; looking says the same, without torch."""
    with pytest.raises(DarkroomError) as looked:
        inspection.inspect(folder)
    with pytest.raises(type(looked.value)) as loaded:
        files.read(folder, torch.float32)
    assert loaded.value.message == f"{folder.name} cannot be loaded as SDXL: {looked.value.message}"
    assert str(folder.parent) not in loaded.value.message
    assert "\n" not in loaded.value.message
    return loaded.value
