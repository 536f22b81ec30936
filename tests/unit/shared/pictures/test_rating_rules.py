"""What follows from a rating."""

import pytest

from shared.contracts.ratings import PictureRating, RatingState
from shared.pictures.rating_rules import Verdict, rating_view, reason, verdict

PENDING = PictureRating()
FAILED = PictureRating(state=RatingState.FAILED, why="its job was failed: worker_lost")
CLEAN = PictureRating(state=RatingState.RATED, nsfw=0.49)
ABOVE = PictureRating(state=RatingState.RATED, nsfw=0.5)


@pytest.mark.parametrize(
    ("mode", "pending", "failed", "clean", "above"),
    [
        ("label", Verdict.SHOW, Verdict.SHOW, Verdict.SHOW, Verdict.SHOW),
        ("blur", Verdict.SHOW, Verdict.SHOW, Verdict.SHOW, Verdict.BLUR),
        ("refuse", Verdict.WITHHOLD, Verdict.WITHHOLD, Verdict.SHOW, Verdict.WITHHOLD),
    ],
)
def test_refuse_withholds_what_nobody_can_say_anything_of(mode, pending, failed, clean, above):
    found = [verdict(mode, rating, 0.5) for rating in (PENDING, FAILED, CLEAN, ABOVE)]

    assert found == [pending, failed, clean, above]


def test_the_reason_has_the_numbers_or_why_there_are_none():
    assert "0.50" in reason(ABOVE, 0.5)
    assert "worker_lost" in reason(FAILED, 0.5)
    assert "not rated yet" in reason(PENDING, 0.5)


def test_a_view_goes_by_the_threshold_of_now():
    assert (rating_view(CLEAN, 0.5).is_nsfw, rating_view(CLEAN, 0.4).is_nsfw) == (False, True)
    assert rating_view(PENDING, 0.5).is_nsfw is None
