"""The Moondream engine: encode once, ask many; a retry says nothing twice; one bad task spoils no other."""

import math
from dataclasses import replace

import pytest
import torch
from PIL import Image

from shared.contracts.vision import CaptionTask, DetectTask, PointTask, QueryTask, RatingTask, TagsTask
from shared.errors import CancelRequested, EngineFailed, NotFinite, OutOfVram
from shared.models.catalogue import ModelCard, load_catalogue
from shared.settings import Settings
from tests import talker
from workers.engines.base import AnalyzeWork, LoadPlan, Paced
from workers.engines.moondream import engine as moondream
from workers.engines.moondream import tasks as moondream_talk
from workers.engines.moondream.requests import Box, Point, TextAnswer
from workers.engines.moondream.seating import Seating
from workers.engines.torch_tools import host_copy

PLAN = LoadPlan(prefix_cache_mib=64)
WORDS = {"max_tokens": 12, "temperature": 1.5, "top_p": 1.0}
CAPTION = CaptionTask(task="caption", seed=1, **WORDS)
QUERY = QueryTask(task="query", question="why?", seed=2, **WORDS)
DETECT = DetectTask(task="detect", object="cat", max_objects=2)
POINT = PointTask(task="point", object="cat", max_objects=2)


class Watch:
    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.given_up: list[str] = []

    def step(self, step, steps, previews=None) -> None:
        self.steps.append((step, steps))

    def degrade(self, what) -> None:
        self.given_up.append(what)


@pytest.fixture(scope="module")
def card(tmp_path_factory) -> ModelCard:
    return load_catalogue(Settings(data_dir=tmp_path_factory.mktemp("data"))).get("moondream-toy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("talker")
    talker.build(path)
    return path


@pytest.fixture
def engine(card, folder):
    return moondream.load(card, folder, PLAN)


def picture(shade: int = 60) -> Image.Image:
    return Image.new("RGB", (90, 60), (shade, 120, 30))


def work(*tasks, name: str = "a", **more) -> AnalyzeWork:
    return AnalyzeWork(picture(len(name) * 40), name, tasks, **more)


def texts(outcome) -> list[str]:
    return [task.answer.text for task in outcome.tasks]


def test_a_picture_is_encoded_once_for_all_tasks_and_for_later_jobs(engine):
    (first,) = engine.analyze([work(CAPTION, QUERY, QUERY, DETECT, DETECT)], Watch(), 16)
    again, other = engine.analyze([work(CAPTION), work(CAPTION, name="bb")], Watch(), 16)
    twice = engine.analyze([work(CAPTION, name="ccc"), work(QUERY, name="ccc")], Watch(), 16)

    assert first.vision_passes == 1
    assert (again.vision_passes, other.vision_passes) == (0, 1)
    assert [one.vision_passes for one in twice] == [1, 0]


@pytest.mark.parametrize(
    ("part", "bad"),
    [
        ("text.lm_head.bias", (CAPTION, QUERY, DETECT, POINT)),
        ("region.coord_decoder.fc2.bias", (DETECT, POINT)),
        ("region.size_decoder.fc2.bias", (DETECT,)),
        ("vision.pos_emb", (CAPTION, DETECT)),
    ],
)
def test_words_and_places_that_are_not_finite_are_no_answer_and_spoil_no_other_task(card, folder, part, bad):
    engine = moondream.load(card, folder, PLAN)
    dict(engine.model.network.named_parameters())[part].view(-1)[0] = math.nan
    sees = DetectTask(task="detect", object="cat", max_objects=2)
    tasks = (CAPTION, QUERY, sees, POINT)

    (outcome,) = engine.analyze([work(*tasks)], Watch(), 16)

    for task, told in zip(tasks, outcome.tasks, strict=True):
        if task in bad:
            assert told.error is not None, task
            assert told.error.code == "engine_failed"
            assert "not finite" in told.error.message
        elif part != "vision.pos_emb":
            assert told.error is None, told.error


def test_in_fp16_words_that_are_not_finite_ask_for_a_wider_range(card, folder):
    engine = moondream.load(card, folder, PLAN)
    engine.model.network.half()
    engine.model.network.text.lm_head.bias.view(-1)[0] = math.inf

    with pytest.raises(NotFinite, match="float16"):
        engine.analyze([work(CAPTION)], Watch(), 16)


def test_jobs_in_one_batch_answer_as_each_alone(engine):
    works = [work(CAPTION, QUERY), work(QUERY, DETECT, name="bb"), work(POINT, CAPTION, name="ccc")]

    together = engine.analyze(works, Watch(), 16)
    alone = [engine.analyze([each], Watch(), 1)[0] for each in works]

    for one, other in zip(together, alone, strict=True):
        assert [task.answer for task in one.tasks] == [task.answer for task in other.tasks]


def test_the_words_that_are_told_are_the_answer(engine):
    told: dict[int, str] = {}

    def tell(index, text, is_reasoning):
        told[index] = told.get(index, "") + text

    (outcome,) = engine.analyze([work(CAPTION, QUERY, tell=tell)], Watch(), 16)

    assert [told[0].strip(), told[1].strip()] == texts(outcome)
    assert outcome.tasks[0].usage.completion_tokens == 12


def test_steps_go_up_to_what_was_promised(engine):
    watch = Watch()

    engine.analyze([work(CAPTION, QUERY)], watch, 1)

    counted = [step for step in watch.steps if step[1] > 1]
    assert counted == sorted(counted)
    assert {steps for _, steps in counted} == {24}
    assert counted[-1] == (24, 24)


def test_a_question_too_long_for_the_context_spoils_no_other(engine):
    (outcome,) = engine.analyze([work(QueryTask(task="query", question="x" * 3000), CAPTION)], Watch(), 16)

    assert outcome.tasks[0].error.code == "invalid_request"
    assert outcome.tasks[1].answer.text


def test_a_job_nobody_waits_for_leaves_the_batch(engine):
    steps: list[int] = []
    watch = Watch()

    def is_wanted():
        steps.append(1)
        return len(steps) < 4

    gone, stays = engine.analyze([work(CAPTION, is_wanted=is_wanted), work(CAPTION, name="bb")], watch, 16)

    assert gone.tasks[0].error.code == "cancel_requested"
    assert stays.tasks[0].answer.text


def test_a_signal_comes_through_and_the_engine_stays_usable(engine):
    class Stopping(Watch):
        def step(self, step, steps, previews=None) -> None:
            super().step(step, steps)
            if len(self.steps) == 5:
                raise CancelRequested("enough")

    with pytest.raises(CancelRequested):
        engine.analyze([work(CAPTION)], Stopping(), 16)

    assert texts(engine.analyze([work(CAPTION)], Watch(), 16)[0])[0]


class Tight:
    """Wraps a seating's passes: runs out of memory from the third on while more than so many are asked at once."""

    def __init__(self, monkeypatch, most: int) -> None:
        self._run, self._most, self.passes = Seating._run, most, 0
        monkeypatch.setattr(Seating, "_run", lambda *args: self(*args))

    def __call__(self, seating, x, starts, first):
        self.passes += 1
        if len(starts) > self._most and self.passes > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return self._run(seating, x, starts, first)


def test_short_of_memory_fewer_are_asked_at_once_and_nothing_is_said_twice(engine, monkeypatch):
    plenty = engine.analyze([work(CAPTION, QUERY, CAPTION.model_copy(update={"seed": 9}))], Watch(), 16)[0]
    told: dict[int, str] = {}

    def tell(index, text, is_reasoning):
        told[index] = told.get(index, "") + text

    Tight(monkeypatch, most=1)
    watch = Watch()
    tight = engine.analyze([work(*[CAPTION, QUERY, CAPTION.model_copy(update={"seed": 9})], tell=tell)], watch, 16)[0]

    assert "batch_split" in watch.given_up
    assert texts(tight) == texts(plenty)
    assert [told[i].strip() for i in range(3)] == texts(plenty)


def test_who_waits_for_memory_begins_no_answer_again(engine, monkeypatch):
    alone = [engine.analyze([work(task)], Watch(), 1)[0] for task in (CAPTION, QUERY)]
    tight = Tight(monkeypatch, most=1)

    (together,) = engine.analyze([work(CAPTION, QUERY)], Watch(), 16)

    words = sum(one.tasks[0].usage.completion_tokens for one in alone)
    assert texts(together) == [texts(one)[0] for one in alone]
    # Prompts once, the last word of each is fed to nobody, one pass was refused.
    assert tight.passes <= 2 + (words - 2) + 1


def test_what_does_not_fit_alone_does_not_fit(engine, monkeypatch):
    Tight(monkeypatch, most=0)

    with pytest.raises(OutOfVram, match="at once"):
        engine.analyze([work(CAPTION)], Watch(), 16)


def test_kept_pictures_stay_within_their_budget_and_count_as_held(card, folder):
    engine = moondream.load(card, folder, replace(PLAN, prefix_cache_mib=1))
    before = engine.held_mib()

    for number in range(6):
        engine.analyze([work(CAPTION, name="x" * (number + 1))], Watch(), 16)

    assert 0 < engine.prefixes.held_bytes <= 2**20
    assert before <= engine.held_mib() <= before + 1
    assert engine.prefixes.counts.evicted > 0


def test_it_waits_in_host_memory_and_comes_back(engine):
    before = engine.analyze([work(CAPTION)], Watch(), 16)

    engine.to_host()
    assert engine.prefixes.held_bytes == 0
    engine.to_device()

    assert texts(engine.analyze([work(CAPTION)], Watch(), 16)[0]) == texts(before[0])


class Reader:
    """Reads from a GPU without storage; may have no room at some tensor."""

    def __init__(self, fails_at=None):
        self.read, self.fails_at = 0, fails_at

    def __call__(self, tensor, *, pinned):
        self.read += 1
        if self.read == self.fails_at:
            raise RuntimeError("CUDA error: out of memory")
        return torch.zeros(tensor.shape, dtype=tensor.dtype)


def on_a_card(card, folder, monkeypatch, fails_at=None, **plan):
    monkeypatch.setattr(host_copy, "on_host", Reader(fails_at))
    engine = moondream.load(card, folder, replace(PLAN, device="meta", precision="fp16", **plan))
    return engine, engine.held_mib()


def where(engine):
    return {place.tensor.device.type for place in host_copy.places_of(engine.model.network)}


def test_a_way_off_the_card_that_breaks_off_leaves_no_half_on_the_cpu(card, folder, monkeypatch):
    engine, held_mib = on_a_card(card, folder, monkeypatch, fails_at=5)

    with pytest.raises(OutOfVram):
        engine.to_host()

    assert (where(engine), engine.held_mib(), engine.host_mib()) == ({"meta"}, held_mib, 0)


def test_it_counts_where_its_weights_are(card, folder, monkeypatch):
    engine, held_mib = on_a_card(card, folder, monkeypatch)

    engine.to_host()
    waiting = engine.held_mib(), engine.host_mib()
    engine.to_device()
    back = engine.held_mib(), engine.host_mib()
    engine.forget_host()

    assert (waiting, back) == ((0, held_mib), (held_mib, held_mib))
    assert (engine.held_mib(), engine.host_mib()) == (held_mib, 0)


def test_a_cpus_ram_is_counted_once(engine):
    assert engine.held_mib() > 0
    assert engine.host_mib() == 0


def test_the_toy_appears_whole_and_is_built_once(card, tmp_path):
    moondream.build(tmp_path / "toy")
    first = (tmp_path / "toy" / "model.safetensors").stat().st_mtime_ns
    moondream.build(tmp_path / "toy")

    assert (tmp_path / "toy" / "model.safetensors").stat().st_mtime_ns == first
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]
    assert moondream.load(card, tmp_path / "toy", PLAN).held_mib() <= 2


# -- what is said, as callers get it -------------------------------------------------------------------------------------


def said(text: str) -> TextAnswer:
    return TextAnswer(text=text, reasoning=None, grounding=(), prompt_tokens=1, completion_tokens=1, ended="stop")


FRAME = moondream_talk.Frame(200, 100)


@pytest.mark.parametrize(("text", "nsfw"), [("Yes", 1.0), (" no.", 0.0), ("No, it does not", 0.0), ("YES!", 1.0)])
def test_yes_and_no_are_a_rating(text, nsfw):
    answer = moondream_talk.answer_of(RatingTask(task="rating"), said(text), FRAME)

    assert (answer.nsfw, answer.is_nsfw, answer.said) == (nsfw, nsfw == 1.0, text.strip())


@pytest.mark.parametrize("text", ["", "maybe", "I cannot say yes"])
def test_neither_yes_nor_no_is_no_rating(text):
    with pytest.raises(EngineFailed, match="yes or no"):
        moondream_talk.answer_of(RatingTask(task="rating"), said(text), FRAME)


def test_a_list_of_words_are_tags_each_once_without_scores():
    answer = moondream_talk.answer_of(TagsTask(task="tags", max_tags=3), said(" Cat, sofa,  cat;\n- red\nday."), FRAME)

    assert [(tag.name, tag.score) for tag in answer.tags] == [("cat", None), ("sofa", None), ("red", None)]


def test_coordinates_lie_in_the_picture_and_count_its_pixels():
    box = FRAME.box(Box(-0.1, 0.25, 0.5, 1.2))
    point = FRAME.point(Point(0.5, 0.13))

    assert (box.x_min, box.y_min, box.x_max, box.y_max) == (0, 0.25, 0.5, 1)
    assert (box.pixels.x_min, box.pixels.y_min, box.pixels.x_max, box.pixels.y_max) == (0, 25, 100, 100)
    assert (point.pixels.x, point.pixels.y) == (100, 13)


def test_its_smallest_call_keeps_no_picture_and_changes_no_answer(engine):
    (before,) = engine.analyze([work(CAPTION)], Watch(), 1)
    kept = engine.prefixes.held_bytes
    assert isinstance(engine, Paced)

    engine.smallest_call()

    (after,) = engine.analyze([work(CAPTION)], Watch(), 1)
    assert engine.prefixes.held_bytes == kept
    assert texts(after) == texts(before)
