"""What tests of classifiers share: a watch that is never degraded, a picture, and what is asked about it."""

from PIL import Image, ImageDraw

from shared.contracts.vision import RatingTask, TagsTask
from workers.engines.base import AnalyzeWork

RATING, TAGS = RatingTask(task="rating"), TagsTask(task="tags", min_score=0.0, max_tags=5)


class Watch:
    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []

    def step(self, step, steps, previews=None) -> None:
        self.steps.append((step, steps))

    def degrade(self, what) -> None:
        raise AssertionError(what)


def work(picture: Image.Image, *tasks, name: str = "a") -> AnalyzeWork:
    return AnalyzeWork(picture, name, tasks)


def fried_egg() -> Image.Image:
    """Not a photograph, but round and orange on a plate."""
    picture = Image.new("RGB", (300, 240), (90, 60, 40))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((50, 20, 250, 220), fill=(240, 240, 235))
    draw.ellipse((105, 75, 195, 165), fill=(245, 160, 20))
    return picture
