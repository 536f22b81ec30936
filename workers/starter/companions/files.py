"""Companions' weight files, each stamped with the hash of the model that it was trained on."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from workers.starter.companions.base import BASE_NAME
from workers.weights.bases import BASE_HASH, BASE_TITLE


def save_stamped(tensors: Mapping[str, Tensor], file: Path, base: str, about: Mapping[str, str] | None = None) -> None:
    """Write tensors with their base's hash in the header, readable for all who share a volume."""
    metadata = {"format": "pt", BASE_TITLE: BASE_NAME, BASE_HASH: base, **(about or {})}
    save_file({key: value.contiguous() for key, value in tensors.items()}, file, metadata=metadata)
    file.chmod(0o644)
