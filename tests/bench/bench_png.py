"""What encoding a PNG costs as shipped, against zlib's usual strategies: milliseconds and bytes on unlike pictures.

Run: `python -m tests.bench.bench_png OUT.json`. The picture like a photograph is noise with a photograph's spectrum (1/f)
and a sensor's grain; the flat one is ellipses on one colour; the cards are this project's own.
"""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from shared.pictures.pixels import to_png

SIDE_PX = 1024
ROUNDS = 7
CARDS = Path(__file__).parents[2] / "workers" / "starter" / "contact-sheet.jpg"
#: zlib's levels with the strategy that Pillow uses by itself.
LEVELS = (1, 4, 6)


def photograph(rng: np.random.Generator) -> Image.Image:
    """Noise of a photograph's spectrum with a sensor's grain."""
    frequencies = np.fft.fftfreq(SIDE_PX)
    radius = np.hypot(*np.meshgrid(frequencies, frequencies))
    radius[0, 0] = 1.0
    light, channels = rng.normal(size=(SIDE_PX, SIDE_PX)), []
    for _ in range(3):
        spectrum = np.fft.fft2(0.7 * light + 0.3 * rng.normal(size=light.shape)) / radius**1.2
        field = np.real(np.fft.ifft2(spectrum))
        channels.append(255 * (field - field.min()) / np.ptp(field) + rng.normal(0, 1.2, field.shape))
    return Image.fromarray(np.stack(channels, -1).clip(0, 255).astype(np.uint8))


def flat(rng: np.random.Generator) -> Image.Image:
    """Forty ellipses on one colour."""
    picture = Image.new("RGB", (SIDE_PX, SIDE_PX), (120, 180, 240))
    draw = ImageDraw.Draw(picture)
    for x, y in rng.integers(0, SIDE_PX, (40, 2)).tolist():
        draw.ellipse((x, y, x + 100, y + 80), fill=tuple(rng.integers(0, 255, 3).tolist()))
    return picture


def at_level(level: int) -> Callable[[Image.Image], bytes]:
    def encode(picture: Image.Image) -> bytes:
        out = io.BytesIO()
        picture.save(out, "PNG", compress_level=level)
        return out.getvalue()

    return encode


def measure() -> dict[str, Any]:
    """Milliseconds (the best of some) and KiB by picture and way."""
    rng = np.random.default_rng(0)
    ways = {"as shipped": to_png} | {f"level {level}": at_level(level) for level in LEVELS}
    pictures = {"photograph": photograph(rng), "flat": flat(rng), "cards": Image.open(CARDS).convert("RGB")}
    return {name: {way: _cost(encode, picture) for way, encode in ways.items()} for name, picture in pictures.items()}


def _cost(encode: Callable[[Image.Image], bytes], picture: Image.Image) -> dict[str, float]:
    took_s, size = [], 0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        size = len(encode(picture))
        took_s.append(time.perf_counter() - started)
    return {"ms": round(min(took_s) * 1000, 1), "kib": size // 1024}


def main(out: Path) -> dict[str, Any]:
    """Measure and write the numbers; returns them."""
    numbers = measure()
    out.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
