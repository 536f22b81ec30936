"""A snapshot folder → a network, without ever holding the weights twice.

The network is built without storage, the file is mapped into memory, and each parameter becomes the mapped tensor
itself (or its copy in another precision). A key too many or too few is an error: a model with a random layer talks
fluently and wrongly.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from shared.errors import EngineFailed, ModelMissing
from workers.engines.moondream import inspection
from workers.engines.moondream.network import Network

WEIGHTS_NAME, CONFIG_NAME = inspection.WEIGHTS, inspection.CONFIG

#: The section of config.json that describes the sizes; the published model has none.
SIZES_KEY = inspection.SIZES_KEY

#: Keys named in an error; the rest are counted.
KEYS_SHOWN = 5


def load_network(folder: Path, *, dtype: torch.dtype = torch.float32) -> Network:
    """The network of a snapshot folder, on the CPU.

    Raises:
        ModelMissing: the folder has no weights.
        EngineFailed: keys are missing, unknown or of another shape.
    """
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        raise ModelMissing(f"no {WEIGHTS_NAME} in {folder.name}", field="model")
    with torch.device("meta"):
        network = Network(inspection.config_of(folder))
    tensors = read(path, dtype)
    check(path, {name: value.shape for name, value in network.state_dict().items()}, tensors)
    network.load_state_dict(tensors, assign=True)
    return network.requires_grad_(False)


def read(path: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    """All tensors of a checkpoint under their own names, mapped where the precision is already right."""
    with safe_open(path, framework="pt") as file:
        return {own_name(key): file.get_tensor(key).to(dtype) for key in file.keys() if not is_buffer(key)}  # noqa: SIM118


def own_name(key: str) -> str:
    return key.removeprefix("model.")


def is_buffer(key: str) -> bool:
    """The published file also holds the empty KV cache that its own code lives with."""
    return ".kv_cache." in key


def check(path: Path, wanted: dict[str, torch.Size], found: dict[str, Tensor]) -> None:
    """Raise EngineFailed unless the names and shapes are the same."""
    wrong = [
        f"{name} is {tuple(found[name].shape)}, not {tuple(shape)}"
        for name, shape in wanted.items()
        if name in found and found[name].shape != shape
    ]
    complaints = {
        "missing": sorted(wanted.keys() - found.keys()),
        "unknown": sorted(found.keys() - wanted.keys()),
        "of another shape": wrong,
    }
    told = [f"{len(keys)} {what}: {shown(keys)}" for what, keys in complaints.items() if keys]
    if told:
        raise EngineFailed(f"{path.name} does not fit the network; keys " + "; ".join(told))


def shown(keys: Iterable[str]) -> str:
    keys = list(keys)
    return ", ".join(keys[:KEYS_SHOWN]) + (", …" if len(keys) > KEYS_SHOWN else "")
