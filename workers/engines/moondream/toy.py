"""A snapshot folder of a small Moondream with random weights: the real architecture, and words that are nonsense.

It lies on disk exactly as the published model does and goes through the same loader, so that everything around it
can run without a download.
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from workers.engines.moondream.config import TINY, MoondreamConfig
from workers.engines.moondream.network import Network, initialise
from workers.engines.moondream.tokenizer import FILE_NAME as TOKENIZER_NAME
from workers.engines.moondream.tokenizer import small_tokenizer
from workers.engines.moondream.weights import CONFIG_NAME, SIZES_KEY, WEIGHTS_NAME

#: Added to the logits of bytes that are no letters; random logits are within ±4.
UNLIKELY = -8.0


def build(folder: Path) -> None:
    """Write the toy, unless it is there. It appears whole or not at all; of several builders the first wins."""
    if (folder / WEIGHTS_NAME).exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        build_toy(draft)
        draft.chmod(0o755)
        draft.rename(folder)
    except OSError:
        if not (folder / WEIGHTS_NAME).exists():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def build_toy(folder: Path, config: MoondreamConfig = TINY, seed: int = 0) -> None:
    """Write weights, tokenizer and sizes into a folder; the same seed gives the same bytes."""
    network, tokenizer = Network(config), small_tokenizer()
    initialise(network, seed)
    prefer_letters(network, tokenizer)
    save_snapshot(folder, network, tokenizer)


def prefer_letters(network: Network, tokenizer: Tokenizer) -> None:
    """Make letters, spaces and structure likelier than stray bytes, so that the nonsense can be read and shown."""
    structure = {network.config.tokens.eos, network.config.tokens.answer, network.config.tokens.coord}
    likely = [*structure, *tokenizer.encode("abcdefghijklmnopqrstuvwxyz ").ids]
    with torch.no_grad():
        network.text.lm_head.bias[:] = UNLIKELY
        network.text.lm_head.bias[likely] = 0.0


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
