"""The built page as files: which one an address means, in which encoding, and how long it may be kept. Pure, but for looking.

Names under `assets/` carry a hash of their content, so they are kept for ever; everything else is asked for again each time.
An address that names no file is one of the page's own screens and gets its index; one that looks like a file and is none gets
nothing, because a script that is HTML only confuses.

Compressed copies lie beside the files (`app.js.br`, `app.js.gz`), made when the page is built; nothing is compressed here.
"""

import hashlib
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from werkzeug.security import safe_join

#: What `make web` builds.
PAGE_FOLDER = Path(__file__).resolve().parents[1] / "web" / "dist"
INDEX = "index.html"
#: Files that are named by their content.
NAMED_BY_CONTENT = "assets/"
FOR_EVER = "public, max-age=31536000, immutable"
EACH_TIME = "no-cache"
#: Encoding of HTTP → ending of the copy that has it, the smaller first.
ENCODINGS = {"br": ".br", "gzip": ".gz"}
#: What `mimetypes` knows on some systems only, or otherwise than browsers want it.
MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
#: Endings of files that a page is made of: an address that ends so is never a screen.
ENDINGS = frozenset({*MEDIA_TYPES, *ENCODINGS.values(), ".jpg", ".png"})


@dataclass(frozen=True)
class PageFile:
    """What to send for one address."""

    path: Path
    media_type: str
    #: "": as it is.
    encoding: str
    cache: str
    #: None: named by its content, so nobody asks whether it changed.
    etag: str | None


class PageFiles:
    """One folder with a built page in it, or with none yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def is_built(self) -> bool:
        return (self._folder / INDEX).is_file()

    def find(self, address: str, accepts: Callable[[str], bool]) -> PageFile | None:
        """What an address below `/ui/` means; None: nothing.

        Args:
            accepts: whether the browser takes an encoding (`br`, `gzip`).
        """
        name = address if self._has(address) else INDEX
        if name == INDEX and (_looks_like_a_file(address) or not self.is_built):
            return None
        path = self._folder / name
        encoding = next((each for each, ending in ENCODINGS.items() if accepts(each) and _beside(path, ending)), "")
        sent = _with_ending(path, ENCODINGS[encoding]) if encoding else path
        is_for_ever = name.startswith(NAMED_BY_CONTENT)
        return PageFile(
            path=sent,
            media_type=media_type_of(name),
            encoding=encoding,
            cache=FOR_EVER if is_for_ever else EACH_TIME,
            etag=None if is_for_ever else hashlib.sha256(sent.read_bytes()).hexdigest()[:32],
        )

    def _has(self, address: str) -> bool:
        path = safe_join(str(self._folder), address) if address else None
        return path is not None and Path(path).suffix not in ENCODINGS.values() and Path(path).is_file()


def media_type_of(name: str) -> str:
    """What a browser is told a file is."""
    ending = Path(name).suffix.lower()
    return MEDIA_TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _looks_like_a_file(address: str) -> bool:
    if address == INDEX:
        return False
    return address.startswith(NAMED_BY_CONTENT) or Path(address).suffix.lower() in ENDINGS


def _beside(path: Path, ending: str) -> bool:
    return _with_ending(path, ending).is_file()


def _with_ending(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
