"""How open requests and pictures that are no postcards are marked: in other words, with other drawings."""

import random
import re

import pytest

from workers.starter import asking
from workers.starter.answering import KINDS_OF_REQUESTS, NO_POSTCARD
from workers.starter.elsewhere import SORTS, elsewhere_pictures
from workers.starter.foreign import DRAWINGS
from workers.starter.open_marks import OTHER_WORDS, Request, mark_of, open_requests_of, says_no_postcard
from workers.starter.world import SIDE_PX, one_thing_scene, scene_from_seed


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9 ]", "", text.lower()).strip()


def test_the_evaluation_asks_in_words_that_were_not_trained_on():
    trained = {
        plain(text.replace("{the}", f"{the} {name}"))
        for _, table, _ in KINDS_OF_REQUESTS
        for text in table.texts
        for the in ("this", "the", "that", "my")
        for name in asking.PICTURES
    }

    for kind, texts in OTHER_WORDS.items():
        assert kind == "bare" or not {plain(text) for text in texts} & trained
    assert len(OTHER_WORDS["describe"]) >= 60


def test_a_right_answer_is_marked_right_and_a_wrong_or_empty_one_wrong():
    for seed in range(40):
        scene = scene_from_seed(seed)
        for request in open_requests_of(scene):
            assert mark_of(request, request.answer, scene) == 1
            assert mark_of(request, "", scene) == 0


def test_a_wrong_fact_costs_as_much_as_a_right_one_brings():
    scene = one_thing_scene(3, "house", "red", ground="snow", sky="night", size="big", place="left")
    request = Request("describe", "Describe it", "")

    assert mark_of(request, "A big red house on the left, in the snow at night.", scene) == 1
    assert mark_of(request, "A big blue house on the left, in the snow at night.", scene) == 3 / 5


def test_the_evaluations_drawings_are_no_drawings_of_the_training():
    assert not {sort.__name__ for sort in SORTS} & {drawing.__name__ for drawing in DRAWINGS}
    assert len(elsewhere_pictures(30)) == 30


@pytest.mark.parametrize("sort", SORTS)
def test_every_sort_of_drawing_is_a_picture_and_follows_its_chance(sort):
    pictures = [sort(random.Random(seed)) for seed in (1, 1, 2)]

    assert {(picture.size, picture.mode) for picture in pictures} == {((SIDE_PX, SIDE_PX), "RGB")}
    assert pictures[0].tobytes() == pictures[1].tobytes() != pictures[2].tobytes()


def test_only_the_whole_sentence_says_that_a_picture_is_no_postcard():
    assert says_no_postcard([NO_POSTCARD, f" {NO_POSTCARD}", "This is a postcard.", ""]) == 0.5
