"""Assets to take away: a zip with their pictures, an XMP sidecar beside each, and `assets.jsonl` with everything.

The zip is sent while it is made, a picture at a time. The lines of `assets.jsonl` come last, for only then is it known which
pictures could be read; until then they wait on disk where they are many. A picture that cannot be given has a reason in its
line (`missing`), and costs the others nothing. Where the database goes away in between, the zip is cut off before its end, so
that no program takes it for whole.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO, cast

from api.library import xmp
from api.library.streamed_zip import Entry, zipped
from api.library.views import AssetView
from api.responses.sidecar_names import ENDING, harmless, key_of
from shared.errors import DarkroomError
from shared.log import logger
from shared.pictures.a1111_text import a1111_parameters

#: Lines up to this many bytes wait in memory.
WAIT_IN_MEMORY_BYTES = 4 * 2**20
PART_BYTES = 65_536
#: How a picture of a media type may end; the first is given where it ends otherwise.
ENDINGS = {
    "image/png": (".png", ".apng"),
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
    "image/avif": (".avif",),
}
LINES_NAME = "assets.jsonl"
#: What must be known of a picture that was made here, so that it can be told in A1111's words.
SPELLED = frozenset(("prompt", "scheduler", "steps", "guidance_scale", "width", "height"))


def exported(views: Iterable[AssetView], read: Callable[[AssetView], bytes]) -> Iterator[bytes]:
    """The zip's bytes.

    Args:
        read: a picture's bytes, or a `DarkroomError` that says why not.
    """
    return zipped(_entries(views, read))


def _entries(views: Iterable[AssetView], read: Callable[[AssetView], bytes]) -> Iterator[Entry]:
    taken = {key_of(LINES_NAME)}
    with tempfile.SpooledTemporaryFile(WAIT_IN_MEMORY_BYTES) as waiting:
        lines = cast(IO[bytes], waiting)
        count = missing = 0
        for view in views:
            name, made_ms = free_name(view, taken), _milliseconds(view.created_at)
            line = {"file": name, "sidecar": name + ENDING, "missing": None} | view.model_dump(mode="json")
            try:
                yield Entry(name, read(view), made_ms)
            except DarkroomError as exc:
                missing += 1
                line |= {"file": None, "missing": exc.message}
            yield Entry(name + ENDING, xmp.write(described(view)).encode(), made_ms, is_text=True)
            lines.write(json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n")
            count += 1
        lines.seek(0)
        yield Entry(LINES_NAME, iter(lambda: lines.read(PART_BYTES), b""), is_text=True)
    logger().info("library.exported", assets=count, missing=missing)


def free_name(view: AssetView, taken: set[str]) -> str:
    """What an asset's picture is called: as its file was, else by its id; like no other, wherever it is unpacked. Its name, and
    its sidecar's, are taken then."""
    endings = ENDINGS.get(view.media_type, (".png",))
    file = PurePosixPath(harmless(view.file_name or view.id))
    name = file.name if file.suffix.lower() in endings else file.name + endings[0]
    if {key_of(name), key_of(name + ENDING)} & taken:
        name = f"{view.id}-{name}"
    taken |= {key_of(name), key_of(name + ENDING)}
    return name


def described(view: AssetView) -> xmp.Described:
    """What a sidecar says of an asset. Pure."""
    parameters = view.prompt or None
    if view.seed is not None and view.params.keys() >= SPELLED:
        parameters = a1111_parameters(view.params, seed=view.seed, model=view.model or "")
    return xmp.Described(
        caption=view.caption or None,
        tags=tuple(tag.name for tag in view.tags),
        stars=view.stars,
        nsfw=view.nsfw,
        parameters=parameters,
    )


def _milliseconds(iso_time: str) -> int:
    return round(datetime.fromisoformat(iso_time).timestamp() * 1000) if iso_time else 0
