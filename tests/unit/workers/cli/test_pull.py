"""A pull brings what is needed, whole and verified, or says why not."""

import hashlib
import json
import stat
from pathlib import Path

import pytest

from shared.errors import ArtifactStoreFull, EngineFailed, InvalidRequest, NotFound
from shared.models.catalogue import COMPLETE_MARK, Catalogue, ModelCard, load_catalogue
from shared.settings import Settings
from workers.cli import pull as pulling
from workers.cli.pull import pull, wanted
from workers.weights import hub as real_hub
from workers.weights.hashes import CACHE_NAME, known_model_hash, model_hash
from workers.weights.hub import HubFile, Listing

COMMIT = "0123456789abcdef0123456789abcdef01234567"
#: What a typical SDXL repository holds; the contents are the names themselves.
REPOSITORY = [
    ".gitattributes",
    "README.md",
    "model_index.json",
    "sd_xl_base_1.0.safetensors",
    "scheduler/scheduler_config.json",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "tokenizer_2/vocab.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "text_encoder/model.fp16.safetensors",
    "text_encoder/model.onnx",
    "text_encoder_2/config.json",
    "text_encoder_2/model.safetensors",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_flax_model.msgpack",
    "unet/diffusion_pytorch_model.bin",
    "vae/config.json",
    "vae/diffusion_pytorch_model.fp16.safetensors",
    "vae_1_0/diffusion_pytorch_model.safetensors",
]


class FolderHub:
    """A hub that is a list of names on this machine."""

    def __init__(self, names: list[str] = REPOSITORY, *, fail_at: str = "", damage: str = "") -> None:
        self.names = names
        self.fail_at = fail_at
        self.damage = damage
        self.fetched: list[str] = []

    def listing(self, repo: str, revision: str) -> Listing:
        files = (HubFile(name, len(name), _sum(name) if "safetensors" in name else None) for name in self.names)
        return Listing(COMMIT, tuple(files))

    def fetch(self, repo: str, commit: str, paths: list[str], folder: Path) -> None:
        for path in paths:
            if (folder / path).exists():
                continue
            if path == self.fail_at:
                raise EngineFailed("the line went dead")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text("rubbish" if path == self.damage else path)
            (folder / path).chmod(0o600)
            self.fetched.append(path)


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def quiet(line: str) -> None:
    """Says nothing."""


@pytest.fixture
def card() -> ModelCard:
    return load_catalogue(Settings()).get("sdxl")


def with_source(card: ModelCard, **changes: str | None) -> ModelCard:
    return card.model_copy(update={"source": card.source.model_copy(update=changes)})


def chosen(card: ModelCard, names: list[str] = REPOSITORY) -> list[str]:
    return [file.path for file in wanted(card, FolderHub(names).listing("", "").files)]


def test_only_what_the_engine_reads_is_fetched_in_the_wanted_variant(card):
    assert chosen(card) == [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "tokenizer_2/vocab.json",
        "text_encoder/config.json",
        "text_encoder/model.fp16.safetensors",
        "text_encoder_2/config.json",
        "text_encoder_2/model.safetensors",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ]


def test_without_a_variant_the_plain_weights_are_fetched_where_there_are_any(card):
    weights = [path for path in chosen(with_source(card, variant=None)) if path.endswith(".safetensors")]

    assert weights == [
        "text_encoder/model.safetensors",
        "text_encoder_2/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ]


def test_a_single_file_comes_with_configurations_and_tokenizers_but_no_other_weights(card):
    paths = chosen(with_source(card, file="sd_xl_base_1.0.safetensors"))

    assert [path for path in paths if path.endswith(".safetensors")] == ["sd_xl_base_1.0.safetensors"]
    assert {"model_index.json", "unet/config.json", "tokenizer/merges.txt"} <= set(paths)


def test_other_engines_get_the_top_level_weights_and_vocabulary_but_no_code(card):
    names = ["config.json", "model.safetensors", "moondream.py", "tokenizer.json", "onnx/model.onnx", "README.md"]

    assert chosen(card.model_copy(update={"engine": "moondream"}), names) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_an_onnx_model_comes_with_its_list_of_tags_and_no_other_weights():
    tagger = load_catalogue(Settings()).get("wd-vit-tagger-v3")
    names = [
        "README.md",
        "config.json",
        "model.onnx",
        "model.safetensors",
        "selected_tags.csv",
        "sw_jax_cv_config.json",
    ]

    assert sorted(chosen(tagger, names)) == ["config.json", "model.onnx", "selected_tags.csv", "sw_jax_cv_config.json"]


def test_a_repository_without_safetensors_is_refused(card):
    with pytest.raises(NotFound, match="safetensors"):
        chosen(card, ["model_index.json", "unet/diffusion_pytorch_model.bin"])


def test_a_pulled_model_is_found_by_the_catalogue_with_its_source_written_down(card, tmp_path):
    catalogue = Catalogue({card.id: card}, tmp_path)
    assert catalogue.locate(card) is None

    folder = pull(card, tmp_path, FolderHub(), quiet)

    mark = json.loads((folder / COMPLETE_MARK).read_text())
    assert catalogue.locate(card) == folder == tmp_path / "sdxl"
    assert (mark["repo"], mark["commit"]) == ("stabilityai/stable-diffusion-xl-base-1.0", COMMIT)
    assert mark["sha256"]["unet/config.json"] == _sum("unet/config.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["sdxl"]


def test_a_pulled_models_hash_is_known_without_reading_it_again(card, tmp_path):
    folder = pull(card, tmp_path, FolderHub(), quiet)

    known = known_model_hash(folder)
    (folder / CACHE_NAME).unlink()
    assert known == model_hash(folder)


def test_every_user_may_read_a_pulled_model(card, tmp_path):
    folder = pull(card, tmp_path, FolderHub(), quiet)

    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o644}


def test_a_tokenizer_of_another_repository_gets_a_folder_of_its_own(card, tmp_path):
    names = ["config.json", "model.safetensors", "tokenizer.json", "README.md"]
    moondream = with_source(card.model_copy(update={"engine": "moondream"}), tokenizer_repo="someone/words")

    folder = pull(moondream, tmp_path, FolderHub(names), quiet)

    mark = json.loads((folder / COMPLETE_MARK).read_text())
    assert (folder / "tokenizer" / "tokenizer.json").is_file()
    assert not (folder / "tokenizer" / "model.safetensors").exists()
    assert [source["repo"] for source in mark["sources"]] == [card.source.repo, "someone/words"]
    assert "tokenizer/tokenizer.json" in mark["sha256"]


def test_a_broken_pull_is_no_model_and_the_next_one_goes_on(card, tmp_path):
    with pytest.raises(EngineFailed, match="line went dead"):
        pull(card, tmp_path, FolderHub(fail_at="unet/config.json"), quiet)
    assert Catalogue({card.id: card}, tmp_path).locate(card) is None

    second = FolderHub()
    pull(card, tmp_path, second, quiet)

    assert second.fetched[0] == "unet/config.json"


def test_a_damaged_file_is_named_thrown_away_and_fetched_again(card, tmp_path):
    damaged = "unet/diffusion_pytorch_model.fp16.safetensors"
    with pytest.raises(EngineFailed, match=damaged):
        pull(card, tmp_path, FolderHub(damage=damaged), quiet)

    second = FolderHub()
    pull(card, tmp_path, second, quiet)

    assert second.fetched == [damaged]


def test_a_model_that_is_here_is_not_fetched_again(card, tmp_path):
    pull(card, tmp_path, FolderHub(), quiet)

    again = FolderHub()
    pull(card, tmp_path, again, quiet)

    assert again.fetched == []


def test_a_full_disk_is_told_before_anything_is_fetched(card, tmp_path, monkeypatch):
    monkeypatch.setattr(pulling, "SPARE_BYTES", 2**60)
    hub = FolderHub()

    with pytest.raises(ArtifactStoreFull, match="GiB"):
        pull(card, tmp_path, hub, quiet)
    assert hub.fetched == []


def test_a_toy_cannot_be_pulled(tmp_path):
    with pytest.raises(InvalidRequest, match="no repository"):
        pull(load_catalogue(Settings()).get("sdxl-toy"), tmp_path, FolderHub(), quiet)


def test_without_a_network_the_real_hub_says_so(monkeypatch, card, tmp_path):
    import huggingface_hub

    def unreachable(*args, **kwargs):
        raise ConnectionError("name or service not known")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)

    with pytest.raises(EngineFailed, match="cannot reach the hub"):
        pull(card, tmp_path, real_hub.HuggingFaceHub(), quiet)
    assert list(tmp_path.iterdir()) == []
