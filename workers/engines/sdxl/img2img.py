"""The starting picture of image to image, made to fit."""

from PIL import Image, ImageOps


def fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture in RGB at exactly width × height pixels: scaled to cover it, then centre-cropped.

    The aspect is kept and nothing is stretched; what sticks out on the longer side is cut off evenly. A picture that
    has the size already passes untouched, to the last bit.
    """
    rgb = picture.convert("RGB")
    if rgb.size == (width, height):
        return rgb
    return ImageOps.fit(rgb, (width, height), method=Image.Resampling.LANCZOS, centering=(0.5, 0.5))
