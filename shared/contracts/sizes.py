"""How large a picture is made that starts from another one, and what of that other one is seen then. Pure."""

from pydantic import BaseModel, ConfigDict

Size = tuple[int, int]


class SizeRule(BaseModel):
    """What a model makes of a starting picture for which the caller named no size: its aspect, at the model's own count
    of pixels. Sides are multiples of what the model was trained on, within its limits; a picture too long for those
    loses its ends."""

    model_config = ConfigDict(frozen=True)

    #: Width × height the model is best at.
    pixels: int
    #: Sides are multiples of this.
    step_px: int
    min_side_px: int
    max_side_px: int
    max_pixels: int

    def size_for(self, width: int, height: int) -> Size:
        """The size for a picture of this width and height, upright."""
        wide = (self.pixels * width / height) ** 0.5
        sides = [self._side(wide), self._side(self.pixels / wide)]
        while sides[0] * sides[1] > self.max_pixels and max(sides) - self.step_px >= self.min_side_px:
            sides[sides.index(max(sides))] -= self.step_px
        return sides[0], sides[1]

    def _side(self, exact: float) -> int:
        """The nearest multiple within the limits; where no multiple is, the limit in steps of 8, as every model takes."""
        step = self.step_px if self.max_side_px - self.max_side_px % self.step_px >= self.min_side_px else 8
        least, most = -(-self.min_side_px // step) * step, self.max_side_px // step * step
        return max(least, min(most, int(exact / step + 0.5) * step))


def seen_part(picture: Size, made: Size) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of what is seen of a picture that is scaled to cover another size and centre-cropped.

    None where all of it is.
    """
    (width, height), (wide, high) = picture, made
    if width * high > wide * height:
        seen = height * wide / high
        box = round((width - seen) / 2), 0, round((width + seen) / 2), height
    else:
        seen = width * high / wide
        box = 0, round((height - seen) / 2), width, round((height + seen) / 2)
    return None if box == (0, 0, width, height) else box
