"""`darkroom batch <folder>`: caption, tag and rate every picture of a folder, with progress, as often as you like.

Running the same command again uploads nothing twice (pictures are known by their content) and finds the same batch again
(its Idempotency-Key is made of what it is about), so Ctrl-C costs nothing: the batch goes on without us.
"""

import argparse
import hashlib
import json
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

from api.cli.folder_pictures import Found, oversized, pictures_in
from api.client import Darkroom
from api.client.batches import Batch
from api.responses import exports
from shared.errors import CallersError, DarkroomError, Gone, InvalidRequest, OurError
from shared.pictures.artifact_store import id_of

#: Uploads at once: enough to hide the round trips, few enough to leave the server's threads to others.
UPLOADS_AT_ONCE = 4
#: How often an upload that met a server in trouble is tried.
TRIES = 5
FORMS = {".jsonl": "jsonl", ".csv": "csv", ".zip": "xmp.zip"}
#: Longest name of a batch, see `BatchOptions.name`.
MOST_BATCH_NAME_CHARS = 200
#: Stands for pictures that are not uploaded yet.
ANY_PICTURE = "img_" + "0" * 32


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
    """Check everything, upload what is not there yet, find or start the batch, wait, write what it found out."""
    form = _form_of(options.out)
    files = pictures_in(options.folder)
    with Darkroom(options.url, key=os.environ.get("DARKROOM_KEY")) as darkroom, _progress() as progress:
        files = checked(darkroom, options, files)
        uploaded = upload_all(darkroom, files, _ticker(progress, "upload", len(files)))
        good = [each for each in uploaded if each.error is None]
        batch = _developed(darkroom, options, good, progress) if good else None
        found = darkroom.batches.export(batch.id, form) if batch else b""  # type: ignore[arg-type]
    refused = [each for each in uploaded if each.error is not None]
    _write(options.out, _with_refused(form, found, refused))
    return _told(batch, refused, len(files))


def checked(darkroom: Darkroom, options: argparse.Namespace, files: Sequence[Found]) -> list[Found]:
    """The files, those refused that the server would refuse; nothing has been sent yet.

    Raises:
        CallersError: the server would refuse the whole batch: too many members, an unknown model …
    """
    good = [each for each in files if each.error is None]
    if not good:
        return list(files)
    asked = _asked(options, [{"id": ANY_PICTURE, "name": each.name} for each in good])
    most_bytes = darkroom.batches.check(**asked).pictures.max_bytes
    return [oversized(each, most_bytes) if each.error is None else each for each in files]


def upload_all(darkroom: Darkroom, files: Sequence[Found], on_each: Callable[[], None]) -> list[Uploaded]:
    """Make sure the server has each file; those it refuses come back with its reason."""

    def one(file: Found) -> Uploaded:
        uploaded = (
            _upload(darkroom, file.name, file.path) if file.error is None else Uploaded(file.name, "", file.error)
        )
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
            if attempt == TRIES and type(error) is OurError:  # it broke over this picture; the next may do
                return Uploaded(name, error=error)
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
    body = _asked(options, [{"id": each.image, "name": each.name} for each in good])
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


def _asked(options: argparse.Namespace, images: list[dict[str, str]]) -> dict[str, Any]:
    folder = options.folder.resolve().name
    step = {"kind": "analyze", "tasks": tasks_of(options)} | ({"model": options.model} if options.model else {})
    return {
        "name": "".join(char for char in folder if char.isprintable())[-MOST_BATCH_NAME_CHARS:],
        "images": images,
        "steps": [step],
        "fresh": options.fresh,
    }


def tasks_of(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What is asked about each picture; everything where nothing is named."""
    wanted = {"caption": options.caption, "tags": options.tags, "rating": options.rate}
    names = [name for name, is_wanted in wanted.items() if is_wanted] or list(wanted)
    return [{"task": name} | ({"length": options.length} if name == "caption" else {}) for name in names]


def _with_refused(form: str, found: bytes, refused: Iterable[Uploaded]) -> bytes:
    """The export, and behind it a row for each file that never became a member; sidecars have no place for those."""
    rows = [exports.refused_row(each.name, each.error) for each in refused if each.error]
    if form == "jsonl":
        return found + exports.jsonl(rows).encode()
    if form == "csv":
        return found + exports.csv_of(rows, has_header=False).encode() if found else exports.csv_file(rows).encode()
    return found or exports.sidecars(())


def _write(out: Path | None, found: bytes) -> None:
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
    if out is not None and (out.is_dir() or not os.access(out if out.exists() else out.parent, os.W_OK)):
        raise InvalidRequest(f"--out: {out} cannot be written there")  # better now than after the work
    return form


def _progress() -> Progress:
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _ticker(progress: Progress, what: str, total: int) -> Callable[[], None]:
    task = progress.add_task(what, total=total)
    return lambda: progress.advance(task)
