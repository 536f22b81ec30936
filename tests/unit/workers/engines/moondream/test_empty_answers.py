"""An empty answer is never a success where words were asked for: the model is asked again, and then it is an error."""

import pytest
import torch
from PIL import Image

from shared.contracts.vision import CaptionTask, DetectTask, QueryTask, TagsTask
from shared.errors import EmptyAnswer, class_of
from shared.models.catalogue import load_catalogue
from shared.settings import Settings
from workers.engines.base import AnalyzeWork, LoadPlan
from workers.engines.moondream import engine as moondream
from workers.engines.moondream.config import TINY
from workers.engines.moondream.network import Network, initialise
from workers.engines.moondream.tokenizer import small_tokenizer
from workers.engines.moondream.toy import save_snapshot

LOUD = 40.0
WORDS = {"max_tokens": 12, "temperature": 0.0, "seed": 1}
CAPTION = CaptionTask(task="caption", **WORDS)
QUERY = QueryTask(task="query", question="why?", **WORDS)
CARD = load_catalogue(Settings()).get("moondream-toy")


class Watch:
    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []

    def step(self, step, steps, previews=None) -> None:
        self.steps.append((step, steps))

    def degrade(self, what) -> None:
        raise AssertionError(what)


def silent_engine(folder, second: str) -> moondream.MoondreamEngine:
    """A model that ends at once; where it may not, it says `second` for ever."""
    torch.set_num_threads(1)
    network, tokenizer = Network(TINY), small_tokenizer()
    initialise(network, 0)
    with torch.no_grad():
        network.text.lm_head.bias[TINY.tokens.eos] = 2 * LOUD
        network.text.lm_head.bias[tokenizer.encode(second).ids] = LOUD
    save_snapshot(folder, network, tokenizer)
    return moondream.load(CARD, folder, LoadPlan(prefix_cache_mib=8))


@pytest.fixture(scope="module")
def shy(tmp_path_factory):
    return silent_engine(tmp_path_factory.mktemp("shy"), "a")


@pytest.fixture(scope="module")
def mute(tmp_path_factory):
    return silent_engine(tmp_path_factory.mktemp("mute"), " ")


def asked(engine, *tasks, watch=None, at_once=16, **more):
    work = AnalyzeWork(Image.new("RGB", (40, 40), (9, 90, 200)), "a", tasks, **more)
    return engine.analyze([work], watch or Watch(), at_once)[0].tasks


@pytest.mark.parametrize("task", [CAPTION, QUERY, QUERY.model_copy(update={"reasoning": True})])
def test_who_said_nothing_is_asked_again_and_the_answer_says_so(shy, task):
    (outcome,) = asked(shy, task)

    assert outcome.error is None
    assert outcome.answer.text == "a"
    assert outcome.answer.asked_again


def test_words_of_a_second_try_are_told_as_they_are(shy):
    told: list[str] = []

    (outcome,) = asked(shy, CAPTION, tell=lambda index, text, is_reasoning: told.append(text))

    assert "".join(told) == outcome.answer.text


@pytest.mark.parametrize("task", [CAPTION, QUERY])
def test_who_says_nothing_again_has_no_answer_but_an_error(mute, task):
    (outcome,) = asked(mute, task)

    assert outcome.answer is None
    assert isinstance(outcome.error, EmptyAnswer)
    assert class_of("empty_answer") is EmptyAnswer


def test_boxes_and_tags_may_rightly_be_none(shy):
    boxes, tags = asked(shy, DetectTask(task="detect", object="cat"), TagsTask(task="tags"))

    assert (boxes.error, tags.error) == (None, None)
    assert (boxes.answer.objects, tags.answer.tags) == ((), ())


def test_a_silent_task_spoils_no_other_and_steps_never_go_back(mute):
    watch = Watch()

    caption, boxes, query = asked(mute, CAPTION, DetectTask(task="detect", object="cat"), QUERY, watch=watch, at_once=2)

    assert [caption.error is None, boxes.error is None, query.error is None] == [False, True, False]
    counted = [step for step in watch.steps if step[1] > 1]
    assert counted == sorted(counted)
