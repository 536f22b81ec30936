"""From a scene to its pixels: sky, ground and things, drawn three times too large and reduced.

Styles differ in the line: *flat* draws it in the thing's own darker colour, *outlined* in ink, *watercolour* lets fills
bleed a little and pales everything towards the paper. Nothing is thinner than 2 px after the reduction.
"""

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from workers.starter.shapes import INK, PAPER, SHAPES, Colour, Pen, mix
from workers.starter.world import COLOURS, FLOATING, SIDE_PX, Scene, Thing

#: Drawn this many times larger, then reduced: Pillow draws without anti-aliasing.
ENLARGED = 3
#: Width of every line on a card.
LINE_PX = 2

#: Where the ground begins, share of the height.
HORIZON = 0.56

SKY_COLOURS: dict[str, tuple[Colour, Colour]] = {
    "day": ((104, 182, 240), (206, 232, 250)),
    "dusk": ((112, 78, 150), (255, 170, 110)),
    "night": ((14, 18, 62), (44, 50, 112)),
    "rain": ((112, 124, 140), (172, 182, 192)),
}
GROUND_COLOURS: dict[str, tuple[Colour, Colour]] = {
    "meadow": ((138, 202, 88), (96, 168, 62)),
    "sand": ((240, 214, 154), (222, 186, 116)),
    "snow": ((240, 244, 250), (220, 230, 242)),
    "sea": ((52, 150, 192), (18, 88, 144)),
}
#: Light that a sky casts on the ground, and how strongly.
CAST: dict[str, tuple[Colour, float]] = {
    "day": ((255, 255, 255), 0.0),
    "dusk": ((190, 96, 84), 0.22),
    "night": ((20, 26, 80), 0.5),
    "rain": ((110, 120, 134), 0.25),
}
#: Fixed places of stars and raindrops: a random sprinkle cannot be learnt from so few latents.
STARS = ((0.1, 0.2), (0.27, 0.08), (0.42, 0.24), (0.56, 0.09), (0.72, 0.22), (0.9, 0.38), (0.16, 0.42))
DROPS = tuple((0.12 + 0.25 * (k % 4) + 0.12 * (k // 4 % 2), 0.08 + 0.16 * (k // 4)) for k in range(12))


@dataclass(frozen=True)
class _Sheet:
    """What is drawn on, enlarged; sides and lines in its own pixels."""

    picture: Image.Image
    canvas: ImageDraw.ImageDraw
    wide: int
    line_px: int

    @classmethod
    def blank(cls, times: int = 1) -> "_Sheet":
        wide = SIDE_PX * ENLARGED * times
        picture = Image.new("RGB", (wide, wide))
        return cls(picture, ImageDraw.Draw(picture), wide, LINE_PX * ENLARGED * times)


def paint(scene: Scene, times: int = 1) -> Image.Image:
    """Draw a scene, RGB, `times` × `SIDE_PX` square: the same card, not a larger one with finer lines."""
    draw = random.Random(f"paint:{scene.seed}")
    sheet = _Sheet.blank(times)
    _paint_sky(sheet, scene.sky, draw)
    _paint_ground(sheet, scene, draw)
    for thing in scene.things:
        _paint_thing(sheet, thing, scene, draw)
    small = sheet.picture.reduce(ENLARGED)
    if scene.style != "watercolour":
        return small
    bled = small.filter(ImageFilter.GaussianBlur(0.6 * times))
    return Image.blend(bled, Image.new("RGB", bled.size, PAPER), 0.16)


def thing_mask(thing: Thing) -> Image.Image:
    """The silhouette of a thing, 255 inside, `SIDE_PX` square: the truth for boxes and for the pixel judge."""
    sheet = _Sheet.blank()
    white = (255, 255, 255)
    SHAPES[thing.kind](_pen(sheet, thing, white, white))
    return sheet.picture.convert("L").point(lambda level: 255 if level > 0 else 0).reduce(ENLARGED)


def _pen(sheet: _Sheet, thing: Thing, body: Colour, line: Colour) -> Pen:
    x, y = thing.centre
    return Pen(sheet.canvas, (x * sheet.wide, y * sheet.wide), thing.half_width * sheet.wide, body, line, sheet.line_px)


def _paint_thing(sheet: _Sheet, thing: Thing, scene: Scene, draw: random.Random) -> None:
    tint = draw.uniform(-0.05, 0.05)
    body = mix(COLOURS[thing.colour], PAPER if tint > 0 else INK, abs(tint))
    line = INK if scene.style == "outlined" else mix(body, INK, 0.35)
    if thing.kind not in FLOATING and scene.ground != "sea":
        _paint_shadow(sheet, thing, scene)
    SHAPES[thing.kind](_pen(sheet, thing, body, line))


def _paint_shadow(sheet: _Sheet, thing: Thing, scene: Scene) -> None:
    left, _, right, bottom = (share * sheet.wide for share in thing.box)
    deep = 0.12 * thing.half_width * sheet.wide
    fill = mix(_lit(GROUND_COLOURS[scene.ground][1], scene.sky), INK, 0.25)
    sheet.canvas.ellipse((left - deep, bottom - deep, right + deep, bottom + deep), fill=fill)


def _paint_sky(sheet: _Sheet, sky: str, draw: random.Random) -> None:
    _shade(sheet, *SKY_COLOURS[sky], 0.0, HORIZON + 0.05)
    side = draw.choice((0.13, 0.87))
    if sky == "day":
        _disc(sheet, side, 0.13, 0.085, (255, 226, 92))
    elif sky == "dusk":
        _disc(sheet, side, HORIZON - 0.02, 0.1, (255, 120, 84))
    elif sky == "night":
        for x, y in STARS:
            _disc(sheet, x, y, 0.014, (244, 240, 214))
        _disc(sheet, side, 0.13, 0.085, (250, 240, 190))
        _disc(sheet, side + 0.035, 0.11, 0.07, (22, 26, 74))
    else:
        for x, y in DROPS:
            ends = [(x * sheet.wide, y * sheet.wide), ((x - 0.03) * sheet.wide, (y + 0.085) * sheet.wide)]
            sheet.canvas.line(ends, fill=(196, 208, 222), width=sheet.line_px)


def _paint_ground(sheet: _Sheet, scene: Scene, draw: random.Random) -> None:
    near, far = (_lit(colour, scene.sky) for colour in reversed(GROUND_COLOURS[scene.ground]))
    if scene.ground == "sea":
        _shade(sheet, far, near, HORIZON, 1.0)
        for k in range(6):
            x, y = 0.04 + 0.34 * (k % 3) + 0.15 * (k // 3), 0.64 + 0.24 * (k // 3)
            box = (x * sheet.wide, y * sheet.wide, (x + 0.14) * sheet.wide, (y + 0.06) * sheet.wide)
            sheet.canvas.arc(box, 20, 160, fill=mix(far, (255, 255, 255), 0.35), width=sheet.line_px)
        return
    hill = draw.choice((-0.25, 0.45))
    sheet.canvas.ellipse(
        (hill * sheet.wide, (HORIZON - 0.06) * sheet.wide, (hill + 0.85) * sheet.wide, 1.2 * sheet.wide), fill=far
    )
    _shade(sheet, far, near, HORIZON, 1.0)


def _lit(colour: Colour, sky: str) -> Colour:
    light, share = CAST[sky]
    return mix(colour, light, share)


def _shade(sheet: _Sheet, top: Colour, bottom: Colour, from_share: float, to_share: float) -> None:
    bands = 24
    for k in range(bands):
        y0, y1 = (from_share + (to_share - from_share) * (k + step) / bands for step in (0, 1))
        sheet.canvas.rectangle(
            (0, y0 * sheet.wide, sheet.wide, y1 * sheet.wide), fill=mix(top, bottom, k / (bands - 1))
        )


def _disc(sheet: _Sheet, x: float, y: float, radius: float, fill: Colour) -> None:
    sheet.canvas.ellipse(
        ((x - radius) * sheet.wide, (y - radius) * sheet.wide, (x + radius) * sheet.wide, (y + radius) * sheet.wide),
        fill=fill,
    )
