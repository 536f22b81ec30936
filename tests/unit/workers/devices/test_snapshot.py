"""What one reading of a GPU says, and joules of a picture from two readings of its counter."""

import pytest

from workers.devices.snapshot import Snapshot, joules_between, joules_per_picture


def gpu(energy_j: float | None, uuid: str = "GPU-a") -> Snapshot:
    return Snapshot(uuid, "RTX 3060", 0, 12_288, energy_j=energy_j)


def test_a_batch_shares_what_it_cost():
    assert joules_per_picture(gpu(1000.0), gpu(5000.0), pictures=4) == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("before", "after"),
    [(gpu(None), gpu(5.0)), (gpu(5.0), gpu(None)), (gpu(5.0), gpu(6.0, "GPU-b")), (gpu(5.0), gpu(1.0))],
    ids=["not counted", "no longer counted", "another GPU", "driver loaded anew"],
)
def test_what_was_not_counted_is_unknown(before, after):
    assert joules_between(before, after) is None
    assert joules_per_picture(before, after, 1) is None


def test_without_a_picture_there_is_no_price():
    assert joules_per_picture(gpu(1.0), gpu(2.0), pictures=0) is None


def test_bf16_needs_an_ampere_or_newer():
    turing = Snapshot("GPU-x", "RTX 2080", 0, 8192, compute_capability=(7, 5))
    ampere = Snapshot("GPU-y", "RTX 3060", 0, 12_288, compute_capability=(8, 6))

    assert not turing.has_bf16
    assert ampere.has_bf16
