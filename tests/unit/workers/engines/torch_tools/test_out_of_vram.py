"""Want of memory is recognised in every dress."""

import pytest
import torch

from shared.errors import OutOfVram
from workers.engines.torch_tools.out_of_vram import is_out_of_vram, named_out_of_vram


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        OutOfVram("a budget said no"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: out of memory"),
    ],
    ids=repr,
)
def test_want_of_memory_is_told_by_type_or_message(error):
    assert is_out_of_vram(error)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("CUDA error: an illegal memory access"), ValueError("out of memory"), KeyError("x")],
    ids=repr,
)
def test_other_errors_are_something_else(error):
    assert not is_out_of_vram(error)


def test_the_new_name_says_what_was_being_done():
    with pytest.raises(OutOfVram, match="decoding: CUDA out of memory"), named_out_of_vram("decoding"):
        raise torch.OutOfMemoryError("CUDA out of memory\nand many more lines")


def test_other_errors_pass_unchanged():
    error = ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing") as caught, named_out_of_vram("decoding"):
        raise error
    assert caught.value is error
