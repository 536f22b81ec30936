"""Models share parts whose files are identical, and nothing else; unloading one never breaks the other."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from safetensors.torch import load_file, save_file

from shared.errors import OutOfVram
from tests.unit.workers.engines.parts import Watch, levels_apart, toy_card, work
from workers.engines.base import LoadPlan
from workers.engines.sdxl import placement
from workers.engines.sdxl.engine import SdxlEngine, load
from workers.engines.sdxl.sharing import PARTS, Shelf
from workers.engines.torch_tools import host_copy
from workers.memory.residency import Residency
from workers.weights.hashes import CACHE_NAME, sha256_of

PLAN = LoadPlan(vae_slicing=False)


@pytest.fixture(scope="module")
def folders(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two models that differ in the UNet."""
    one, other = (tmp_path_factory.mktemp("pair") / name for name in ("one", "other"))
    for folder in (one, other):
        shutil.copytree(toy_folder, folder)
    change(other / "unet" / "diffusion_pytorch_model.safetensors")
    return one, other


def change(file: Path) -> None:
    weights = load_file(file)
    save_file({name: 0.5 * tensor for name, tensor in weights.items()}, file, metadata={"format": "pt"})


def paint(engine: SdxlEngine):
    [[picture]] = engine.generate([work()], Watch())
    return picture


def shared_parts(a: SdxlEngine, b: SdxlEngine) -> set[str]:
    names = ("unet", *PARTS)
    return {name for name in names if getattr(a._txt2img, name) is getattr(b._txt2img, name)}


@pytest.fixture
def pair(folders) -> tuple[SdxlEngine, ...]:
    shelf = Shelf()
    return tuple(load(toy_card(), folder, PLAN, shelf) for folder in folders)


def test_identical_files_are_one_copy_and_pictures_are_as_without_sharing(pair, folders):
    alone = load(toy_card(), folders[1], PLAN)

    assert shared_parts(*pair) == set(PARTS)
    assert levels_apart(paint(pair[1]), paint(alone)) == 0


def test_shared_weights_count_once_and_pass_to_whoever_stays(pair):
    one, other = pair
    whole = one.held_mib()
    assert other.held_mib() < whole

    one.close()

    assert other.held_mib() == whole


def test_unloading_one_leaves_the_other_as_it_was(pair):
    one, other = pair
    before = paint(other)

    one.close()

    assert levels_apart(paint(other), before) == 0


def test_a_shared_part_leaves_the_card_with_its_last_user(pair):
    one, other = pair
    one.to_host()
    assert one._shared.unused() == []

    other.to_host()
    assert len(one._shared.unused()) == len(PARTS)
    one.to_device()

    assert other.held_mib() < one.held_mib()
    assert levels_apart(paint(one), paint(one)) == 0


def test_a_load_that_does_not_fit_leaves_shared_parts_where_they_were(folders, monkeypatch):
    """They were brought to the GPU for it, and nobody there used or counted them."""
    shelf, on_card = Shelf(), LoadPlan("meta", precision="fp16", vae_slicing=False)
    monkeypatch.setattr(host_copy, "on_host", lambda tensor, pinned: torch.zeros(tensor.shape, dtype=tensor.dtype))
    waiting = load(toy_card(), folders[0], on_card, shelf)
    waiting.to_host()
    real = host_copy.copied_to

    def only_small_ones(tensor, device):
        if tensor.nbytes > 2**16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(tensor, device)

    monkeypatch.setattr(host_copy, "copied_to", only_small_ones)
    with pytest.raises(OutOfVram):
        load(toy_card(), folders[1], on_card, shelf)

    parts = [getattr(waiting._txt2img, name) for name in PARTS]
    assert placement.held_mib(parts, "meta") == 0


def test_shared_weights_count_once_in_host_memory_and_pass_to_whoever_stays(folders, monkeypatch):
    shelf, on_card = Shelf(), LoadPlan("meta", precision="fp16", vae_slicing=False)
    monkeypatch.setattr(host_copy, "on_host", lambda tensor, pinned: torch.zeros(tensor.shape, dtype=tensor.dtype))
    one, other = (load(toy_card(), folder, on_card, shelf) for folder in folders)
    one.to_host()
    other.to_host()
    whole = one.host_mib()
    assert other.host_mib() < whole

    one.close()

    assert other.host_mib() == whole


def test_when_all_models_are_gone_so_are_their_parts(folders):
    shelf = Shelf()
    engine = load(toy_card(), folders[0], PLAN, shelf)

    engine.close()
    del engine

    assert len(shelf._copies) == 0


def test_a_part_with_other_bytes_or_another_configuration_is_not_shared(folders, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(folders[0], changed)
    change(changed / "vae" / "diffusion_pytorch_model.safetensors")
    config = changed / "text_encoder" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"layer_norm_eps": 1e-3}))
    shelf = Shelf()

    engines = [load(toy_card(), folder, PLAN, shelf) for folder in (folders[0], changed)]

    assert shared_parts(*engines) == {"text_encoder_2"}


def test_four_bit_encoders_are_shared_among_four_bit_models_only(folders):
    shelf, packed = Shelf(), LoadPlan(precision="nf4", vae_slicing=False)
    plain = load(toy_card(), folders[0], PLAN, shelf)
    first, second = (load(toy_card(), folder, packed, shelf) for folder in folders)

    assert shared_parts(first, second) == set(PARTS)
    assert shared_parts(plain, first) == {"vae"}
    for name in ("unet", "text_encoder", "text_encoder_2"):
        assert any(isinstance(part, Linear4bit) for part in getattr(first._txt2img, name).modules())
    assert not any(type(p) is torch.nn.Linear for p in first._txt2img.text_encoder_2.modules())


def test_the_ledger_counts_what_is_really_there(folders):
    shelf = Shelf()
    names = {"one": folders[0], "other": folders[1]}
    cards = {name: toy_card().model_copy(update={"id": name}) for name in names}
    residency = Residency(lambda card: load(card, names[card.id], PLAN, shelf), 1000)
    alone = residency.engine_for(cards["one"], 100).held_mib()
    residency.engine_for(cards["other"], 100)
    assert residency.held_mib < 2 * alone

    residency.unload("one")

    assert residency.held_mib == alone


class Counts:
    """A device whose jobs take so much, all residents included."""

    def __init__(self, peak_mib: int) -> None:
        self.peak = peak_mib

    def free_mib(self) -> None:
        return None

    def own_mib(self) -> None:
        return None

    def free_cache(self) -> None:
        return None

    def start_peak(self) -> None:
        return None

    def peak_mib(self) -> int:
        return self.peak


def test_a_models_peak_has_the_weights_that_another_counts(folders):
    shelf, names = Shelf(), dict(zip(("one", "other"), folders, strict=True))
    cards = {name: toy_card().model_copy(update={"id": name}) for name in names}
    residency = Residency(lambda card: load(card, names[card.id], PLAN, shelf), 1000, device=Counts(100))
    one = residency.engine_for(cards["one"], 50)
    other = residency.engine_for(cards["other"], 50)

    unet_only = residency.held_mib - one.uses_mib()
    assert residency.peak_mib("other") == residency.peak_mib("one") == 100 - unet_only
    assert other.held_mib() < other.uses_mib()


def test_hashes_are_kept_beside_the_weights_until_a_file_changes(tmp_path):
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"one")
    [first] = sha256_of([file], tmp_path)
    kept = json.loads((tmp_path / CACHE_NAME).read_text())
    (tmp_path / CACHE_NAME).write_text(json.dumps({name: [*row[:2], "kept"] for name, row in kept.items()}))

    assert sha256_of([file], tmp_path) == ["kept"]
    file.write_bytes(b"another")
    [now] = sha256_of([file], tmp_path)

    assert now not in ("kept", first)
