"""What a file is, by its first bytes and its header; its name decides nothing."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from shared.errors import EngineFailed, ModelMissing

SAFETENSORS = ".safetensors"
#: Endings that pickles go by; torch can run code that is in one.
PICKLED = (".ckpt", ".bin", ".pt", ".pth", ".pkl")
#: Bytes that tell what a file is: enough for any of the marks below.
HEAD = 512
#: Longest header that the safetensors format allows.
MAX_HEADER = 100_000_000
#: Names shown of those that are missing.
SHOWN = 2

Shapes = dict[str, tuple[int, ...]]


def refuse_content(file: Path, name: str) -> None:
    """Raise unless a weight file may be what it is taken for: not empty, a web page, a pointer, a pickle.

    Args:
        name: what a caller reads: the file relative to its model.

    Raises:
        ModelMissing: it is not there. EngineFailed: it is something else.
    """
    if not file.is_file():
        raise ModelMissing(f"{name} is missing", field="model")
    with file.open("rb") as stream:
        head = stream.read(HEAD)
    if what := _something_else(head):
        raise EngineFailed(f"{name} {what}")


def _something_else(head: bytes) -> str | None:
    if not head:
        return "is empty"
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file it stands for: fetch it with `git lfs pull`, or pull the model again"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "is a web page: its download went to a login or an error"
    if _is_pickled(head):
        return "is pickled, whatever its name says, and pickles can run code: convert it to safetensors"
    if head.startswith(b"GGUF"):
        return "is a GGUF file, which no engine here reads"
    return None


def _is_pickled(head: bytes) -> bool:
    """A torch file is a zip of pickles, or (old ones) a pickle; a safetensors header's length may begin like one."""
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= MAX_HEADER:
        return False
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06")) or (head[:1] == b"\x80" and 2 <= head[1] <= 5)


def shapes_of(file: Path, name: str) -> Shapes:
    """Tensor → shape, from the header of a safetensors file; the library checks that the file is as long as it says.

    Raises:
        ModelMissing, EngineFailed: see `refuse_content`; it is cut short or damaged.
    """
    refuse_content(file, name)
    try:
        with safe_open(file, framework="np") as opened:
            return {key: tuple(opened.get_slice(key).get_shape()) for key in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as exc:
        raise EngineFailed(f"{name} is cut short, damaged, or no safetensors file ({first_words(exc)})") from exc


def json_of(file: Path, name: str) -> dict[str, Any]:
    """An object in a JSON file.

    Raises:
        ModelMissing: it is not there. EngineFailed: it is something else.
    """
    refuse_content(file, name)
    try:
        said = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as exc:
        raise EngineFailed(f"{name} is no JSON ({first_words(exc)})") from exc
    if not isinstance(said, dict):
        raise EngineFailed(f"{name} is JSON, but no object")
    return said


def refuse_missing(wanted: Sequence[str], found: Shapes, name: str, what: str) -> None:
    """Raise EngineFailed unless all tensors are there."""
    missing = [key for key in wanted if key not in found]
    if missing:
        shown = ", ".join(missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
        raise EngineFailed(f"{name} is not a whole {what}: it lacks {shown} ({len(missing)} of {len(wanted)} parts)")


def first_words(exc: BaseException, *paths: Path) -> str:
    """What a library says, in one line and without the places where files lie here."""
    said = " ".join(str(exc).split())
    for path in sorted(paths, key=lambda each: -len(str(each))):
        said = said.replace(f"{path}/", "").replace(str(path), path.name)
    return said[:300]
