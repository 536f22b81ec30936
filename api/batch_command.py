"""`darkroom batch <folder>`: caption, tag and rate every picture of a folder, with progress, as often as you like.

Running the same command again uploads nothing twice (pictures are known by their content) and finds the same batch again
(its Idempotency-Key is made of what it is about), so Ctrl-C costs nothing: the batch goes on without us.
"""

import argparse
import hashlib
import json
import mimetypes
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.batch_client import Batch
from api.client import Darkroom
from shared.artifact_store import id_of
from shared.errors import CallersError, DarkroomError, Gone, InvalidRequest, OurError

#: Uploads at once: enough to hide the round trips, few enough to leave the server's threads to others.
UPLOADS_AT_ONCE = 4
#: How often an upload that met a server in trouble is tried.
TRIES = 5
FORMS = {".jsonl": "jsonl", ".csv": "csv", ".zip": "xmp.zip"}


@dataclass(frozen=True)
class Uploaded:
    """One file of the folder; either its picture's id or why it is none."""

    name: str
    image: str = ""
    error: DarkroomError | None = None


def add_to(commands: Any) -> argparse.ArgumentParser:
    """The subcommand."""
    command: argparse.ArgumentParser = commands.add_parser(
        "batch", help="caption, tag and rate the pictures of a folder", description=__doc__.splitlines()[0]
    )
    command.add_argument("folder", type=Path)
    command.add_argument("--caption", action="store_true", help="describe each picture")
    command.add_argument("--tags", action="store_true", help="name what is in it")
    command.add_argument("--rate", action="store_true", help="tell how likely it is not safe for work")
    command.add_argument("--length", choices=("short", "normal", "long"), default="normal", help="of the captions")
    command.add_argument("--model", help="analysis model (default: the best that is there)")
    command.add_argument("--fresh", action="store_true", help="do again what was done before")
    command.add_argument(
        "--out", type=Path, metavar="FILE", help=".jsonl, .csv or .zip (XMP sidecars); default: JSON lines to stdout"
    )
    command.set_defaults(run=run)
    return command


def run(options: argparse.Namespace) -> int:
    """Upload what is not there yet, find or start the batch, wait, write what it found out."""
    form = _form_of(options.out)
    files = pictures_in(options.folder)
    with Darkroom(options.url, key=os.environ.get("DARKROOM_KEY")) as darkroom, _progress() as progress:
        uploaded = upload_all(darkroom, options.folder, files, _ticker(progress, "upload", len(files)))
        good = [each for each in uploaded if each.error is None]
        batch = _developed(darkroom, options, good, progress) if good else None
        found = darkroom.batches.export(batch.id, form) if batch else b""  # type: ignore[arg-type]
    refused = [each for each in uploaded if each.error is not None]
    _write(options.out, form, found, refused)
    return _told(batch, refused, len(files))


def pictures_in(folder: Path) -> list[Path]:
    """Every file below a folder whose name says that it is a picture, in order.

    Raises:
        InvalidRequest: no such folder, or none in it.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"{folder} is no folder")
    found = sorted(path for path in folder.rglob("*") if path.is_file() and _is_picture(path))
    if not found:
        raise InvalidRequest(f"there are no pictures in {folder}")
    return found


def upload_all(darkroom: Darkroom, folder: Path, files: Sequence[Path], on_each: Callable[[], None]) -> list[Uploaded]:
    """Make sure the server has each file; those it refuses come back with its reason."""

    def one(path: Path) -> Uploaded:
        uploaded = _upload(darkroom, str(path.relative_to(folder)), path)
        on_each()
        return uploaded

    pool = ThreadPoolExecutor(UPLOADS_AT_ONCE)
    try:
        return list(pool.map(one, files))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # Ctrl-C: what is not begun is left


def _upload(darkroom: Darkroom, name: str, path: Path) -> Uploaded:
    for attempt in range(1, TRIES + 1):
        try:
            data = path.read_bytes()
            image_id = id_of(data)
            if not darkroom.has_image(image_id):
                image_id = darkroom.upload(data)
            return Uploaded(name, image_id)
        except CallersError as error:
            return Uploaded(name, error=error)
        except OSError as exc:
            return Uploaded(name, error=InvalidRequest(f"cannot be read: {exc.strerror}"))
        except OurError as error:
            if attempt == TRIES:
                raise
            time.sleep(error.retry_after_s or attempt)
    raise AssertionError("unreachable")


def _developed(darkroom: Darkroom, options: argparse.Namespace, good: Sequence[Uploaded], progress: Progress) -> Batch:
    batch = _start(darkroom, options, good)
    task = progress.add_task("develop", total=batch.total)

    def show(now: Batch) -> None:
        progress.update(task, completed=sum(now.counts[state] for state in ("succeeded", "failed", "cancelled")))

    try:
        return darkroom.batches.wait(batch.id, show)
    except KeyboardInterrupt:
        progress.console.print(
            f"{batch.id} goes on without us; the same command comes back to it, and "
            f"`curl -X POST {options.url}/v1/batches/{batch.id}/cancel` ends it."
        )
        raise


def _start(darkroom: Darkroom, options: argparse.Namespace, good: Sequence[Uploaded]) -> Batch:
    body = {
        "name": options.folder.resolve().name,
        "images": [{"id": each.image, "name": each.name} for each in good],
        "steps": [
            {"kind": "analyze", "tasks": tasks_of(options)} | ({"model": options.model} if options.model else {})
        ],
        "fresh": options.fresh,
    }
    if options.fresh:
        return darkroom.batches.start(**body)
    key = "folder-" + hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    try:
        batch = darkroom.batches.start(idempotency_key=key, **body)
    except Gone:  # the batch of this key was deleted
        return darkroom.batches.start(**body)
    if batch.is_over and batch.counts["failed"] + batch.counts["cancelled"]:
        return darkroom.batches.resume(batch.id)
    return batch


def tasks_of(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What is asked about each picture; everything where nothing is named."""
    wanted = {"caption": options.caption, "tags": options.tags, "rating": options.rate}
    names = [name for name, is_wanted in wanted.items() if is_wanted] or list(wanted)
    return [{"task": name} | ({"length": options.length} if name == "caption" else {}) for name in names]


def _write(out: Path | None, form: str, found: bytes, refused: Iterable[Uploaded]) -> None:
    """The export, and for those the server refused a line each, where the form has lines of JSON."""
    if form == "jsonl":
        rows = [{"file": each.name, "state": "failed", "error": each.error.as_dict()} for each in refused if each.error]
        found += "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if out is None:
        sys.stdout.buffer.write(found)
        sys.stdout.flush()
    else:
        out.write_bytes(found)


def _told(batch: Batch | None, refused: Sequence[Uploaded], total: int) -> int:
    console = Console(stderr=True)
    counts = batch.counts if batch else {}
    done, failed = counts.get("succeeded", 0), counts.get("failed", 0) + len(refused)
    reused = f", {batch.reused} known from before" if batch and batch.reused else ""
    console.print(f"{total} pictures: {done} done{reused}, {failed} failed, {counts.get('cancelled', 0)} cancelled")
    for failure in batch.failures if batch else ():
        console.print(f"  {failure.count} × {failure.code}: {failure.message}", markup=False)
    for each in refused:
        console.print(f"  {each.name}: {each.error.message if each.error else ''}", markup=False)
    return 0 if done == total else 1


def _form_of(out: Path | None) -> str:
    form = FORMS.get(out.suffix.lower()) if out is not None else "jsonl"
    if form is None:
        raise InvalidRequest(f"--out: {out} must end in {', '.join(FORMS)}")
    return form


def _is_picture(path: Path) -> bool:
    return (mimetypes.guess_type(path.name)[0] or "").startswith("image/")


def _progress() -> Progress:
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _ticker(progress: Progress, what: str, total: int) -> Callable[[], None]:
    task = progress.add_task(what, total=total)
    return lambda: progress.advance(task)
