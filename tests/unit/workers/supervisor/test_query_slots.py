"""A small worker beside the others reads what a search asks of an encoder, and nobody else does."""

import pytest

from shared.settings import Settings
from workers.supervisor.placing import place
from workers.supervisor.query_slots import query_slots

ROW = """
[models.words]
kind = "embed"
engine = "studio.words"
encoding = { knows = ["words"], least = 0.2 }
title = "t"
summary = "s"
licence = "MIT"
source = { path = "%s" }
vram = { weights_mib = 90, peak_mib = 160, basis = "estimated" }
[models.minilm-l6]
kind = "embed"
engine = "minilm"
encoding = { knows = ["words"], least = 0.2 }
title = "t"
summary = "s"
licence = "MIT"
source = { path = "/nowhere" }
vram = { weights_mib = 1, peak_mib = 1, basis = "estimated" }
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "models.toml").write_text(ROW % tmp_path)
    return lambda **more: Settings(data_dir=tmp_path, models_file=tmp_path / "models.toml", gpus="none", **more)


def test_it_reads_the_urgent_queue_of_each_encoder_and_its_own(config):
    [slot] = query_slots(config())

    assert slot.name.endswith("-words0")
    assert (slot.models, slot.at_hand, slot.threads, slot.is_cpu) == (("words",), ("words",), 1, True)
    assert [name for name in slot.queues if not name.startswith("@")] == ["words.high"]
    assert f"@{slot.name}.high" in slot.queues


def test_the_others_read_all_but_that(config):
    [slot] = place(config(), [])

    assert [name for name in slot.queues if name.startswith("words")] == ["words.normal", "words.low"]
    assert "sdxl-toy.high" in slot.queues


def test_without_small_workers_the_others_read_everything(config):
    settings = config(embed_workers=0)
    [slot] = place(settings, [])

    assert query_slots(settings) == []
    assert [name for name in slot.queues if name.startswith("words")] == ["words.high", "words.normal", "words.low"]


def test_without_an_encoder_there_is_none(config, tmp_path):
    (tmp_path / "models.toml").write_text(ROW % "/nowhere")

    assert query_slots(config()) == []
    assert query_slots(config(embed_workers=2)) == []


def test_as_many_as_are_wanted_are_started(config):
    assert [slot.name[-6:] for slot in query_slots(config(embed_workers=2))] == ["words0", "words1"]
