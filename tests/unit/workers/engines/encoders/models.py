"""Tiny real encoders on the disk, random but whole: a CLIP in transformers' layout, with a tokenizer of its own."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

WORDS = ["[pad]", "[start]", "[end]", "[unk]", "a", "red", "blue", "house", "sea"]
SIDE_PX = 32


def tiny_clip(folder: Path) -> Path:
    """Two layers of 16 numbers in each tower, 12 numbers in common."""
    torch.manual_seed(0)
    layer = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = layer | {"vocab_size": len(WORDS), "max_position_embeddings": 16, "bos_token_id": 1, "eos_token_id": 2}
    vision = layer | {"image_size": SIDE_PX, "patch_size": 16}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
    CLIPModel(config).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[unk]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[start] $A [end]", special_tokens=[("[start]", 1), ("[end]", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[pad]", bos_token="[start]", eos_token="[end]", unk_token="[unk]"
    ).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"size": {"shortest_edge": SIDE_PX}, "crop_size": SIDE_PX, "do_center_crop": True})
    )
    return folder
