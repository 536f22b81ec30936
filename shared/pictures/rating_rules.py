"""What follows from a picture's rating when it is asked for. Pure.

`refuse` fails safe: what is not rated, or could not be, is withheld like what is above the threshold. The other modes withhold
nothing, so what is not rated yet is shown as it is.
"""

from enum import Enum, auto

from shared.contracts.ratings import PictureRating, RatingMode, RatingState, RatingView


class Verdict(Enum):
    SHOW = auto()
    BLUR = auto()
    WITHHOLD = auto()


def is_above(rating: PictureRating, threshold: float) -> bool | None:
    """Whether it counts as not safe; None: nobody can say."""
    return None if rating.nsfw is None else rating.nsfw >= threshold


def verdict(mode: RatingMode, rating: PictureRating, threshold: float) -> Verdict:
    """How the picture is served."""
    above = is_above(rating, threshold)
    if mode == "refuse":
        return Verdict.SHOW if above is False else Verdict.WITHHOLD
    return Verdict.BLUR if mode == "blur" and above else Verdict.SHOW


def reason(rating: PictureRating, threshold: float) -> str:
    """Why a picture is withheld, for people."""
    if rating.state is RatingState.FAILED:
        return f"nobody could rate it ({rating.why}); it is tried again in a while"
    if rating.nsfw is None:
        return "it is not rated yet; ask again in a moment"
    return f"it is rated {rating.nsfw:.2f}, and what is rated {threshold:.2f} or more is not shown here"


def rating_view(rating: PictureRating, threshold: float) -> RatingView:
    """The public face of a rating."""
    return RatingView(
        state=rating.state.value,
        nsfw=rating.nsfw,
        is_nsfw=is_above(rating, threshold),
        model=rating.model or None,
        why=rating.why or None,
    )
