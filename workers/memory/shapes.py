"""The size of the work that memory is counted for: pixels, pictures at once, what is asked."""

from dataclasses import dataclass

from shared.models.catalogue import ModelCard
from workers.memory.pass_parts import PassPart

MEGAPIXEL = 1024 * 1024
#: What a picture that is looked at counts as: one crop.
CROP_PX = 378


@dataclass(frozen=True)
class Shape:
    """The size of the work."""

    width_px: int
    height_px: int
    batch: int = 1
    is_guided: bool = True
    #: Whether a starting picture is encoded first.
    is_img2img: bool = False
    #: How many pictures are asked about, where answers are made.
    pictures: int = 1
    #: What belongs to this pass alone and is loaded beside the model; never part of `default_shape`, for which is planned.
    parts: tuple[PassPart, ...] = ()

    @property
    def megapixels(self) -> float:
        return self.width_px * self.height_px / MEGAPIXEL


def asking_shape(at_once: int, pictures: int = 1) -> Shape:
    """The work of a model that answers: so many tasks in one pass, about so many pictures."""
    return Shape(CROP_PX, CROP_PX, at_once, is_guided=False, pictures=pictures)


def default_shape(card: ModelCard) -> Shape:
    """One picture at the model's default size; one question about one crop where it makes none."""
    if card.defaults is None:
        return asking_shape(1)
    return Shape(card.defaults.width, card.defaults.height, 1, card.defaults.guidance_scale > 1)
