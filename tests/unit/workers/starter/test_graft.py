"""Starting from exported weights: what the old vocabulary knew stays known, what is new has a sensible start."""

from pathlib import Path

import pytest
import torch
from torch import nn

from workers.engines.moondream.model import Moondream
from workers.engines.moondream.network import Network
from workers.starter.evaluate import WEIGHTS, load_painter
from workers.starter.graft import Vocabulary, graft_painter, graft_reader, rows_by_symbol
from workers.starter.lessons import starter_tokenizer
from workers.starter.moondream import starter_config
from workers.starter.sdxl import new_text_encoders, new_unet
from workers.starter.tokens import clip_tokenizers


def test_rows_go_by_symbol_and_a_new_one_starts_as_its_kin_or_its_pieces():
    rows = torch.arange(4.0)[:, None]
    old = Vocabulary(
        {"a": 0, "b": 1, "c": 2, "cat": 3}, lambda symbol: [{"a": 0, "b": 1, "c": 2}[each] for each in symbol]
    )
    new = Vocabulary({"cat": 0, "kitten": 1, "ac": 2, "a": 3}, lambda symbol: [])

    assert rows_by_symbol(rows, old, new, {"kitten": "cat"}).flatten().tolist() == [3.0, 3.0, 1.0, 0.0]


@pytest.fixture(scope="module")
def modules() -> nn.ModuleDict:
    first, second = new_text_encoders()
    modules = nn.ModuleDict({"unet": new_unet(), "first": first, "second": second})
    graft_painter(modules, WEIGHTS / "sdxl-starter")
    return modules.eval()


def test_the_painter_reads_a_prompt_as_the_exported_one_does(modules: nn.ModuleDict):
    painter = load_painter(WEIGHTS / "sdxl-starter")
    text = "a big red house on the left in the snow at night"
    exported = painter.text_encoder(torch.tensor([painter.tokenizer(text).input_ids])).last_hidden_state
    grown = modules["first"](torch.tensor([clip_tokenizers()[0](text).input_ids])).last_hidden_state

    assert torch.allclose(exported, grown, atol=1e-4)
    assert all(torch.isfinite(value).all() for value in modules.state_dict().values())


def test_the_vision_model_hears_a_question_as_the_exported_one_does():
    tokenizer = starter_tokenizer()
    network = Network(starter_config(tokenizer.get_vocab_size()))
    graft_reader(network, tokenizer, WEIGHTS / "moondream-starter")
    exported = Moondream.load(Path(WEIGHTS / "moondream-starter"))
    text = "A red house on the left."
    old, new = (torch.tensor([each.encode(text).ids]) for each in (exported.tokenizer, tokenizer))

    assert torch.allclose(exported.network.text.embed(old).mean(1), network.text.embed(new).mean(1), atol=1e-4)
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())
