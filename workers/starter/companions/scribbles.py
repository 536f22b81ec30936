"""What a person draws with a mouse: black strokes on white for the things of a card, never twice alike.

The strokes are the outlines that `shapes.py` fills, collected instead of drawn. Each drawing then wobbles in its own way:
strokes are moved, turned, bent and broken, thick or thin, and small details are often left out. Cards to draw have their
things anywhere, not only where `world.py` puts them: a person does not know its three places.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise

from PIL import Image, ImageDraw

from workers.starter.paint import HORIZON
from workers.starter.shapes import SHAPES, Colour, Pen, Points
from workers.starter.usual import scene_to_ask, usual_scene
from workers.starter.world import EXTENT, FLOATING, SIDE_PX, Scene, Split, Thing

#: Drawn this many times larger, then reduced.
ENLARGED = 3
#: Points along a stroke, one every so many units of the thing's half width.
STEP = 0.12
#: Widest and thinnest stroke, px; most hand-drawn ones lie between.
STROKE_PX = (1.2, 4.5)
#: How far strokes bend away from the truth, units of the half width.
WOBBLE = 0.09
#: Chances: that a detail inside a thing is left out, that a stroke is broken, that the horizon is drawn.
DETAIL_LEFT_OUT, BROKEN, HORIZON_DRAWN = 0.5, 0.4, 0.12
#: Half widths of things that are drawn anywhere, shares of the side.
HALF_WIDTHS = (0.13, 0.26)
#: How often a card to draw has its things where the world has them.
IN_PLACE = 0.3

Stroke = list[tuple[float, float]]


@dataclass(frozen=True)
class _Tracer(Pen):
    """A pen that notes its lines, shares of the side, and draws nothing."""

    strokes: list[tuple[Stroke, bool]] = field(default_factory=list)

    def polygon(self, points: Points, fill: Colour | None = None) -> None:
        self._note([*points, points[0]], True)

    def ellipse(self, box: tuple[float, float, float, float], fill: Colour | None = None, edge: bool = True) -> None:
        left, top, right, bottom = box
        turns = [k * math.tau / 28 for k in range(29)]
        x, y, wide, high = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
        self._note([(x + wide * math.cos(t), y + high * math.sin(t)) for t in turns], edge and wide > 0.25)

    def rectangle(self, box: tuple[float, float, float, float], fill: Colour | None = None, edge: bool = True) -> None:
        left, top, right, bottom = box
        self._note([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], edge)

    def stroke(self, points: Points, fill: Colour | None = None) -> None:
        self._note(list(points), False)

    def _note(self, points: Stroke, outer: bool) -> None:
        self.strokes.append((points, outer))


@cache
def strokes_of(kind: str) -> tuple[tuple[Stroke, bool], ...]:
    """The outlines of a kind in units of its half width, each with whether a drawing must have it."""
    nothing = ImageDraw.Draw(Image.new("L", (1, 1)))
    tracer = _Tracer(nothing, (0, 0), 1, (0, 0, 0), (0, 0, 0), 1)
    SHAPES[kind](tracer)
    return tuple(tracer.strokes)


def scribble(scene: Scene, draw: random.Random) -> Image.Image:
    """The scene's things as strokes, `SIDE_PX` square, RGB: black on white."""
    wide = SIDE_PX * ENLARGED
    sheet = Image.new("L", (wide, wide), 255)
    canvas = ImageDraw.Draw(sheet)
    width_px = draw.uniform(*STROKE_PX) * ENLARGED
    if draw.random() < HORIZON_DRAWN:
        line = [(0.0, HORIZON), (0.5, HORIZON + draw.uniform(-0.04, 0.02)), (1.0, HORIZON)]
        _draw(canvas, line, width_px, wide)
    for thing in scene.things:
        for stroke in _by_hand(thing, draw):
            _draw(canvas, stroke, width_px * draw.uniform(0.85, 1.15), wide)
    return sheet.reduce(ENLARGED).convert("RGB")


def _by_hand(thing: Thing, draw: random.Random) -> list[Stroke]:
    """A thing's strokes, shares of the side."""
    has_details = draw.random() >= DETAIL_LEFT_OUT
    turn, stretch = draw.gauss(0, 0.05), draw.uniform(0.92, 1.08)
    steady = draw.random()
    found = []
    for points, outer in strokes_of(thing.kind):
        if outer or has_details:
            bent = _bent(points, draw, WOBBLE * steady)
            pieces = _broken(bent, draw) if draw.random() < BROKEN * steady else [bent]
            found += [[_placed(point, thing, turn, stretch) for point in piece] for piece in pieces]
    return found


def _bent(points: Stroke, draw: random.Random, amount: float) -> Stroke:
    """Points close together along a stroke, swung slowly to and fro; a slight shift for the whole stroke."""
    dense = _dense(points)
    swings = [(draw.uniform(0.5, 3.0), draw.uniform(0, math.tau), draw.gauss(0, amount) / 2) for _ in range(6)]
    shift = draw.gauss(0, amount / 3), draw.gauss(0, amount / 3)
    bent = []
    for k, (x, y) in enumerate(dense):
        at = k / max(1, len(dense) - 1) * math.tau
        dx, dy = (sum(size * math.sin(pace * at + phase) for pace, phase, size in part) for part in _halves(swings))
        bent.append((x + dx + shift[0], y + dy + shift[1]))
    return bent


def _halves(swings: Sequence[tuple[float, float, float]]) -> tuple[Sequence[tuple[float, float, float]], ...]:
    return swings[: len(swings) // 2], swings[len(swings) // 2 :]


def _dense(points: Stroke) -> Stroke:
    dense = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        many = max(1, round(math.hypot(x1 - x0, y1 - y0) / STEP))
        dense += [(x0 + (x1 - x0) * k / many, y0 + (y1 - y0) * k / many) for k in range(1, many + 1)]
    return dense


def _broken(points: Stroke, draw: random.Random) -> list[Stroke]:
    """The stroke with one or two gaps."""
    pieces, left = [], points
    for _ in range(draw.randint(1, 2)):
        if len(left) < 8:
            break
        cut = draw.randint(2, len(left) - 4)
        pieces.append(left[:cut])
        left = left[cut + draw.randint(1, 3) :]
    return [*pieces, left]


def _placed(point: tuple[float, float], thing: Thing, turn: float, stretch: float) -> tuple[float, float]:
    x, y = point[0] * stretch, point[1] / stretch
    along, down = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
    return thing.centre[0] + along * thing.half_width, thing.centre[1] + down * thing.half_width


def _draw(canvas: ImageDraw.ImageDraw, stroke: Stroke, width_px: float, wide: int) -> None:
    spots = [(x * wide, y * wide) for x, y in stroke]
    if len(spots) < 2:
        return
    canvas.line(spots, fill=0, width=round(width_px), joint="curve")
    for x, y in (spots[0], spots[-1]):
        canvas.ellipse((x - width_px / 2, y - width_px / 2, x + width_px / 2, y + width_px / 2), fill=0)


def scene_to_draw(seed: int, split: Split = "train", count: int | None = None) -> Scene:
    """A card whose things stand anywhere, in any size, without touching; three in ten are as the world has them."""
    draw = random.Random(f"drawn:{split}:{seed}")
    many = draw.choices((1, 2, 3), (64, 28, 8))[0] if count is None else count
    scene = scene_to_ask(seed, split, many, alike=False)
    if draw.random() < IN_PLACE:
        return scene
    share = 1 / many
    spots = [(k + 0.5) * share for k in range(many)]
    things = tuple(_somewhere(thing, spot, share, draw) for thing, spot in zip(scene.things, spots, strict=True))
    return replace(scene, things=things)


def _somewhere(thing: Thing, middle: float, share: float, draw: random.Random) -> Thing:
    """The thing moved about in its share of the card's width, on the ground or in the air as its kind goes."""
    left, top, right, bottom = EXTENT[thing.kind]
    widest = (share - 0.03) / (right - left)
    half = min(draw.uniform(*HALF_WIDTHS), widest)
    slack = max(0.0, share / 2 - 0.015 - half * (right - left) / 2)
    x = middle + draw.uniform(-slack, slack) - half * (left + right) / 2
    if thing.kind in FLOATING:
        y = draw.uniform(0.24 - top * half, max(0.24 - top * half, 0.72 - bottom * half))
    else:
        y = draw.uniform(0.76, 0.96) - bottom * half
    return replace(thing, centre=(x, y), half_width=half)


def as_asked(scene: Scene) -> Scene:
    """The same things where they usually stand: its prompt names no place and no size."""
    usual = usual_scene(scene.seed, [(thing.kind, thing.colour) for thing in scene.things], scene.ground)
    return replace(usual, sky=scene.sky, style=scene.style)
