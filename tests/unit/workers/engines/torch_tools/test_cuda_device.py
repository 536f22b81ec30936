"""What a GPU is asked through torch, with an allocator of our own behind it."""

import pytest
import torch

from shared.errors import OutOfVram
from workers.engines.torch_tools.cuda_device import CudaDevice
from workers.engines.torch_tools.out_of_vram import Refusals, named_out_of_vram

MIB = 2**20


class Allocator:
    """The part of `torch.cuda` that is used, over plain numbers. The driver says 12,288 MiB, CUDA a little less."""

    def __init__(self):
        self.highest, self.fraction, self.resets = 900 * MIB, None, 0
        self.reserved, self.most_reserved, self.allocated = 700 * MIB, 0, 500 * MIB

    def is_available(self):
        return False

    def set_per_process_memory_fraction(self, fraction):
        self.fraction = fraction

    def mem_get_info(self):
        return 4000 * MIB, 12_000 * MIB

    def memory_reserved(self):
        return self.reserved

    def memory_allocated(self):
        return self.allocated

    def reset_peak_memory_stats(self):
        self.resets += 1

    def max_memory_allocated(self):
        return self.highest

    def max_memory_reserved(self):
        return self.most_reserved


@pytest.fixture
def allocator(monkeypatch):
    made = Allocator()
    monkeypatch.setattr(torch, "cuda", made)
    return made


def test_the_process_is_capped_at_its_mib_of_the_total_that_torch_multiplies_with(allocator):
    CudaDevice(9000)

    assert allocator.fraction * 12_000 == pytest.approx(9000)


@pytest.mark.parametrize(("process_mib", "fraction"), [(20_000, 1.0), (-5, 0.0)])
def test_a_cap_is_a_share_of_the_card(allocator, process_mib, fraction):
    CudaDevice(process_mib)

    assert allocator.fraction == fraction


def test_cached_blocks_count_as_free(allocator):
    device = CudaDevice(9000)

    assert (device.free_mib(), device.own_mib()) == (4200, 500)


def test_a_peak_is_counted_from_its_start(allocator):
    device = CudaDevice(9000)
    device.start_peak()
    allocator.highest = 7000 * MIB

    assert (device.peak_mib(), allocator.resets) == (7000, 1)


def test_what_is_reserved_beyond_the_slack_is_needed_too(allocator):
    """Published for a decode of 1024 × 1024: 2,434 MiB allocated, 4,274 reserved."""
    device = CudaDevice(9000, slack_mib=338)
    allocator.reserved = allocator.allocated
    device.start_peak()
    allocator.highest, allocator.most_reserved = 2434 * MIB, 4274 * MIB

    assert device.peak_mib() == 4274 - 338


def test_what_an_earlier_job_left_reserved_is_not_this_ones(allocator):
    device = CudaDevice(9000, slack_mib=338)
    allocator.reserved = 8000 * MIB
    device.start_peak()
    allocator.highest, allocator.most_reserved = 2434 * MIB, 8000 * MIB

    assert device.peak_mib() == 2434


def test_a_peak_that_a_refusal_cut_off_is_none(allocator):
    refusals = Refusals()
    device = CudaDevice(9000, refusals=refusals)
    device.start_peak()
    refusals.count += 1

    assert device.peak_mib() is None


def test_work_that_ran_out_of_memory_counts_as_refused_and_cudnn_falling_back_does_not(allocator):
    device = CudaDevice(9000)
    device.start_peak()
    allocator.memory_stats = lambda: {"num_ooms": 3}  # cuDNN asked for a workspace and took another algorithm
    assert device.peak_mib() == 900

    with pytest.raises(OutOfVram), named_out_of_vram("decoding"):
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert device.peak_mib() is None
