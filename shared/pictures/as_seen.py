"""From what a decoder gives to what a person sees: all modes, depths and transparencies become upright 8-bit sRGB."""

import io

import numpy as np
from PIL import Image, ImageChops

from shared.pictures.colour import to_srgb
from shared.pictures.orientation import upright
from shared.pictures.parts import Parts

#: 16 bits → 8: 65,535 / 255 = 257 exactly, so white stays white; rounded, not cut.
_EIGHT_BITS = ((np.arange(2**16) + 128) // 257).astype(np.uint8)
WHITE = (255, 255, 255)


def as_seen(picture: Image.Image, parts: Parts, orientation: int) -> Image.Image:
    """Eight bits of sRGB, white where it is transparent, upright; and with nothing said about it any more.

    Args:
        picture: as the decoder opened it, in its stored orientation.

    Raises:
        whatever the decoder does, where the file is damaged.
    """
    picture.load()
    clear = _clear_mask(picture, parts)
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray(_EIGHT_BITS[np.asarray(picture)], "L")
    if "transparency" in picture.info or picture.mode in ("PA", "La", "RGBa"):
        picture = picture.convert("RGBA")
    alpha = picture.getchannel("A") if picture.mode in ("RGBA", "LA") else None
    plain = (
        picture.getchannel("L") if picture.mode == "LA" else picture.convert("RGB") if alpha is not None else picture
    )
    seen = to_srgb(plain.convert("L") if plain.mode == "1" else plain, parts.icc or picture.info.get("icc_profile"))
    if alpha is not None and alpha.getextrema() != (255, 255):
        ground = Image.new("RGB", seen.size, WHITE)
        ground.paste(seen, mask=alpha)
        seen = ground
    if clear is not None:
        seen.paste(WHITE, mask=clear)
    seen = upright(seen, orientation)
    seen.info = {}  # a profile that is kept would be written again, beside pixels that are sRGB now
    return seen


def _clear_mask(picture: Image.Image, parts: Parts) -> Image.Image | None:
    """Where a PNG shows its transparent colour, compared in all the bits it has; None: it has no such colour."""
    if parts.clear is None:
        return None
    if picture.mode.startswith("I;16"):
        return Image.fromarray(((np.asarray(picture) == parts.clear[0]) * np.uint8(255)), "L")
    if parts.depth == 16:
        high = _equal(picture, [sample >> 8 for sample in parts.clear])
        return ImageChops.multiply(high, _equal(_low_bytes(parts), [sample & 255 for sample in parts.clear]))
    scale = 255 // (2**parts.depth - 1)
    grey_or_rgb = picture.convert("L") if picture.mode == "1" else picture
    return _equal(grey_or_rgb, [sample * scale for sample in parts.clear])


def _equal(picture: Image.Image, colour: list[int]) -> Image.Image:
    """255 where a grey or RGB picture has this colour, else 0."""
    masks = [
        band.point([255 if level == wanted else 0 for level in range(256)])
        for band, wanted in zip(picture.split(), colour, strict=True)
    ]
    return masks[0] if len(masks) == 1 else ImageChops.multiply(ImageChops.multiply(masks[0], masks[1]), masks[2])


def _low_bytes(parts: Parts) -> Image.Image:
    """The lower byte of each 16-bit sample: Pillow keeps the first of two bytes, and here the second counts as first."""
    with Image.open(io.BytesIO(parts.pixels), formats=("PNG",)) as picture:
        picture.tile = [tile._replace(args="RGB;16L") for tile in picture.tile]
        picture.load()
        return picture
