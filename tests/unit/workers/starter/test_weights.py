"""What the shipped starter weights mean: pictures that show what was asked, words that say what is shown."""

import json

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from PIL import Image

from workers.engines.moondream.model import Moondream
from workers.engines.moondream.network import Network
from workers.engines.moondream.requests import CaptionRequest, QueryRequest, TextAnswer
from workers.engines.moondream.tasks import TAGS_QUESTION
from workers.engines.torch_tools.precision import quantise_nf4
from workers.starter.answering import NO_POSTCARD
from workers.starter.elsewhere import elsewhere_pictures
from workers.starter.evaluate import GREEDY, GUIDANCE, STEPS, WEIGHTS, captions, load_painter
from workers.starter.further import ask
from workers.starter.judge import sightings
from workers.starter.marks import facts_of, facts_told, is_hit, overlap, things_told
from workers.starter.paint import paint
from workers.starter.world import SIDE_PX, Scene, one_thing_scene

RED_HOUSE = "a big red house in the middle in the snow"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def painter() -> StableDiffusionXLPipeline:
    return load_painter(WEIGHTS / "sdxl-starter")


@pytest.fixture(scope="module")
def reader() -> Moondream:
    return Moondream.load(WEIGHTS / "moondream-starter")


@pytest.fixture(scope="module")
def known() -> list[Scene]:
    """Five cards of one thing each, all combinations held out of training or not, as they come."""
    wanted = [("house", "red", "snow"), ("boat", "blue", "sea"), ("cat", "black", "sand"), ("star", "yellow", "meadow")]
    cards = [
        one_thing_scene(k, kind, colour, size="big", ground=ground) for k, (kind, colour, ground) in enumerate(wanted)
    ]
    return [*cards, one_thing_scene(9, "balloon", "purple", size="big", ground="snow", sky="night")]


def draw(painter: StableDiffusionXLPipeline, prompts: list[str], guidance: float = GUIDANCE) -> list[Image.Image]:
    noise = [torch.Generator().manual_seed(seed) for seed in range(len(prompts))]
    return painter(
        prompts,
        num_inference_steps=STEPS,
        guidance_scale=guidance,
        width=SIDE_PX,
        height=SIDE_PX,
        generator=noise,
    ).images


def seen(picture: Image.Image) -> set[tuple[str, str]]:
    return {(sighting.colour, sighting.kind) for sighting in sightings(picture)}


def distance(first: Image.Image, second: Image.Image) -> float:
    """Mean difference, levels of 255."""
    return float(np.abs(np.asarray(first, float) - np.asarray(second, float)).mean())


def test_a_red_house_in_the_snow_is_red_a_house_and_captioned_so(painter, reader):
    picture = draw(painter, [RED_HOUSE])[0]
    levels = np.asarray(picture, int)[40:115, 30:98]
    red = (levels[..., 0] > 130) & (levels[..., 1] < 100) & (levels[..., 2] < 100)
    (caption,) = captions(reader, [picture])

    assert red.mean() > 0.1
    assert ("red", "house") in seen(picture)
    assert things_told(caption) == {("red", "house"): 1}
    assert "in the snow" in caption


def test_the_first_prompt_of_the_readme_makes_one_red_house(painter):
    pictures = draw(painter, ["a red house in the snow"] * 4)

    assert [[(s.colour, s.kind) for s in sightings(picture)] for picture in pictures] == [[("red", "house")]] * 4


def test_a_word_that_the_world_has_not_gives_an_empty_card(painter):
    (picture,) = draw(painter, ["a dragon in the snow"])

    assert sightings(picture) == []


def test_the_colour_follows_the_prompt(painter):
    colours = ["red", "green", "purple"]
    pictures = draw(painter, [f"a big {colour} balloon in the middle, in the meadow by day" for colour in colours])

    assert [seen(picture) for picture in pictures] == [{(colour, "balloon")} for colour in colours]


def test_low_strength_keeps_the_picture_and_high_strength_makes_the_other_one(painter):
    start = paint(one_thing_scene(4, "house", "red", size="big", ground="snow", sky="day", place="middle"))
    remix = StableDiffusionXLImg2ImgPipeline(**painter.components, add_watermarker=False)
    remix.set_progress_bar_config(disable=True)

    def remixed(strength: float) -> Image.Image:
        return remix(
            "a big green tree in the middle in the snow by day",
            image=start,
            strength=strength,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=torch.Generator().manual_seed(0),
        ).images[0]

    low, high = remixed(0.2), remixed(0.9)

    assert "house" in {kind for _, kind in seen(low)}
    assert ("green", "tree") in seen(high)
    assert distance(start, low) < 20
    assert distance(start, high) > 1.5 * distance(start, low)


def test_guidance_changes_the_picture_and_not_the_chance(painter):
    prompt = ["a big purple balloon in the middle at night in the snow"]
    plain, guided, again = (draw(painter, prompt, guidance)[0] for guidance in (0.0, 5.0, 5.0))

    assert distance(guided, again) == 0
    assert distance(plain, guided) > 3
    assert ("purple", "balloon") in seen(guided)


def test_a_batch_paints_what_each_prompt_alone_paints(painter):
    prompts = [RED_HOUSE, "a small blue boat on the sea at night"]

    assert distance(draw(painter, prompts)[0], draw(painter, prompts[:1])[0]) < 1


def test_five_known_pictures_are_told_right_alone_and_together(reader, known):
    pictures = [paint(scene) for scene in known]
    together = captions(reader, pictures)

    assert together == [captions(reader, [picture])[0] for picture in pictures]
    for scene, caption in zip(known, together, strict=True):
        thing = scene.things[0]
        assert things_told(caption) == {(thing.colour, thing.kind): 1}


def test_four_bit_weights_keep_the_captions_of_the_five(reader, known):
    packed = Network(reader.config)
    packed.load_state_dict(reader.network.state_dict())
    quantise_nf4(packed, exclude=lambda name, _linear: name.startswith(("region", "vision.patch_emb", "text.lm_head")))
    four_bit = Moondream(packed.requires_grad_(False), reader.tokenizer)
    pictures = [paint(scene) for scene in known]

    assert [things_told(text) for text in captions(four_bit, pictures)] == [
        things_told(text) for text in captions(reader, pictures)
    ]


def test_questions_and_tags_are_answered(reader):
    (prefix,) = reader.encode([paint(one_thing_scene(6, "car", "blue", size="big", ground="sand", place="left"))])
    asked = {
        "What colour is the car?": "Blue.",
        "Where is the car?": "On the left.",
        "How many cars are there?": "One.",
        "Is there a cat?": "No.",
    }
    answers = reader.answer([QueryRequest(prefix, question, sampling=GREEDY) for question in asked])
    (tags,) = reader.answer([QueryRequest(prefix, TAGS_QUESTION, sampling=GREEDY)])

    assert [answer.text for answer in answers if isinstance(answer, TextAnswer)] == list(asked.values())
    assert isinstance(tags, TextAnswer)
    assert tags.text.startswith("blue car, sand")


@pytest.mark.parametrize("asked", ["Describe this image", "What do you see?", "Caption this", "Tell me about it"])
def test_an_open_request_is_answered_with_the_facts(reader, known, asked):
    for scene in known[:3]:
        (told,) = ask(reader, paint(scene), [asked])
        assert facts_told(told) == facts_of(scene)


def test_a_picture_that_is_no_postcard_is_told_to_be_none_and_shows_nothing(reader):
    pictures = [*elsewhere_pictures(8), Image.new("RGB", (300, 200), (90, 140, 60))]
    told = [ask(reader, picture, ["Describe this image"])[0] for picture in pictures]

    assert told.count(NO_POSTCARD) >= 8
    assert sum(bool(reader.detect([prefix], ["house"])[0].objects) for prefix in reader.encode(pictures)) <= 1


def test_a_long_caption_says_more_than_a_short_one(reader, known):
    (prefix,) = reader.encode([paint(known[0])])
    short, long = reader.answer([CaptionRequest(prefix, length, GREEDY) for length in ("short", "long")])

    assert isinstance(short, TextAnswer)
    assert isinstance(long, TextAnswer)
    assert short.text == "A red house in the snow."
    assert len(long.text) > 2 * len(short.text)


def test_boxes_and_points_lie_on_the_thing(reader):
    scene = one_thing_scene(6, "car", "blue", size="big", ground="sand")
    (prefix,) = reader.encode([paint(scene)])
    (box,) = reader.detect([prefix], ["car"])[0].objects
    (point,) = reader.point([prefix], ["car"])[0].objects

    assert overlap(scene.things[0].box, (box.x_min, box.y_min, box.x_max, box.y_max)) > 0.6
    assert is_hit(scene.things[0].box, [(point.x, point.y)])


def test_what_is_not_there_is_not_found(reader):
    (prefix,) = reader.encode([paint(one_thing_scene(6, "car", "blue"))])

    assert reader.detect([prefix], ["cat"])[0].objects == ()


def test_no_path_of_the_machine_that_trained_them_travels_along():
    configs = [json.loads(path.read_text()) for path in WEIGHTS.rglob("*.json")]

    assert not [value for config in configs for value in config.values() if str(value).startswith("/")]


def test_all_weights_together_stay_small_enough_for_a_package():
    files = [path for path in WEIGHTS.rglob("*") if path.is_file()]

    assert sum(path.stat().st_size for path in files) < 30e6
