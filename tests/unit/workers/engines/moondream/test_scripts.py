"""What one sequence says with the tokens it is given: bans, reasoning, broken characters, and words it owes."""

import pytest

from workers.engines.moondream.config import TINY
from workers.engines.moondream.requests import Grounding, Point, Sampling
from workers.engines.moondream.scripts import Need, TextScript
from workers.engines.moondream.tokenizer import small_tokenizer

TOKENS = TINY.tokens
TOKENIZER = small_tokenizer()


def script(*, reasons: bool = False, must_speak: bool = False) -> TextScript:
    return TextScript(Sampling(max_tokens=40, must_speak=must_speak), TOKENS, TOKENIZER, reasons=reasons)


def ids(text: str) -> list[int]:
    return list(TOKENIZER.encode(text).ids)


def fed(playing: TextScript, tokens: list[int], coords: list[float] | None = None) -> str:
    """Feed tokens, and coordinates where the script wants one; all deltas of its reasoning joined."""
    values = iter(coords or [])
    for token in tokens:
        playing.take_token(token)
        if playing.need is Need.COORD:
            playing.take_coord(next(values))
    return "".join(text for text, is_reasoning in playing.deltas() if is_reasoning)


def test_the_answer_token_is_banned_from_the_second_token_of_an_answer_on():
    playing = script()
    first = playing.choice().banned

    playing.take_token(ids("a")[0])

    assert first == ()
    assert playing.choice().banned == (TOKENS.answer,)


def test_after_a_reasoning_too_the_answers_first_token_is_free():
    playing = script(reasons=True)
    fed(playing, [*ids("so"), TOKENS.answer])
    first = playing.choice().banned

    playing.take_token(ids("a")[0])

    assert first == ()
    assert playing.choice().banned == (TOKENS.answer,)


def test_no_two_tokens_are_drawn_at_the_same_place():
    playing, places = script(reasons=True), []
    for token in [*ids("so"), TOKENS.answer, *ids("yes")]:
        places.append(playing.choice().place)
        playing.take_token(token)

    assert len(set(places)) == len(places)


@pytest.mark.parametrize("inside", [TOKENS.start_ground, TOKENS.end_ground, TOKENS.coord])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_deltas_join_to_the_reasoning_also_around_a_token_inside_a_character(inside, at):
    playing, grin = script(reasons=True), ids("😀")
    tokens = [*ids("a "), *grin[:at], inside, *grin[at:], *ids(" b"), TOKENS.answer, *ids("yes"), TOKENS.eos]

    told = fed(playing, tokens, [0.5])

    answer = playing.answer(1)
    assert told == answer.reasoning
    assert answer.text == "yes"


def test_groundings_name_the_stretch_that_was_told():
    playing = script(reasons=True)
    cat = [TOKENS.start_ground, *ids("cät"), TOKENS.coord, TOKENS.coord, TOKENS.end_ground]

    told = fed(playing, [*ids("the "), *cat, *ids(" sits"), TOKENS.answer], [0.25, 0.5])

    (found,) = playing.answer(1).grounding
    assert found == Grounding(4, 7, (Point(0.25, 0.5),))
    assert told[found.start : found.end] == "cät"


def test_who_must_speak_may_not_end_before_a_visible_word():
    playing = script(must_speak=True)
    banned = []
    for token in [*ids(" "), TOKENS.answer, *ids("a")]:
        banned.append(TOKENS.eos in playing.choice().banned)
        playing.take_token(token)

    assert banned == [True, True, True]
    assert TOKENS.eos not in playing.choice().banned


def test_who_need_not_speak_may_end_at_once():
    playing = script()

    playing.take_token(TOKENS.eos)

    assert playing.need is Need.NOTHING
    assert playing.answer(1).text == ""
