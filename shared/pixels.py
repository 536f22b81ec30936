"""Bytes ↔ picture: what may come in, upright RGB out, PNG and WebP with metadata.

Limits act before decoding: bytes first, then the size in the header, so a decompression bomb costs nothing.
"""

import base64
import binascii
import io
import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from shared.errors import BadPicture, TooLarge, UnsupportedMedia

#: Formats read here: Pillow's name → media type. Animations give their first frame.
MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
MIB = 2**20
_DATA_URI = re.compile(r"^data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w-]+=[^;,]*)*;base64,", re.ASCII)
#: Pillow's own bomb guard would warn on stderr; ours answers with numbers.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class PictureLimits:
    """What a picture may be."""

    max_bytes: int
    max_pixels: int
    #: A side longer than this breaks decoders that hold whole rows (WebP's own limit is 16,383).
    max_side_px: int = 65_500


@dataclass(frozen=True)
class PictureFacts:
    """What a picture file is, by its header."""

    media_type: str
    width: int
    height: int


def inspect(data: bytes, limits: PictureLimits, *, claimed_type: str | None = None) -> PictureFacts:
    """Read the header only.

    Raises:
        TooLarge: more bytes or pixels than allowed; the message has both numbers.
        UnsupportedMedia: not one of the formats above.
        BadPicture: no picture, or not of the claimed media type.
    """
    if len(data) > limits.max_bytes:
        raise TooLarge(
            f"the picture has {len(data):,} bytes, the limit is {limits.max_bytes:,}; send a smaller one", field="image"
        )
    with _opened(data) as picture:
        media_type = MEDIA_TYPES.get(picture.format or "")
        if media_type is None:
            raise UnsupportedMedia(
                f"{picture.format} pictures are not read; send {', '.join(MEDIA_TYPES)}", field="image"
            )
        width, height = picture.size
    if width * height > limits.max_pixels or max(width, height) > limits.max_side_px:
        raise TooLarge(
            f"the picture has {width} × {height} = {width * height:,} pixels, the limit is {limits.max_pixels:,} "
            f"and {limits.max_side_px:,} a side; send a smaller one",
            field="image",
        )
    if claimed_type not in (None, "", "application/octet-stream", media_type) and not _same_type(
        claimed_type, media_type
    ):
        raise BadPicture(f"the picture says it is {claimed_type}, its bytes are {media_type}", field="image")
    return PictureFacts(media_type, width, height)


def decode(data: bytes, limits: PictureLimits, *, claimed_type: str | None = None) -> Image.Image:
    """A whole picture: first frame, upright (EXIF), RGB; transparency on white, 16 bits scaled to 8.

    Raises:
        what `inspect` raises, and BadPicture for a truncated or damaged file.
    """
    inspect(data, limits, claimed_type=claimed_type)
    with _opened(data) as picture:
        try:
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            return _rgb(upright)
        except (OSError, SyntaxError, ValueError, IndexError, EOFError, MemoryError, AttributeError, TypeError) as exc:
            raise BadPicture(f"the picture is damaged or cut short: {exc}", field="image") from exc


def from_text(text: str) -> tuple[bytes, str | None]:
    """A data URI or bare base64 → bytes and the media type it claims.

    Raises:
        BadPicture: not base64, or a data URI of another kind.
    """
    claimed = None
    match = _DATA_URI.match(text[:256])
    if match:
        claimed, text = match["type"], text[match.end() :]
    elif text[:5].lower() == "data:":
        raise BadPicture("a data URI must be base64: data:image/png;base64,…", field="image")
    try:
        return base64.b64decode("".join(text.split()), validate=True), claimed
    except (binascii.Error, ValueError) as exc:
        raise BadPicture(
            f"neither the id of a stored picture (img_…), nor a data URI, nor base64: {exc}", field="image"
        ) from exc


def to_png(picture: Image.Image, *, parameters: str | None = None, record: dict[str, Any] | None = None) -> bytes:
    """PNG bytes; `parameters` in A1111's text form and `record` as JSON under `darkroom` go into its text chunks."""
    info = PngInfo()
    if parameters is not None:
        info.add_itxt("parameters", parameters) if not parameters.isascii() else info.add_text("parameters", parameters)
    if record is not None:
        info.add_text("darkroom", json.dumps(record, sort_keys=True))
    out = io.BytesIO()
    # Run lengths only (zlib's Z_RLE, 3): photographs come out as large as at level 4 in half the time, drawings a fifth
    # larger; at 1024 × 1024 encoding was 139 of the 148 ms between two jobs. `tests/bench/bench_png.py` has the figures.
    picture.save(out, "PNG", pnginfo=info, compress_level=1, compress_type=3)
    return out.getvalue()


def to_webp(picture: Image.Image, *, quality: int = 80) -> bytes:
    """WebP bytes, for thumbnails and previews."""
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=quality, method=2)
    return out.getvalue()


def thumbnail(picture: Image.Image, width_px: int) -> Image.Image:
    """The picture at most `width_px` wide, never enlarged, in its own aspect."""
    if picture.width <= width_px:
        return picture
    height_px = max(1, round(picture.height * width_px / picture.width))
    return picture.resize((width_px, height_px), Image.Resampling.LANCZOS, reducing_gap=3.0)


def fit(picture: Image.Image, width_px: int, height_px: int) -> Image.Image:
    """Scale to cover width × height and crop the centre: the aspect of what is seen never changes."""
    if picture.size == (width_px, height_px):
        return picture
    return ImageOps.fit(picture, (width_px, height_px), Image.Resampling.LANCZOS)


def a1111_parameters(params: dict[str, Any], *, seed: int, model: str) -> str:
    """Generation parameters as the text that A1111, Civitai and most viewers read."""
    lines = [str(params["prompt"])]
    if params.get("negative_prompt"):
        lines.append(f"Negative prompt: {params['negative_prompt']}")
    facts = {
        "Steps": params["steps"],
        "Sampler": params["scheduler"],
        "CFG scale": params["guidance_scale"],
        "Seed": seed,
        "Size": f"{params['width']}x{params['height']}",
        "Model": model,
    }
    if params.get("strength") is not None:
        facts["Denoising strength"] = params["strength"]
    facts["Version"] = "darkroom"
    lines.append(", ".join(f"{name}: {value}" for name, value in facts.items()))
    return "\n".join(lines)


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=None)
    except UnidentifiedImageError as exc:
        raise BadPicture("these bytes are no picture that is read here (PNG, JPEG, WebP, GIF)", field="image") from exc
    except (OSError, SyntaxError, ValueError, IndexError, EOFError, TypeError, AttributeError, MemoryError) as exc:
        raise BadPicture(f"the picture's header is damaged: {exc}", field="image") from exc
    except Exception as exc:  # Pillow's plugins raise struct.error, zlib.error and more on hostile headers
        raise BadPicture(f"the picture's header is damaged: {type(exc).__name__}", field="image") from exc


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _from_deep(picture)
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, layer).convert("RGB")
    return picture.convert("RGB")


def _from_deep(picture: Image.Image) -> Image.Image:
    """16-bit grey: its high byte; Pillow's own convert would clip everything over 255 to white."""
    values = np.asarray(picture).astype(np.float64)
    top = 65535.0 if values.max(initial=0) > 255 else 255.0
    return Image.fromarray((values * (255.0 / top)).clip(0, 255).astype(np.uint8), "L").convert("RGB")


def _same_type(claimed: str | None, actual: str) -> bool:
    return {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}.get((claimed or "").lower(), claimed) == actual
