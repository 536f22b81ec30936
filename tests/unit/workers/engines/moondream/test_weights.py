"""The published layout, and what the loader refuses."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from shared.errors import EngineFailed, ModelMissing
from workers.engines.moondream.config import MOONDREAM_2B, TINY, MoondreamConfig
from workers.engines.moondream.inspection import config_of
from workers.engines.moondream.model import Moondream
from workers.engines.moondream.network import Network
from workers.engines.moondream.toy import build_toy
from workers.engines.moondream.weights import load_network

LINEAR = ["bias", "weight"]
VISION_BLOCK = ["attn.proj", "attn.qkv", "ln1", "ln2", "mlp.fc1", "mlp.fc2"]
TEXT_BLOCK = ["attn.proj", "attn.qkv", "ln", "mlp.fc1", "mlp.fc2"]
REGION = [
    "coord_decoder.fc1",
    "coord_decoder.fc2",
    "coord_encoder",
    "size_decoder.fc1",
    "size_decoder.fc2",
    "size_encoder",
]


def published_keys():
    modules = [f"vision.blocks.{n}.{part}" for n in range(27) for part in VISION_BLOCK]
    modules += [f"text.blocks.{n}.{part}" for n in range(24) for part in TEXT_BLOCK]
    modules += [f"region.{part}" for part in REGION]
    modules += ["vision.patch_emb", "vision.post_ln", "vision.proj_mlp.fc1", "vision.proj_mlp.fc2"]
    modules += ["text.post_ln", "text.lm_head"]
    bare = ["vision.pos_emb", "text.wte", "region.coord_features", "region.size_features"]
    return sorted(bare + [f"{module}.{part}" for module in modules for part in LINEAR])


@pytest.fixture
def copy(snapshot, tmp_path):
    """A snapshot of its own, with a function that rewrites its tensors."""
    for file in snapshot.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())

    def rewrite(change):
        tensors = load_file(tmp_path / "model.safetensors")
        save_file(change(tensors), tmp_path / "model.safetensors")
        return tmp_path

    return rewrite


def test_the_2b_model_has_the_published_keys_and_sizes():
    with torch.device("meta"):
        state = Network(MOONDREAM_2B).state_dict()

    assert sorted(state) == published_keys()
    assert sum(value.numel() for value in state.values()) == 1_927_237_104
    assert state["text.wte"].shape == (51200, 2048)
    assert state["vision.pos_emb"].shape == (1, 729, 1152)
    assert state["vision.patch_emb.weight"].shape == (1152, 588)
    assert state["vision.proj_mlp.fc1.weight"].shape == (8192, 2304)
    assert state["text.blocks.23.attn.qkv.weight"].shape == (6144, 2048)
    assert state["region.coord_features"].shape == (1, 128)
    assert state["region.size_features"].shape == (2, 256)
    assert state["region.size_decoder.fc2.weight"].shape == (2048, 8192)


def test_the_tiny_model_is_small():
    assert sum(value.numel() for value in Network(TINY).state_dict().values()) < 1_000_000


def test_a_toy_of_one_seed_is_the_same_twice(tmp_path):
    for name in ("one", "two"):
        build_toy(tmp_path / name, seed=5)

    files = [[file.read_bytes() for file in sorted((tmp_path / name).iterdir())] for name in ("one", "two")]

    assert files[0] == files[1]


def test_sizes_survive_the_config_file(snapshot, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "moondream1", "config": {}}))

    assert config_of(snapshot) == TINY
    assert config_of(tmp_path) == MOONDREAM_2B
    assert MoondreamConfig.from_dict(json.loads(json.dumps(TINY.as_dict()))) == TINY


def test_weights_are_mapped_where_the_precision_is_right_and_cast_where_not(snapshot):
    single, half = load_network(snapshot), load_network(snapshot, dtype=torch.bfloat16)

    assert {value.dtype for value in single.state_dict().values()} == {torch.float32}
    assert {value.dtype for value in half.state_dict().values()} == {torch.bfloat16}
    assert torch.equal(single.text.wte.bfloat16(), half.text.wte)
    assert not any(value.is_meta for value in [*single.parameters(), *single.buffers()])


def test_plain_names_and_cache_buffers_load_too(copy, snapshot):
    def publish(tensors):
        plain = {key.removeprefix("model."): value for key, value in tensors.items()}
        return plain | {"text.blocks.0.kv_cache.k_cache": torch.zeros(1, 4, 256, 16)}

    loaded = load_network(copy(publish))

    assert torch.equal(loaded.text.lm_head.weight, load_network(snapshot).text.lm_head.weight)


def test_a_missing_key_is_named(copy):
    folder = copy(lambda tensors: {key: value for key, value in tensors.items() if "post_ln.bias" not in key})

    with pytest.raises(EngineFailed, match=r"2 missing: text\.post_ln\.bias, vision\.post_ln\.bias"):
        load_network(folder)


def test_an_unknown_key_is_named(copy):
    folder = copy(lambda tensors: tensors | {"model.text.blocks.0.lora.A": torch.zeros(1)})

    with pytest.raises(EngineFailed, match=r"1 unknown: text\.blocks\.0\.lora\.A"):
        load_network(folder)


def test_a_tensor_of_another_shape_is_named(copy):
    folder = copy(lambda tensors: tensors | {"model.text.wte": torch.zeros(7, 64)})

    with pytest.raises(EngineFailed, match=r"text\.wte is \(7, 64\), not \(276, 64\)"):
        load_network(folder)


def test_a_folder_without_weights_or_tokenizer_says_what_is_missing(snapshot, tmp_path):
    with pytest.raises(ModelMissing, match=r"model\.safetensors"):
        load_network(tmp_path)
    with pytest.raises(ModelMissing, match=r"tokenizer\.json"):
        Moondream.load(snapshot, tmp_path)


def test_a_size_nobody_knows_is_an_error(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"darkroom": {"text": {"depth": 3}}}))

    with pytest.raises(EngineFailed, match="depth"):
        config_of(tmp_path)
