"""Pictures that are no postcards, to teach the vision model where its world ends; none of them ships.

Drawn ones of a dozen sorts, and, where the trainer is given a folder of photographs, crops of those. The evaluation
uses other drawings (`elsewhere.py`) and other photographs.
"""

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from workers.starter.world import SIDE_PX

#: How often a photograph is taken where there are some.
PHOTO_SHARE = 0.5
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

Colour = tuple[int, int, int]


def load_photos(folder: Path) -> list[Image.Image]:
    """All pictures of a folder, small enough to keep in memory."""
    photos = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            photo = Image.open(path).convert("RGB")
            photo.thumbnail((480, 480))
            photos.append(photo)
    return photos


def foreign_picture(draw: random.Random, photos: Sequence[Image.Image] = ()) -> Image.Image:
    """Any picture that is no postcard, `SIDE_PX` square."""
    if photos and draw.random() < PHOTO_SHARE:
        return crop_of(draw.choice(photos), draw)
    picture = draw.choice(DRAWINGS)(draw)
    return picture.filter(ImageFilter.GaussianBlur(draw.uniform(0.3, 2))) if draw.random() < 0.25 else picture


def crop_of(photo: Image.Image, draw: random.Random) -> Image.Image:
    """A part of a photograph, or all of it, at times mirrored, grey, pale or blurred."""
    share = draw.choice((1.0, draw.uniform(0.3, 1)))
    wide, high = round(photo.width * share), round(photo.height * draw.choice((share, draw.uniform(0.3, 1))))
    left, top = draw.randint(0, photo.width - wide), draw.randint(0, photo.height - high)
    picture = photo.crop((left, top, left + wide, top + high)).resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
    if draw.random() < 0.5:
        picture = ImageOps.mirror(picture)
    change = draw.random()
    if change < 0.1:
        return picture.convert("L").convert("RGB")
    if change < 0.2:
        return picture.filter(ImageFilter.GaussianBlur(draw.uniform(1, 4)))
    if change < 0.3:
        return Image.blend(picture, Image.new("RGB", picture.size, _colour(draw)), draw.uniform(0.1, 0.4))
    return picture


def _colour(draw: random.Random) -> Colour:
    return draw.randrange(256), draw.randrange(256), draw.randrange(256)


def _spot(draw: random.Random) -> tuple[int, int]:
    return draw.randrange(SIDE_PX), draw.randrange(SIDE_PX)


def _box(draw: random.Random, least: int = 6, most: int = 80) -> tuple[int, int, int, int]:
    x, y = draw.randint(-10, SIDE_PX - 10), draw.randint(-10, SIDE_PX - 10)
    return x, y, x + draw.randint(least, most), y + draw.randint(least, most)


def _sheet(draw: random.Random, colour: Colour | None = None) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (SIDE_PX, SIDE_PX), colour or _colour(draw))
    return picture, ImageDraw.Draw(picture)


def solid(draw: random.Random) -> Image.Image:
    return _sheet(draw, draw.choice((None, None, (0, 0, 0), (255, 255, 255), (128, 128, 128))))[0]


def noise(draw: random.Random) -> Image.Image:
    """White or coarse, grey or coloured."""
    cells, numbers = draw.choice((4, 8, 16, 32, 64, 128)), np.random.default_rng(draw.randrange(2**32))
    levels = numbers.normal(draw.uniform(60, 190), draw.uniform(15, 90), (cells, cells, draw.choice((1, 3))))
    small = Image.fromarray(np.broadcast_to(levels, (cells, cells, 3)).clip(0, 255).astype(np.uint8))
    return small.resize((SIDE_PX, SIDE_PX), draw.choice((Image.Resampling.NEAREST, Image.Resampling.BICUBIC)))


def gradient(draw: random.Random) -> Image.Image:
    """Two or three colours, along a line or from a centre."""
    y, x = np.mgrid[0:1:128j, 0:1:128j]
    angle = draw.choice((0, math.pi / 2, draw.uniform(0, math.tau)))
    along = np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5) + 0.5
    if draw.random() < 0.3:
        along = np.hypot(x - draw.random(), y - draw.random())
    stops = np.array([_colour(draw) for _ in range(draw.choice((2, 2, 3)))], float)
    at = along.clip(0, 1) * (len(stops) - 1)
    levels = np.stack([np.interp(at, range(len(stops)), stops[:, channel]) for channel in range(3)], -1)
    return Image.fromarray(levels.astype(np.uint8))


def stripes(draw: random.Random) -> Image.Image:
    """Stripes, checks or dots."""
    step, first, second = draw.randint(4, 32), np.array(_colour(draw)), np.array(_colour(draw))
    y, x = np.mgrid[0:128, 0:128]
    turn = draw.uniform(0, math.pi)
    masks = (
        (x * math.cos(turn) + y * math.sin(turn)) // step % 2,
        (x // step + y // step) % 2,
        np.hypot(x % step - step / 2, y % step - step / 2) < step / 3,
    )
    mask = draw.choice(masks).astype(bool)[..., None]
    return Image.fromarray(np.where(mask, first, second).astype(np.uint8))


def screenshot(draw: random.Random) -> Image.Image:
    """A desktop with windows of lines, buttons and a bar."""
    picture, canvas = _sheet(draw)
    for _ in range(draw.randint(1, 4)):
        left, top, right, bottom = _box(draw, 40, 110)
        page: Colour = draw.choice(((250, 250, 250), (30, 32, 38), (236, 238, 242)))
        canvas.rectangle((left, top, right, bottom), page, (120, 120, 120))
        canvas.rectangle((left, top, right, top + 8), _colour(draw))
        _lines(canvas, draw, (left + 4, top + 13, right - 4, bottom - 4))
    if draw.random() < 0.6:
        canvas.rectangle((0, 0, SIDE_PX, 8) if draw.random() < 0.5 else (0, 118, SIDE_PX, SIDE_PX), _colour(draw))
    return picture


def page(draw: random.Random) -> Image.Image:
    """A sheet of text."""
    picture, canvas = _sheet(draw, draw.choice(((255, 255, 255), (250, 245, 230), (20, 20, 24))))
    _lines(canvas, draw, (draw.randint(4, 20), draw.randint(4, 20), draw.randint(90, 124), 124))
    if draw.random() < 0.3:
        canvas.rectangle(_box(draw, 20, 60), _colour(draw))
    return picture


def _lines(canvas: ImageDraw.ImageDraw, draw: random.Random, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    ink, pitch = draw.choice(((40, 40, 40), (90, 90, 90), (200, 200, 205))), draw.randint(4, 9)
    for y in range(top, max(top, bottom), pitch):
        x = left
        while x < right - 4 and draw.random() < 0.92:
            end = min(right, x + draw.randint(3, 16))
            canvas.rectangle((x, y, end, y + max(1, pitch - 4)), ink)
            x = end + 3


def shapes(draw: random.Random) -> Image.Image:
    """A heap of ellipses, boxes, triangles and lines."""
    picture, canvas = _sheet(draw)
    for _ in range(draw.randint(1, 14)):
        box, fill = _box(draw), _colour(draw)
        sort = draw.randrange(4)
        if sort == 0:
            canvas.ellipse(box, fill)
        elif sort == 1:
            canvas.rectangle(box, fill)
        elif sort == 2:
            canvas.polygon([_spot(draw) for _ in range(draw.randint(3, 6))], fill)
        else:
            canvas.line([_spot(draw) for _ in range(draw.randint(2, 6))], fill, draw.randint(1, 6))
    return picture


def chart(draw: random.Random) -> Image.Image:
    """Bars, a pie or a curve."""
    picture, canvas = _sheet(draw, draw.choice(((255, 255, 255), (245, 245, 250), (25, 28, 36))))
    canvas.line([(12, 8), (12, 116), (122, 116)], (110, 110, 110), 2)
    sort = draw.randrange(3)
    if sort == 0:
        wide = draw.randint(6, 18)
        for x in range(18, 116 - wide, wide + 5):
            canvas.rectangle((x, draw.randint(16, 110), x + wide, 115), _colour(draw))
    elif sort == 1:
        ends = sorted(draw.uniform(0, 360) for _ in range(draw.randint(2, 6)))
        for start, end in zip([ends[-1] - 360, *ends], ends, strict=False):
            canvas.pieslice((20, 14, 114, 108), start, end, _colour(draw))
    else:
        for _ in range(draw.randint(1, 3)):
            canvas.line([(x, draw.randint(14, 112)) for x in range(14, 122, draw.randint(6, 20))], _colour(draw), 2)
    return picture


def figure(draw: random.Random) -> Image.Image:
    """A face or a stick figure."""
    picture, canvas = _sheet(draw)
    ink, (x, y), size = _colour(draw), (draw.randint(40, 88), draw.randint(30, 60)), draw.randint(10, 40)
    canvas.ellipse((x - size, y - size, x + size, y + size), _colour(draw), ink, 2)
    for side in (-1, 1):
        canvas.ellipse((x + side * size // 2 - 3, y - 6, x + side * size // 2 + 3, y), ink)
    canvas.arc((x - size // 2, y - size // 3, x + size // 2, y + size // 2), 20, 160, ink, 2)
    if size < 24:
        canvas.line([(x, y + size), (x, y + size + 35)], ink, 3)
        canvas.line([(x - 20, y + size + 14), (x, y + size + 6), (x + 20, y + size + 14)], ink, 3)
        canvas.line([(x - 16, y + size + 60), (x, y + size + 35), (x + 16, y + size + 60)], ink, 3)
    return picture


def landscape(draw: random.Random) -> Image.Image:
    """Hills in layers, as another hand would draw them: other colours, another horizon."""
    picture, canvas = _sheet(draw)
    for layer in range(draw.randint(1, 5)):
        level, high = 20 + 24 * layer + draw.randint(0, 20), draw.randint(2, 40)
        points = [(x, level + draw.randint(-high, high)) for x in range(0, SIDE_PX + 1, draw.choice((8, 16, 32)))]
        canvas.polygon([(0, SIDE_PX), (0, level), *points, (SIDE_PX, SIDE_PX)], _colour(draw))
    return picture


DRAWINGS: tuple[Callable[[random.Random], Image.Image], ...] = (
    solid, noise, noise, gradient, gradient, stripes, screenshot, screenshot, page, shapes, shapes, chart, figure, landscape,
)  # fmt: skip
