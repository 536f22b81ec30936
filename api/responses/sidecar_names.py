"""What sidecars are called in a zip: like their pictures, in their folders, and no two alike wherever they are unpacked. Pure.

A zip is unpacked on any system: names may not differ in case or accents' spelling alone (macOS, Windows), may not hold
what Windows forbids, and may not lead out of the folder.
"""

import re
import unicodedata
from collections.abc import Sequence

ENDING = ".xmp"
#: Of one part of a path, for the ending and a number may still come; common file systems end at 255 bytes.
MOST_BYTES = 230
#: What Windows forbids in names. `/` and `\` part folders here.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\ud800-\udfff]')
#: Names that are devices on Windows, whatever ending they have.
_DEVICE = re.compile(r"^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\.|$)", re.IGNORECASE)


def sidecar_names(rows: Sequence[tuple[int, str, str]]) -> list[str]:
    """One path for each row, in order; a name that another one has as well gets its row's number in front.

    Args:
        rows: index, the picture's file name (with its folder, or nothing), and what it is called without one.
    """
    natural = [_path(file, fallback) for _, file, fallback in rows]
    reserved = {key_of(path) for path in natural}
    # A file cannot stand where another one's folder does.
    folders = {key_of(path.rsplit("/", depth)[0]) for path in natural for depth in range(1, path.count("/") + 1)}
    taken, names = set(folders), []
    for (index, _, _), path in zip(rows, natural, strict=True):
        if key_of(path) in taken:
            path = _free(path, index, taken | reserved)
        taken.add(key_of(path))
        names.append(path)
    return names


def _free(path: str, index: int, occupied: set[str]) -> str:
    folder, slash, name = path.rpartition("/")
    found, again = f"{folder}{slash}{index}-{name}", 2
    while key_of(found) in occupied:
        found, again = f"{folder}{slash}{index}-{again}-{name}", again + 1
    return found


def _path(file: str, fallback: str) -> str:
    """`2023/photo.jpg.xmp`: with the extension, so that photo.jpg and photo.png each keep their own.

    A path that is not simply one below the folder (absolute, with a drive or `..`) keeps its last part alone.
    """
    parts = file.replace("\\", "/").split("/")
    is_simple = not any(part in ("", "..") for part in parts) and not re.match(r"^[A-Za-z]:", file)
    kept = [part for part in (parts if is_simple else parts[-1:]) if part not in ("", ".", "..")]
    return "/".join(map(harmless, kept or [fallback])) + ENDING


def harmless(part: str) -> str:
    """A name that every system takes."""
    name = _FORBIDDEN.sub("_", part)
    if _DEVICE.match(name):
        name = "_" + name
    name = re.sub(r"[. ]+$", lambda end: "_" * len(end[0]), name)
    while len(name.encode()) > MOST_BYTES:
        stem, dot, ending = name.rpartition(".")
        name = stem[:-1] + dot + ending if len(stem) > 1 and len(ending) < 16 else name[:-1]
    return name


def key_of(path: str) -> str:
    """The same for names that some system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
