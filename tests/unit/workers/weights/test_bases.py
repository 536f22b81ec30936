"""An adapter names its base, and another base is refused."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from shared.errors import EngineFailed, ModelMissing
from workers.weights.bases import BASE_HASH, BASE_TITLE, base_named_by, refuse_another_base

OURS, OTHER = "ab" * 32, "cd" * 32


def adapter(folder: Path, **about: str) -> Path:
    file = folder / "adapter.safetensors"
    save_file({"x": np.zeros(1, np.float32)}, file, metadata=about)
    return file


def test_the_base_it_was_trained_on_is_accepted(tmp_path: Path):
    file = adapter(tmp_path, **{BASE_HASH: OURS, BASE_TITLE: "sdxl-starter"})
    refuse_another_base(file, OURS.upper())

    assert base_named_by(file) == (OURS, "sdxl-starter")


def test_another_base_is_refused_with_both_hashes_and_the_fix(tmp_path: Path):
    file = adapter(tmp_path, **{BASE_HASH: OURS, BASE_TITLE: "sdxl-starter"})

    with pytest.raises(EngineFailed, match=rf"sdxl-starter with hash {OURS[:12]}.*{OTHER[:12]}.*choose"):
        refuse_another_base(file, OTHER)


def test_a_lora_of_kohyas_trainer_names_its_base_in_its_own_way(tmp_path: Path):
    file = adapter(tmp_path, ss_new_sd_model_hash=OURS, ss_sd_model_name="juggernaut")

    with pytest.raises(EngineFailed, match="juggernaut"):
        refuse_another_base(file, OTHER)


def test_a_file_that_names_no_base_is_anybodys(tmp_path: Path):
    file = adapter(tmp_path)
    refuse_another_base(file, OTHER)

    assert base_named_by(file) == ("", "")


def test_what_is_no_weight_file_is_told(tmp_path: Path):
    page = tmp_path / "page.safetensors"
    page.write_text("<html>please log in</html>")

    with pytest.raises(EngineFailed, match="web page"):
        base_named_by(page)
    with pytest.raises(ModelMissing, match=r"gone\.safetensors"):
        base_named_by(tmp_path / "gone.safetensors")
