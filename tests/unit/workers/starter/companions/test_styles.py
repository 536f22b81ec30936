"""The two styles: pure functions of a card, and measures that know a card in the style from one without."""

import numpy as np
import pytest

from workers.starter.companions.styles import CUT_INK, CUT_PAPER, CUT_TAN, STYLES, woodcut
from workers.starter.paint import paint
from workers.starter.world import SIDE_PX, scene_from_seed

CARDS = [paint(scene_from_seed(seed)) for seed in range(12)]


@pytest.mark.parametrize("name", STYLES)
def test_a_style_is_a_function_of_the_card_alone(name: str):
    first, again = (STYLES[name].apply(CARDS[0]) for _ in range(2))

    assert first.tobytes() == again.tobytes()
    assert first.size == (SIDE_PX, SIDE_PX)


@pytest.mark.parametrize("name", STYLES)
def test_every_card_in_the_style_measures_more_than_without(name: str):
    style = STYLES[name]

    assert all(style.measure(style.apply(card)) > style.measure(card) for card in CARDS)
    assert min(style.measure(style.apply(card)) for card in CARDS) > 0.5


def test_a_woodcut_is_printed_from_two_blocks_on_paper():
    tones = {tuple(tone) for card in CARDS for tone in np.asarray(woodcut(card)).reshape(-1, 3)}

    assert tones == {CUT_INK, CUT_TAN, CUT_PAPER}
