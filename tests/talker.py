"""A Moondream that talks on and on: the real architecture at toy size, for tests that need an answer to take its time."""

from dataclasses import replace
from pathlib import Path

import torch

from workers.engines.moondream.config import TINY, MoondreamConfig
from workers.engines.moondream.network import Network, initialise
from workers.engines.moondream.tokenizer import small_tokenizer
from workers.engines.moondream.toy import save_snapshot

#: The toy, with room for 2,000 tokens and enough layers that one takes some milliseconds.
TALKER: MoondreamConfig = replace(TINY, text=replace(TINY.text, layers=12, max_context=2048))
NEVER = -40.0
ROW = """
[models.{name}]
kind = "analyze"
engine = "moondream"
title = "Talker"
summary = "Says letters and never ends by itself."
licence = "MIT"
source = {{ path = "{folder}" }}
analysis = {{ tasks = ["caption", "query", "tags", "rating", "detect", "point"], has_scores = false }}
vram = {{ weights_mib = 4, peak_mib = 60, basis = "estimated" }}
"""


def build(folder: Path, seed: int = 0) -> None:
    """Write its snapshot: letters and spaces only, and never an end."""
    network, tokenizer = Network(TALKER), small_tokenizer()
    initialise(network, seed)
    with torch.no_grad():
        network.text.lm_head.bias[:] = NEVER
        network.text.lm_head.bias[tokenizer.encode("abcdefghijklmnopqrstuvwxyz ").ids] = 0.0
    save_snapshot(folder, network, tokenizer)


def catalogue_with(folder: Path, name: str = "talker") -> Path:
    """Build it below the folder; returns a models file that knows it."""
    build(folder / name)
    file = folder / "models.toml"
    file.write_text(ROW.format(name=name, folder=folder / name))
    return file
