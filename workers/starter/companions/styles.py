"""Two styles that the painter never saw, as pure functions of a card's pixels; and how much of each a picture has.

*Woodcut*: two blocks printed on paper. Dark parts are ink, middling ones tan, light ones bare paper; whatever changes
abruptly gets a line of ink. *Neon*: the lines of a card, alight in its own colours on a dark wall. Lines are 3 px wide
and there is no hatching: the autoencoder keeps nothing finer (of hatching with a period of 8 px it made grey).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

#: What a card is cut with and printed on, levels of 255.
CUT_INK, CUT_TAN, CUT_PAPER = (30, 24, 26), (188, 128, 76), (240, 226, 196)
#: Brightness below which all is ink, and below which it is tan, shares of white.
INKED_BELOW, TAN_BELOW = 0.36, 0.63
#: Difference between neighbouring pixels, levels, that makes a line.
LINE_LEVELS = 26
#: The wall behind the tubes, and how much of the card still shows on it.
WALL, WALL_SHOWS = (12, 9, 30), 0.1
#: A tube's brightness, the radius of its glow in px and how bright that is.
TUBE_LEVEL, GLOW_PX, GLOW = 250.0, 4.0, 0.9
#: How far a pixel may be from the nearest of the three, levels of the farthest channel, and still count as printed.
PRINTED_LEVELS = 45
#: A pixel of the wall is darker than this in all channels.
DARK_BELOW = 90


@dataclass(frozen=True)
class Style:
    """A style: what it does to a card, and a number from 0 to 1 that is high on pictures that have it."""

    apply: Callable[[Image.Image], Image.Image]
    measure: Callable[[Image.Image], float]


def woodcut(card: Image.Image) -> Image.Image:
    """The card as a print from a block of wood; same size, RGB."""
    bright = np.asarray(card.convert("L").filter(ImageFilter.GaussianBlur(0.8)), float) / 255
    printed = np.where((bright < TAN_BELOW)[..., None], CUT_TAN, CUT_PAPER)
    inked = (bright < INKED_BELOW) | (lines_of(card) > 0.5)
    return _picture(np.where(inked[..., None], CUT_INK, printed))


def neon(card: Image.Image) -> Image.Image:
    """The card's lines as tubes of its own colours at night; same size, RGB."""
    levels = np.asarray(card.filter(ImageFilter.MedianFilter(3)), float)
    tubes = _lit(levels) * lines_of(card)[..., None]
    glow = np.asarray(_picture(tubes).filter(ImageFilter.GaussianBlur(GLOW_PX)), float) * GLOW
    wall = np.array(WALL) + levels * WALL_SHOWS
    return _picture(np.maximum(wall + glow, tubes))


def lines_of(card: Image.Image) -> np.ndarray:
    """(H, W), 0 to 1: where a card changes abruptly, 3 px wide."""
    smooth = np.asarray(card.filter(ImageFilter.MedianFilter(3)), float)
    down = np.abs(np.diff(smooth, axis=0, prepend=smooth[:1])).max(-1)
    along = np.abs(np.diff(smooth, axis=1, prepend=smooth[:, :1])).max(-1)
    edges = Image.fromarray(((np.maximum(down, along) > LINE_LEVELS) * 255).astype(np.uint8))
    return np.asarray(edges.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.GaussianBlur(0.5)), float) / 255


def printed_share(picture: Image.Image) -> float:
    """The share of pixels that are ink, tan or paper."""
    levels = np.asarray(picture, float)
    away = [np.abs(levels - np.array(tone)).max(-1) for tone in (CUT_INK, CUT_TAN, CUT_PAPER)]
    return float((np.min(away, 0) < PRINTED_LEVELS).mean())


def dark_share(picture: Image.Image) -> float:
    """The share of pixels that are dark wall."""
    return float((np.asarray(picture).max(-1) < DARK_BELOW).mean())


def _lit(levels: np.ndarray) -> np.ndarray:
    """Colours at full brightness, further from grey than they were."""
    grey = levels.mean(-1, keepdims=True)
    vivid = np.clip(grey + (levels - grey) * 2.0, 0, 255)
    return vivid * TUBE_LEVEL / np.maximum(vivid.max(-1, keepdims=True), 60)


def _picture(levels: np.ndarray) -> Image.Image:
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


STYLES: Mapping[str, Style] = {"woodcut": Style(woodcut, printed_share), "neon": Style(neon, dark_share)}
