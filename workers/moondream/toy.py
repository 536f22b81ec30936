"""A snapshot folder of a small Moondream with random weights: the real architecture, and words that are nonsense.

It lies on disk exactly as the published model does and goes through the same loader, so that everything around it
can run without a download.
"""

import json
from pathlib import Path

from safetensors.torch import save_file
from tokenizers import Tokenizer

from workers.moondream.config import TINY, MoondreamConfig
from workers.moondream.network import Network, initialise
from workers.moondream.tokenizer import FILE_NAME as TOKENIZER_NAME
from workers.moondream.tokenizer import small_tokenizer
from workers.moondream.weights import CONFIG_NAME, SIZES_KEY, WEIGHTS_NAME


def build_toy(folder: Path, config: MoondreamConfig = TINY, seed: int = 0) -> None:
    """Write weights, tokenizer and sizes into a folder; the same seed gives the same bytes."""
    network = Network(config)
    initialise(network, seed)
    save_snapshot(folder, network, small_tokenizer())


def save_snapshot(folder: Path, network: Network, tokenizer: Tokenizer) -> None:
    """Write a network the way the published one is stored; files are readable for all who share a volume."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}": value.detach().contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, folder / WEIGHTS_NAME, metadata={"format": "pt"})
    tokenizer.save(str(folder / TOKENIZER_NAME))
    sizes = {"model_type": "moondream", SIZES_KEY: network.config.as_dict()}
    (folder / CONFIG_NAME).write_text(json.dumps(sizes, indent=2))
    for name in (WEIGHTS_NAME, TOKENIZER_NAME, CONFIG_NAME):
        (folder / name).chmod(0o644)
