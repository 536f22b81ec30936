"""The allocator of a GPU process: set up before torch loads, and never against its user."""

import subprocess
import sys

import pytest

from workers.devices.allocator_settings import NAMES, SETTINGS, allocator_environment, pinned_nbytes

MIB = 2**20


def test_a_gpu_process_gets_expandable_segments():
    assert "expandable_segments:True" in allocator_environment({})["PYTORCH_ALLOC_CONF"]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_user_set_is_left_alone(name):
    assert allocator_environment({name: "max_split_size_mb:128"}) == {}


def test_blocks_that_are_not_rounded_are_not_kept():
    """torch would hand a kept one to a larger request (pytorch/pytorch#192722)."""
    values = dict(part.split(":") for part in SETTINGS.split(","))

    assert int(values["pinned_max_cached_size_mb"]) <= int(values["pinned_max_round_threshold_mb"])


KEYS = [part.split(":")[0] for part in SETTINGS.split(",")]


@pytest.fixture(scope="module")
def refused() -> list[str]:
    """The keys whose nonsense value torch refuses, asked in one process of its own: these settings last as long as it."""
    code = f"""
import torch
for key in {KEYS!r}:
    try:
        torch._C._accelerator_setAllocatorSettings(key + ":nonsense")
    except (RuntimeError, ValueError):
        print(key)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("key", KEYS)
def test_torch_knows_every_one_of_these_settings(key, refused):
    """It ignores keys that it does not know, and refuses a nonsense value of those that it does."""
    assert key in refused


def test_page_locked_bytes_are_counted_as_the_allocator_takes_them():
    ours, theirs = allocator_environment({}), {NAMES[0]: "max_split_size_mb:128"}

    assert pinned_nbytes(5 * MIB, ours) == 5 * MIB
    assert pinned_nbytes(5 * MIB, theirs) == pinned_nbytes(5 * MIB, {}) == 8 * MIB
    assert pinned_nbytes(3000, ours) == 4096
    assert pinned_nbytes(0, ours) == 0
