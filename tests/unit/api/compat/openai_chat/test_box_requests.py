"""Requests for a box: how they are told, what is to be boxed, and the reply."""

import pytest

from api.compat.openai_chat.box_requests import WHOLE_SUBJECT, as_reply, object_in, wants_box
from shared.contracts.vision import Box, PixelBox

SEED = 'Detect {}. Return the bounding box coordinates as a JSON object: {{"ymin": 0.0, "xmin": 0.0, "ymax": 1.0, "xmax": 1.0}}.'


def box(x_min, y_min, x_max, y_max) -> Box:
    return Box(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max, pixels=PixelBox(x_min=0, y_min=0, x_max=1, y_max=1))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (SEED.format("main subject"), "main subject"),
        (SEED.format("face"), "face"),
        (SEED.format("the red car"), "red car"),
        ("Find the main subject (or the face) and give ymin, xmin, ymax, xmax between 0 and 1", "main subject"),
        ("Locate the dog and return its bounding box.", "dog"),
        ("Return the bounding box of the blue house as JSON", "blue house"),
        ("bounding box for a person, please", "person"),
        ("Where is the cat? Answer with a bounding box.", "cat"),
        ("Give me the coordinates of the tall tree in the image", "tall tree"),
        ("Detect all people in this image, bbox as json", "people"),
        ("bbox", WHOLE_SUBJECT),
        ("Return a bounding box as JSON.", WHOLE_SUBJECT),
        ("Find the bounding box", WHOLE_SUBJECT),
    ],
)
def test_what_is_to_be_boxed(text, name):
    assert wants_box(text, as_json=True)
    assert object_in(text) == name


@pytest.mark.parametrize(
    "text", ["What is in this picture? Answer in JSON.", "Describe this image", "tags as json", ""]
)
def test_other_requests_for_json_ask_for_no_box(text):
    assert not wants_box(text, as_json=True)


def test_without_json_only_the_names_of_the_sides_ask_for_a_box():
    assert wants_box("the dog: ymin, xmin, ymax, xmax", as_json=False)
    assert not wants_box("What is in the box?", as_json=False)


def test_a_long_name_is_cut_to_what_a_detector_takes():
    assert len(object_in("Detect " + "very " * 100 + "old house")) == 200


def test_one_box_is_told_by_its_sides_alone():
    assert as_reply((box(0.1, 0.2, 0.3, 0.4),)) == {"ymin": 0.2, "xmin": 0.1, "ymax": 0.4, "xmax": 0.3}


def test_of_several_the_largest_comes_first_and_all_are_told():
    reply = as_reply((box(0, 0, 0.1, 0.1), box(0.5, 0.5, 1, 1)))

    assert (reply["ymin"], reply["xmax"]) == (0.5, 1)
    assert [each["xmax"] for each in reply["boxes"]] == [1, 0.1]


def test_nothing_found_is_no_box():
    assert as_reply(()) == {"boxes": []}
