"""Raters in transformers' layout, at toy size."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ViTConfig, ViTForImageClassification

from shared.errors import EngineFailed, NotFinite
from tests.unit.workers.engines.classifiers.looks import RATING, Watch, fried_egg, work
from workers.engines.base import LoadPlan
from workers.engines.classifiers import hf_classifier


def hf_folder(path, labels: dict[int, str], **size):
    """A ViT of the published layout, tiny, with random weights."""
    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=16,
        num_labels=len(labels),
        id2label=labels,
        label2id={name: number for number, name in labels.items()},
    )
    ViTForImageClassification(config).save_pretrained(path)
    said = {"size": size or {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2}
    (path / hf_classifier.PREPROCESSING).write_text(json.dumps(said))
    return path


def test_a_transformers_classifier_rates_by_the_class_that_is_called_so(catalogue, tmp_path):
    card = catalogue.get("falconsai-nsfw")
    engine = hf_classifier.load(card, hf_folder(tmp_path, {0: "normal", 1: "nsfw"}), LoadPlan())
    reference = ViTForImageClassification.from_pretrained(tmp_path).eval()
    pixels = np.asarray(fried_egg().resize((32, 32), Image.Resampling.BILINEAR), dtype=np.float32) / 127.5 - 1

    (outcome,) = engine.analyze([work(fried_egg(), RATING)], Watch(), 1)

    logits = reference(torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy())).logits
    assert outcome.tasks[0].answer.nsfw == pytest.approx(logits.softmax(-1)[0, 1].item(), abs=1e-4)


def test_a_classifier_without_such_a_class_rates_nothing(catalogue, tmp_path):
    with pytest.raises(EngineFailed, match="cat, dog"):
        hf_classifier.load(catalogue.get("falconsai-nsfw"), hf_folder(tmp_path, {0: "cat", 1: "dog"}), LoadPlan())


def test_a_classifier_with_a_nan_rates_nothing(catalogue, tmp_path):
    engine = hf_classifier.load(
        catalogue.get("falconsai-nsfw"), hf_folder(tmp_path, {0: "normal", 1: "nsfw"}), LoadPlan()
    )
    engine._network.classifier.bias[0] = math.nan

    (outcome,) = engine.analyze([work(fried_egg(), RATING)], Watch(), 1)

    assert outcome.tasks[0].error.code == "engine_failed"
    assert "not finite" in outcome.tasks[0].error.message


def test_in_fp16_a_score_that_is_no_number_asks_for_a_wider_range(catalogue, tmp_path):
    engine = hf_classifier.load(
        catalogue.get("falconsai-nsfw"), hf_folder(tmp_path, {0: "normal", 1: "nsfw"}), LoadPlan()
    )
    engine._network = engine._network.half()
    engine._network.classifier.bias[0] = math.inf

    with pytest.raises(NotFinite, match="float16"):
        engine.analyze([work(fried_egg(), RATING)], Watch(), 1)
