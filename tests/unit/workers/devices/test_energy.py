"""Joules of a picture from two readings of a card's counter."""

import pytest

from workers.devices.energy import joules_between, joules_per_picture
from workers.devices.gpu import Snapshot


def card(energy_j: float | None, uuid: str = "GPU-a") -> Snapshot:
    return Snapshot(uuid, "RTX 3060", 0, 12_288, energy_j=energy_j)


def test_a_batch_shares_what_it_cost():
    assert joules_per_picture(card(1000.0), card(5000.0), pictures=4) == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("before", "after"),
    [(card(None), card(5.0)), (card(5.0), card(None)), (card(5.0), card(6.0, "GPU-b")), (card(5.0), card(1.0))],
    ids=["not counted", "no longer counted", "another card", "driver loaded anew"],
)
def test_what_was_not_counted_is_unknown(before, after):
    assert joules_between(before, after) is None
    assert joules_per_picture(before, after, 1) is None


def test_without_a_picture_there_is_no_price():
    assert joules_per_picture(card(1.0), card(2.0), pictures=0) is None
