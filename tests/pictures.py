"""Real pictures for tests, made on the spot."""

import io

from PIL import Image


def png(width: int = 64, height: int = 48, colour: tuple[int, int, int] = (180, 40, 30)) -> bytes:
    """A PNG of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


def jpeg(width: int = 64, height: int = 48) -> bytes:
    """A JPEG."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (20, 90, 200)).save(out, "JPEG")
    return out.getvalue()
