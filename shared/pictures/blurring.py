"""A picture of which only colours are left: what is shown of one that its owner has not revealed.

It is made of so few pixels that nothing can be read back from it, and only then made large again. The few are what is worth
keeping: making them costs a look at the whole picture, making them large costs milliseconds.
"""

import io

from PIL import Image, ImageFilter

from shared.pictures.pixels import to_webp

#: Pixels across that survive: enough for light and dark, too few for shapes.
LEFT_PX = 12
#: Widest and highest that is answered.
LARGEST_PX = 512


def blurred(few: bytes, width_px: int, height_px: int, widest_px: int = LARGEST_PX) -> bytes:
    """WebP bytes of a blurred picture in its own aspect, at most `LARGEST_PX` wide and high.

    Args:
        few: a thumbnail of it, `LEFT_PX` wide.
        width_px, height_px: of the whole upright picture.
        widest_px: the widest that was asked for.
    """
    scale = min(1.0, min(widest_px, LARGEST_PX) / width_px, LARGEST_PX / height_px)
    size = max(1, round(width_px * scale)), max(1, round(height_px * scale))
    with Image.open(io.BytesIO(few)) as picture:
        small = picture.convert("RGB")
    small.thumbnail((LEFT_PX, LEFT_PX))  # a tower's thumbnail is as high as it is
    large = small.resize(size, Image.Resampling.BICUBIC)
    return to_webp(large.filter(ImageFilter.GaussianBlur(max(size) / LEFT_PX / 2)), quality=50)
