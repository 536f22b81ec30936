"""From the colours a picture's ICC profile means to sRGB, which is what models and screens here see.

The same numbers mean other colours in Display P3, Adobe RGB or a printer's CMYK. LittleCMS converts; a profile that is
broken, or made for another kind of picture, is ignored, and the numbers are then taken for sRGB.

Rendering is relative colorimetric with black point compensation, as in most editors: colours that sRGB has stay exact.
"""

import io
from functools import lru_cache

from PIL import Image, ImageCms

#: Kind of profile (ICC.1, 7.2.6) → the modes of pictures it may belong to, as LittleCMS takes them.
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
#: Profiles up to this size are remembered, ready for use; cameras' and screens' have under 10 KiB.
REMEMBERED_BYTES = 2**20
#: Differences up to this are rounding: the profile is sRGB by another name, and nothing is converted.
SAME_LEVELS = 1
_GRID = bytes(
    level for r in range(0, 256, 51) for g in range(0, 256, 51) for b in range(0, 256, 51) for level in (r, g, b)
)


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """A grey, RGB or CMYK picture as RGB, in sRGB as far as its profile can be followed."""
    transform = _transform_for(profile) if profile else None
    if transform is None:
        return picture.convert("RGB")
    mode, convert = transform
    # Grey pictures with an RGB profile are common, and their numbers are RGB's; the other mixtures mean nothing.
    if picture.mode != mode and (mode != "RGB" or picture.mode == "CMYK"):
        return picture.convert("RGB")
    try:
        return ImageCms.applyTransform(picture.convert(mode), convert) or picture.convert("RGB")
    except Exception:  # whatever LittleCMS has against it, the picture itself is good
        return picture.convert("RGB")


def _transform_for(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform] | None:
    return _remembered(profile) if len(profile) <= REMEMBERED_BYTES else _built(profile)


@lru_cache(maxsize=32)
def _remembered(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform] | None:
    return _built(profile)


def _built(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform] | None:
    """The mode it converts from, and how; None where there is nothing to convert, or no way to."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = MODES[opened.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(
            opened,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return None if mode != "CMYK" and _changes_nothing(mode, transform) else (mode, transform)
    except Exception:  # PyCMSError, but also KeyError, ValueError and what a hostile profile finds
        return None


def _changes_nothing(mode: str, transform: ImageCms.ImageCmsTransform) -> bool:
    grid = Image.frombytes("RGB", (len(_GRID) // 3, 1), _GRID).convert(mode)
    before, after = grid.convert("RGB").tobytes(), ImageCms.applyTransform(grid, transform)
    return after is not None and all(abs(a - b) <= SAME_LEVELS for a, b in zip(before, after.tobytes(), strict=True))
