"""What a card is asked through torch, with an allocator of our own behind it."""

import pytest
import torch

from workers.cuda_device import CudaDevice

MIB = 2**20


class Allocator:
    """The part of `torch.cuda` that is used, over plain numbers."""

    def __init__(self):
        self.highest, self.refused, self.fraction, self.resets = 900 * MIB, 3, None, 0

    def set_per_process_memory_fraction(self, fraction):
        self.fraction = fraction

    def mem_get_info(self):
        return 4000 * MIB, 12_288 * MIB

    def memory_reserved(self):
        return 700 * MIB

    def memory_allocated(self):
        return 500 * MIB

    def reset_peak_memory_stats(self):
        self.resets += 1

    def max_memory_allocated(self):
        return self.highest

    def memory_stats(self):
        return {"num_ooms": self.refused}


@pytest.fixture
def allocator(monkeypatch):
    made = Allocator()
    monkeypatch.setattr(torch, "cuda", made)
    return made


def test_the_process_is_capped_and_cached_blocks_count_as_free(allocator):
    device = CudaDevice(0.75)

    assert (allocator.fraction, device.free_mib(), device.own_mib()) == (0.75, 4200, 500)


def test_a_peak_is_counted_from_its_start(allocator):
    device = CudaDevice(1.0)
    device.start_peak()
    allocator.highest = 7000 * MIB

    assert (device.peak_mib(), allocator.resets) == (7000, 1)


def test_a_peak_that_a_refusal_cut_off_is_none(allocator):
    device = CudaDevice(1.0)
    device.start_peak()
    allocator.refused += 1

    assert device.peak_mib() is None
