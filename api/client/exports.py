"""Assets to take away from a server, as `darkroom.export_assets`: a zip in a file, whole or not at all."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from shared.errors import OurError

LINES_NAME = "assets.jsonl"


@dataclass(frozen=True)
class Exported:
    """What is in a zip."""

    assets: int
    #: Asset → why its picture is not in it.
    missing: dict[str, str]


def write_export(response: httpx.Response, file: Path) -> Exported:
    """Write an answer that is still coming into a file; what was written of one that is cut off is removed.

    Raises:
        OurError: the server cut it off. OSError: the file cannot be written.
    """
    with _beside(file) as partial:
        with partial.open("wb") as out:
            for part in response.iter_bytes():
                out.write(part)
        try:
            told = _told_by(partial)
        except (zipfile.BadZipFile, KeyError) as exc:
            raise OurError(
                "the export was cut off before its end; the server's log says why (`request.failed`)"
            ) from exc
        partial.replace(file)
    return told


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    partial = file.with_name(file.name + ".part")
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _told_by(file: Path) -> Exported:
    count, missing = 0, {}
    with zipfile.ZipFile(file) as archive, archive.open(LINES_NAME) as lines:
        for text in lines:
            line = json.loads(text)
            count += 1
            if line["missing"]:
                missing[line["id"]] = line["missing"]
    return Exported(count, missing)
