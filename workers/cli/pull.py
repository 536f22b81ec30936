"""Fetches a model's weights from the Hugging Face hub into the models folder: `python -m workers.cli.pull <model>`.

Only what the engine reads is fetched: weights as safetensors, configurations, tokenizers. Files go into a folder of
their own beside the final one, so a broken pull is continued by the next; when every file is there and its checksum
right, the folder is marked with where it came from and renamed. A model is therefore there whole or not at all.

A single-file checkpoint comes with the configurations and tokenizers of its repository; where that has none, they must
be put into `config/` beside the file (see `workers.engines.sdxl.files`).
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shared.errors import ArtifactStoreFull, DarkroomError, EngineFailed, InvalidRequest, NotFound
from shared.models.catalogue import COMPLETE_MARK, Catalogue, ModelCard, load_catalogue
from shared.settings import from_environment
from workers.engines.inspections import flaw_of
from workers.weights.hashes import keep_known
from workers.weights.hub import Hub, HubFile, HuggingFaceHub

#: Room left on the disk after a pull.
SPARE_BYTES = 2**30
#: The folders of an SDXL model in diffusers layout.
SDXL_PARTS = ("scheduler", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet", "vae")
#: Endings of files that are not weights but needed beside them.
PLAIN_ENDINGS = (".json", ".txt", ".model", ".csv")
#: What weights may be: neither can hold code, as pickles do.
WEIGHT_ENDINGS = (".safetensors", ".onnx")


@dataclass(frozen=True)
class Part:
    """What one repository gives to a model."""

    repo: str
    commit: str
    #: Below the model's folder; empty: the folder itself.
    folder: str
    files: tuple[HubFile, ...]


def pull(card: ModelCard, models_path: Path, hub: Hub, say: Callable[[str], None] = print) -> Path:
    """Fetch a model, unless it is there.

    Raises:
        InvalidRequest: the model has no repository.
        NotFound: the hub has no such repository, revision or file.
        ArtifactStoreFull: the disk has no room; nothing was fetched.
        EngineFailed: no network, or a checksum is wrong; a later pull goes on from there.
    """
    repo = card.source.repo
    if repo is None:
        raise InvalidRequest(f"{card.id} has no repository to fetch it from", field="model")
    target = models_path / card.id
    if (target / COMPLETE_MARK).exists():
        say(f"{card.id} is here already: {target}")
        return target
    parts = _parts(card, repo, hub)
    files = [file for part in parts for file in part.files]
    draft = models_path / f".pulling-{card.id}"
    draft.mkdir(parents=True, exist_ok=True)
    _check_room(card, files, draft)
    say(f"fetching {card.id}: {len(files)} files, {_gib(sum(file.size for file in files))} of {repo}")
    for part in parts:
        hub.fetch(part.repo, part.commit, [file.path for file in part.files], draft / part.folder)
    sums = {path: total for part in parts for path, total in _checked(card, part, draft).items()}
    _finish(card, parts, sums, draft, target)
    say(f"{card.id} is at {target} (commit {parts[0].commit})")
    if flaw := flaw_of(Catalogue({card.id: card}, models_path), card):
        say(f"but it cannot be loaded: {flaw}")
    return target


def _parts(card: ModelCard, repo: str, hub: Hub) -> list[Part]:
    """The repository of the weights and, where the card names one, that of the tokenizer."""
    listing = hub.listing(repo, card.source.revision or "main")
    parts = [Part(repo, listing.commit, "", tuple(wanted(card, listing.files)))]
    if card.source.tokenizer_repo is not None:
        listing = hub.listing(card.source.tokenizer_repo, card.source.tokenizer_revision or "main")
        files = tuple(file for file in listing.files if _is_vocabulary(file.path))
        parts.append(Part(card.source.tokenizer_repo, listing.commit, "tokenizer", files))
    return parts


def _is_vocabulary(path: str) -> bool:
    return "/" not in path and path.endswith(PLAIN_ENDINGS)


def wanted(card: ModelCard, files: tuple[HubFile, ...]) -> list[HubFile]:
    """The files the engine reads, of all a repository has.

    Raises:
        NotFound: the weights are not among them.
    """
    belongs = _is_sdxl_part if card.engine == "sdxl" else _is_plain_part
    chosen = [file for file in files if file.path == card.source.file or belongs(card, file.path, files)]
    if not any(file.path.endswith(WEIGHT_ENDINGS) for file in chosen):
        raise NotFound(f"{card.source.repo} has no safetensors or ONNX file that {card.id} could use", field="model")
    return chosen


def _is_sdxl_part(card: ModelCard, path: str, files: tuple[HubFile, ...]) -> bool:
    if path == "model_index.json":
        return True
    place = PurePosixPath(path)
    if len(place.parts) != 2 or place.parts[0] not in SDXL_PARTS:
        return False
    if place.suffix in PLAIN_ENDINGS:
        return True
    if card.source.file is not None:
        return False
    return place.suffix == ".safetensors" and _has_variant(place.name) == _variant_of(card, place.parts[0], files)


def _variant_of(card: ModelCard, part: str, files: tuple[HubFile, ...]) -> str | None:
    """The wanted variant of a part's weights where the repository has it, else the plain one, else what there is."""
    names = [PurePosixPath(file.path) for file in files if file.path.startswith(f"{part}/")]
    there = {_has_variant(name.name) for name in names if name.suffix == ".safetensors"}
    for variant in (card.source.variant, None):
        if variant in there:
            return variant
    return min((variant for variant in there if variant), default=None)


def _has_variant(name: str) -> str | None:
    """`model.fp16.safetensors` and `model.fp16-00001-of-00002.safetensors` → fp16; plain names → None."""
    middle = name.split(".safetensors")[0].split(".")[1:]
    return middle[0].split("-")[0] if middle else None


def _is_plain_part(card: ModelCard, path: str, files: tuple[HubFile, ...]) -> bool:
    """For models other than SDXL: top-level safetensors, configurations and vocabularies; no code."""
    is_weights = "/" not in path and path.endswith(".safetensors") and card.source.file is None
    return is_weights or _is_vocabulary(path)


def _check_room(card: ModelCard, files: list[HubFile], draft: Path) -> None:
    here = sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
    needed = max(0, sum(file.size for file in files) - here) + SPARE_BYTES
    free = shutil.disk_usage(draft).free
    if free < needed:
        raise ArtifactStoreFull(f"{card.id} needs {_gib(needed)} on the disk of {draft.parent}, {_gib(free)} are free")


def _checked(card: ModelCard, part: Part, draft: Path) -> dict[str, str]:
    """sha256 of every file. A file with a wrong sum is thrown away, so that the next pull fetches it afresh."""
    sums = {}
    for file in part.files:
        path = draft / part.folder / file.path
        if not path.is_file():
            raise EngineFailed(f"{card.id}: {file.path} did not arrive; run the pull again")
        total = _sha256_of(path)
        if file.sha256 not in (None, total):
            path.unlink()
            raise EngineFailed(f"{card.id}: {file.path} arrived damaged; run the pull again")
        sums[path.relative_to(draft).as_posix()] = total
    return sums


def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _finish(card: ModelCard, parts: list[Part], sums: dict[str, str], draft: Path, target: Path) -> None:
    """Mark, open to all users (safetensors arrive private), rename."""
    sources = [{"repo": part.repo, "commit": part.commit, "folder": part.folder} for part in parts]
    for part in parts:
        shutil.rmtree(draft / part.folder / ".cache", ignore_errors=True)
    mark = {"model": card.id, "repo": parts[0].repo, "commit": parts[0].commit, "sources": sources, "sha256": sums}
    (draft / COMPLETE_MARK).write_text(json.dumps(mark, indent=2) + "\n")
    keep_known(draft, sums)
    for root, _, names in os.walk(draft):
        os.chmod(root, 0o755)
        for name in names:
            os.chmod(Path(root, name), 0o644)
    if (target / COMPLETE_MARK).exists():
        # Another pull was faster.
        shutil.rmtree(draft)
        return
    if target.exists():
        # Without a mark it never counted as a model.
        shutil.rmtree(target)
    draft.rename(target)


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m workers.cli.pull <model>", file=sys.stderr)
        return 2
    try:
        settings = from_environment()
        pull(load_catalogue(settings).get(arguments[0]), settings.models_path, HuggingFaceHub())
    except DarkroomError as exc:
        print(f"error: {exc.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
