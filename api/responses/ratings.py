"""What the house says of pictures, beside the pictures of an answer. Says nothing where nothing is rated."""

from collections.abc import Sequence
from typing import Any

from api.services import Services
from shared.contracts.jobs import JobView
from shared.contracts.ratings import PictureRating, RatingView
from shared.pictures.rating_rules import rating_view


def rating_views(ours: Services, image_ids: Sequence[str]) -> dict[str, RatingView]:
    """What is said of each picture now; of one that nobody has rated yet: pending. Asks for no rating."""
    if not ours.ratings.is_on or not image_ids:
        return {}
    known = ours.ratings.known(image_ids)
    threshold = ours.settings.rating_threshold
    return {image_id: rating_view(known.get(image_id, PictureRating()), threshold) for image_id in image_ids}


def with_ratings(ours: Services, views: list[JobView]) -> list[JobView]:
    """Jobs whose result has a `rating` beside each picture it made."""
    if not ours.ratings.is_on:
        return views
    told = rating_views(ours, sorted({image["id"] for view in views for image in _images(view)}))
    return [_rated(view, told) if _images(view) else view for view in views]


def rated_count(view: JobView) -> int:
    """How many of its pictures have their rating, so that an answer changes when one comes."""
    return sum(image.get("rating", {}).get("state", "pending") != "pending" for image in _images(view))


def _images(view: JobView) -> list[dict[str, Any]]:
    return list((view.result or {}).get("images") or ())


def _rated(view: JobView, told: dict[str, RatingView]) -> JobView:
    images = [image | {"rating": told[image["id"]].model_dump(mode="json")} for image in _images(view)]
    return view.model_copy(update={"result": (view.result or {}) | {"images": images}})
