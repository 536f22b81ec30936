"""How each kind of thing is drawn: a dozen plain silhouettes in units of the thing's half width.

The body of every thing is filled with the thing's own colour; details stay few and over 3 px wide, because the VAE has
one latent cell for 8×8 pixels. A new kind needs a function here and its outline in `world.EXTENT`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from PIL import ImageDraw

Colour = tuple[int, int, int]
Points = list[tuple[float, float]]

PAPER: Colour = (255, 250, 238)
INK: Colour = (38, 32, 40)
TRUNK: Colour = (112, 72, 42)
LEAF: Colour = (60, 150, 60)
LAMP: Colour = (255, 238, 160)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`share` of the second colour in the first."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


@dataclass(frozen=True)
class Pen:
    """Draws in a thing's own units; `width_px` and the positions are in pixels of the (enlarged) canvas."""

    canvas: ImageDraw.ImageDraw
    centre_px: tuple[float, float]
    unit_px: float
    body: Colour
    line: Colour
    width_px: int

    @property
    def dark(self) -> Colour:
        return mix(self.body, INK, 0.3)

    @property
    def light(self) -> Colour:
        return mix(self.body, PAPER, 0.55)

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.centre_px[0] + x * self.unit_px, self.centre_px[1] + y * self.unit_px

    def polygon(self, points: Points, fill: Colour | None = None) -> None:
        corners = [self.at(x, y) for x, y in points]
        self.canvas.polygon(corners, fill=fill or self.body)
        self.canvas.line([*corners, corners[0], corners[1]], fill=self.line, width=self.width_px, joint="curve")

    def ellipse(self, box: tuple[float, float, float, float], fill: Colour | None = None, edge: bool = True) -> None:
        left, top, right, bottom = box
        corners = [self.at(left, top), self.at(right, bottom)]
        self.canvas.ellipse(corners, fill or self.body, self.line if edge else None, self.width_px if edge else 0)

    def rectangle(self, box: tuple[float, float, float, float], fill: Colour | None = None, edge: bool = True) -> None:
        left, top, right, bottom = box
        corners = [self.at(left, top), self.at(right, bottom)]
        self.canvas.rectangle(corners, fill or self.body, self.line if edge else None, self.width_px if edge else 0)

    def stroke(self, points: Points, fill: Colour | None = None) -> None:
        corners = [self.at(x, y) for x, y in points]
        self.canvas.line(corners, fill=fill or self.line, width=self.width_px, joint="curve")


def house(pen: Pen) -> None:
    pen.rectangle((-0.75, -0.2, 0.75, 0.95))
    pen.polygon([(-0.95, -0.15), (0, -1), (0.95, -0.15)], pen.dark)
    pen.rectangle((-0.5, 0.12, -0.08, 0.5), LAMP, edge=False)
    pen.rectangle((0.16, 0.22, 0.52, 0.95), pen.dark, edge=False)


def tree(pen: Pen) -> None:
    pen.rectangle((-0.17, 0.3, 0.17, 1), TRUNK)
    pen.polygon([(-0.8, 0.45), (0, -0.35), (0.8, 0.45)])
    pen.polygon([(-0.65, -0.1), (0, -1), (0.65, -0.1)])


def boat(pen: Pen) -> None:
    pen.stroke([(0, 0.35), (0, -1)], INK)
    pen.polygon([(0.1, -0.95), (0.1, 0.15), (0.8, 0.15)], PAPER)
    pen.polygon([(-1, 0.3), (1, 0.3), (0.6, 0.85), (-0.6, 0.85)])


def car(pen: Pen) -> None:
    pen.polygon([(-0.65, 0), (-0.4, -0.6), (0.3, -0.6), (0.65, 0)])
    pen.polygon([(-0.38, -0.05), (-0.24, -0.4), (0.2, -0.4), (0.38, -0.05)], LAMP)
    pen.rectangle((-1, -0.05, 1, 0.45))
    for x in (-0.55, 0.55):
        pen.ellipse((x - 0.27, 0.16, x + 0.27, 0.7), INK)


def fish(pen: Pen) -> None:
    pen.polygon([(0.35, 0), (1, -0.55), (1, 0.55)], pen.dark)
    pen.ellipse((-1, -0.6, 0.6, 0.6))
    pen.ellipse((-0.7, -0.28, -0.42, 0), PAPER)


def cat(pen: Pen) -> None:
    pen.ellipse((-0.6, -0.05, 0.6, 1))
    pen.polygon([(-0.7, -1), (-0.65, -0.3), (-0.1, -0.75)])
    pen.polygon([(0.7, -1), (0.65, -0.3), (0.1, -0.75)])
    pen.ellipse((-0.8, -0.8, 0.8, 0.3))
    for x in (-0.36, 0.36):
        pen.ellipse((x - 0.15, -0.4, x + 0.15, -0.1), LAMP, edge=False)


def flower(pen: Pen) -> None:
    pen.rectangle((-0.11, 0.2, 0.11, 1), LEAF, edge=False)
    pen.ellipse((0, 0.55, 0.6, 0.85), LEAF, edge=False)
    for turn in range(5):
        x, y = 0.4 * math.sin(turn * math.tau / 5), -0.35 - 0.35 * math.cos(turn * math.tau / 5)
        pen.ellipse((x - 0.3, y - 0.3, x + 0.3, y + 0.3))
    pen.ellipse((-0.24, -0.59, 0.24, -0.11), LAMP)


def balloon(pen: Pen) -> None:
    pen.stroke([(0, 0.4), (0.08, 0.7), (0, 1)], INK)
    pen.polygon([(-0.14, 0.52), (0, 0.3), (0.14, 0.52)])
    pen.ellipse((-0.65, -1, 0.65, 0.42))
    pen.ellipse((-0.4, -0.75, -0.08, -0.35), pen.light, edge=False)


def star(pen: Pen) -> None:
    tips = [(1.0 if k % 2 == 0 else 0.44, k * math.pi / 5) for k in range(10)]
    pen.polygon([(r * math.sin(angle), -r * math.cos(angle)) for r, angle in tips])


def heart(pen: Pen) -> None:
    turns = [k * math.tau / 48 for k in range(48)]
    pen.polygon(
        [
            (
                0.95 * math.sin(t) ** 3,
                -0.0588 * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)),
            )
            for t in turns
        ]
    )


def ball(pen: Pen) -> None:
    pen.ellipse((-0.8, -0.8, 0.8, 0.8))
    pen.rectangle((-0.72, -0.14, 0.72, 0.14), pen.light, edge=False)


def box(pen: Pen) -> None:
    pen.rectangle((-0.8, -0.8, 0.8, 0.8))
    pen.rectangle((-0.16, -0.74, 0.16, 0.74), pen.light, edge=False)


def windmill(pen: Pen) -> None:
    pen.polygon([(-0.3, -0.25), (0.3, -0.25), (0.48, 1), (-0.48, 1)])
    pen.rectangle((-0.14, 0.56, 0.14, 1), pen.dark, edge=False)
    for turn in range(4):
        along = math.tau * (turn + 0.5) / 4
        x, y = math.sin(along), -math.cos(along)
        corners = [(0.12, 0.0), (0.98, -0.17), (0.98, 0.17)]
        pen.polygon([(far * x - side * y, far * y + side * x - 0.3) for far, side in corners], PAPER)
    pen.ellipse((-0.13, -0.43, 0.13, -0.17), INK)


SHAPES: dict[str, Callable[[Pen], None]] = {
    "house": house,
    "tree": tree,
    "boat": boat,
    "car": car,
    "fish": fish,
    "cat": cat,
    "flower": flower,
    "balloon": balloon,
    "star": star,
    "heart": heart,
    "ball": ball,
    "box": box,
    "windmill": windmill,
}
