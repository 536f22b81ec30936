"""One look answers all tasks: which tags are shown, what counts as not safe, and what is no score."""

import math

import pytest

from shared.contracts.vision import CaptionTask, RatingTask, Tag, TagsTask
from shared.errors import EngineFailed, NotFinite
from tests.unit.workers.engines.classifiers.looks import RATING, TAGS, Watch, fried_egg, work
from workers.engines.base import rounded
from workers.engines.classifiers.classifying import Seen, answer, classify


def test_every_picture_is_looked_at_once_whatever_is_asked_and_by_how_many():
    looks: list[int] = []

    def look(pictures):
        looks.append(len(pictures))
        return [Seen(tags=(Tag(name="x", score=0.5),), nsfw=0.7, classes={"nsfw": 0.7}) for _ in pictures]

    watch, picture = Watch(), fried_egg()
    works = [work(picture, TAGS, RATING, name=name) for name in ("a", "b", "a", "c")]

    outcomes = classify(look, works, watch, at_once=2)

    assert looks == [2, 1]
    assert watch.steps == [(2, 3), (3, 3)]
    assert [[type(task.answer).__name__ for task in one.tasks] for one in outcomes] == [
        ["TagsAnswer", "RatingAnswer"]
    ] * 4


def test_tags_come_best_first_from_their_least_score_on():
    seen = Seen(tags=tuple(Tag(name=str(score), score=score) for score in (0.1, 0.9, 0.3, 0.5)))

    found = answer(TagsTask(task="tags", min_score=0.3, max_tags=2), seen)

    assert [tag.score for tag in found.tags] == [0.9, 0.5]


def test_a_rating_counts_as_not_safe_from_its_threshold_on():
    verdicts = [answer(RatingTask(task="rating", threshold=t), Seen(nsfw=0.6)).is_nsfw for t in (0.5, 0.6, 0.61)]

    assert verdicts == [True, True, False]


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_no_answer_and_spoils_no_other_picture(number):
    fine = Seen(tags=(Tag(name="x", score=0.5),), nsfw=0.7, classes={"nsfw": 0.7})
    bad = Seen(tags=(Tag(name="x", score=0.5), Tag(name="y", score=number)), nsfw=number, classes={"nsfw": number})
    works = [work(fried_egg(), TAGS, RATING, name=name) for name in ("fine", "bad")]

    outcomes = classify(lambda pictures: [fine, bad], works, Watch(), at_once=2)

    assert [[task.error is None for task in one.tasks] for one in outcomes] == [[True, True], [False, False]]
    assert all("not finite" in task.error.message for task in outcomes[1].tasks)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_never_rounded_to_one(number):
    with pytest.raises(NotFinite):
        rounded(number)


def test_a_classifier_has_no_words():
    with pytest.raises(EngineFailed, match="caption"):
        answer(CaptionTask(task="caption"), Seen())
