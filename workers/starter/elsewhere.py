"""Pictures that are no postcards, for the evaluation alone: none of these drawings was trained on (`foreign.py`)."""

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from workers.starter.world import SIDE_PX

Colour = tuple[int, int, int]


def elsewhere_pictures(many: int) -> list[Image.Image]:
    """The same for ever, every sort in turn."""
    return [SORTS[k % len(SORTS)](random.Random(f"elsewhere:{k}")) for k in range(many)]


def _colour(draw: random.Random) -> Colour:
    return draw.randrange(256), draw.randrange(256), draw.randrange(256)


def _sheet(colour: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (SIDE_PX, SIDE_PX), colour)
    return picture, ImageDraw.Draw(picture)


def spiral(draw: random.Random) -> Image.Image:
    picture, canvas = _sheet(_colour(draw))
    turns = draw.uniform(2, 7)
    points = [
        (64 + 58 * t * math.cos(t * turns * math.tau), 64 + 58 * t * math.sin(t * turns * math.tau))
        for t in np.linspace(0, 1, 300)
    ]
    canvas.line(points, _colour(draw), draw.randint(1, 5))
    return picture  # fmt: skip


def fractal(draw: random.Random) -> Image.Image:
    """A piece of the Mandelbrot set."""
    wide, x0, y0 = draw.uniform(0.05, 2.5), draw.uniform(-1.6, 0.2), draw.uniform(-0.8, 0.8)
    y, x = np.mgrid[0:1:128j, 0:1:128j]
    c = (x - 0.5) * wide + x0 + 1j * ((y - 0.5) * wide + y0)
    z, steps = np.zeros_like(c), np.zeros(c.shape)
    for _ in range(30):
        inside = np.abs(z) < 2
        z[inside] = z[inside] ** 2 + c[inside]
        steps += inside
    first, second = np.array(_colour(draw)), np.array(_colour(draw))
    return Image.fromarray((first + (second - first) * (steps / 30)[..., None]).astype(np.uint8))


def tartan(draw: random.Random) -> Image.Image:
    rows = np.repeat([_colour(draw) for _ in range(16)], 8, 0).astype(float)
    return Image.fromarray(((rows[:, None] + rows[None, :]) / 2).astype(np.uint8))


def mosaic(draw: random.Random) -> Image.Image:
    """Every pixel has the colour of the nearest of some points."""
    many = draw.randint(4, 30)
    spots = np.array([(draw.randrange(SIDE_PX), draw.randrange(SIDE_PX)) for _ in range(many)])
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    nearest = np.hypot(x[..., None] - spots[:, 0], y[..., None] - spots[:, 1]).argmin(-1)
    return Image.fromarray(np.array([_colour(draw) for _ in range(many)], np.uint8)[nearest])


def sprite(draw: random.Random) -> Image.Image:
    """A symmetric figure of large pixels."""
    picture, canvas = _sheet(_colour(draw))
    fill = _colour(draw)
    for row in range(2, 10):
        for column in range(4):
            if draw.random() < 0.55:
                for at in (6 - column - 1, 6 + column):
                    canvas.rectangle((at * 10 + 4, row * 10 + 4, at * 10 + 13, row * 10 + 13), fill)
    return picture


def music(draw: random.Random) -> Image.Image:
    picture, canvas = _sheet((252, 250, 240))
    for top in (14, 54, 94):
        for line in range(5):
            canvas.line((6, top + 5 * line, 122, top + 5 * line), (60, 60, 60))
        for x in range(14, 118, draw.randint(9, 16)):
            y = top + draw.randint(0, 20)
            canvas.ellipse((x - 4, y - 3, x + 3, y + 3), (20, 20, 20))
            canvas.line((x + 3, y, x + 3, y - 16), (20, 20, 20))
    return picture


def clock(draw: random.Random) -> Image.Image:
    picture, canvas = _sheet(_colour(draw))
    canvas.ellipse((14, 14, 114, 114), _colour(draw), _colour(draw), 4)
    for length, wide in ((26, 5), (42, 3)):
        angle = draw.uniform(0, math.tau)
        canvas.line((64, 64, 64 + length * math.cos(angle), 64 + length * math.sin(angle)), (10, 10, 10), wide)
    return picture


def clouds(draw: random.Random) -> Image.Image:
    """Sums of smooth waves."""
    y, x = np.mgrid[0:1:128j, 0:1:128j]
    levels = np.zeros((SIDE_PX, SIDE_PX, 3))
    for _ in range(6):
        wave = np.sin(draw.uniform(1, 14) * x + draw.uniform(1, 14) * y * draw.choice((-1, 1)) + draw.uniform(0, 6))
        levels += wave[..., None] * np.array([draw.uniform(-40, 40) for _ in range(3)])
    return Image.fromarray((levels + np.array(_colour(draw))).clip(0, 255).astype(np.uint8))


def terminal(draw: random.Random) -> Image.Image:
    picture, canvas = _sheet(draw.choice(((0, 0, 0), (0, 20, 40), (24, 24, 24))))
    ink = draw.choice(((80, 230, 90), (230, 230, 230), (250, 180, 60)))
    for y in range(4, 122, draw.randint(6, 11)):
        canvas.text((4, y), "".join(draw.choice("abcdef $/.-=:0123456789") for _ in range(draw.randint(2, 22))), ink)
    return picture


def form(draw: random.Random) -> Image.Image:
    """Fields, check boxes and a button."""
    picture, canvas = _sheet(draw.choice(((240, 240, 240), (255, 255, 255), (225, 235, 250))))
    for y in range(10, 100, draw.randint(14, 24)):
        canvas.rectangle((44, y, 120, y + 9), (255, 255, 255), (130, 130, 130))
        canvas.text((4, y - 1), "".join(draw.choice("Naemtlrs") for _ in range(5)), (60, 60, 60))
    canvas.rectangle((80, 110, 122, 123), _colour(draw))
    return picture


def target(draw: random.Random) -> Image.Image:
    picture, canvas = _sheet(_colour(draw))
    first, second = _colour(draw), _colour(draw)
    for ring, radius in enumerate(range(60, 4, -draw.randint(6, 14))):
        canvas.ellipse((64 - radius, 64 - radius, 64 + radius, 64 + radius), first if ring % 2 else second)
    return picture


def scribble(draw: random.Random) -> Image.Image:
    picture, canvas = _sheet((255, 255, 255))
    x, y = 64.0, 64.0
    for _ in range(120):
        ahead = (min(124, max(4, x + draw.uniform(-18, 18))), min(124, max(4, y + draw.uniform(-18, 18))))
        canvas.line((x, y, *ahead), (30, 30, 120), 2)
        x, y = ahead
    return picture


def speckles(draw: random.Random) -> Image.Image:
    """Salt and pepper over one colour."""
    numbers = np.random.default_rng(draw.randrange(2**32))
    levels = np.full((SIDE_PX, SIDE_PX, 3), _colour(draw), np.uint8)
    levels[numbers.random((SIDE_PX, SIDE_PX)) < draw.uniform(0.02, 0.5)] = draw.choice((0, 255))
    return Image.fromarray(levels)


def fan(draw: random.Random) -> Image.Image:
    """Colours around a centre."""
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    turn = ((np.arctan2(y, x) / math.tau) % 1)[..., None]
    first, second = np.array(_colour(draw)), np.array(_colour(draw))
    return Image.fromarray((first + (second - first) * turn).astype(np.uint8))


SORTS: tuple[Callable[[random.Random], Image.Image], ...] = (
    spiral, fractal, tartan, mosaic, sprite, music, clock, clouds, terminal, form, target, scribble, speckles, fan,
)  # fmt: skip
