"""A poisoned context is told from want of memory and from a bug, and every process asks its own card."""

import pytest
import torch

from shared.errors import DeviceLost, EngineFailed, OutOfVram
from workers.engines.torch_tools import device_lost
from workers.engines.torch_tools.out_of_vram import named_out_of_vram

POISONED = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be …"),
    torch.AcceleratorError("CUDA error: device-side assert triggered"),
    torch.AcceleratorError("CUDA error: unspecified launch failure"),
    torch.AcceleratorError("CUDA error: something that a newer driver says"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(…)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("CUDA error: uncorrectable ECC error encountered"),
    DeviceLost("as an engine found it"),
]
UNCLEAR = [
    torch.OutOfMemoryError("CUDA out of memory."),
    torch.AcceleratorError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
]
OURS = [
    torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device"),
    torch.AcceleratorError("CUDA error: invalid configuration argument"),
    ValueError("device-side assert"),
    EngineFailed("jobs of one batch differ"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_lost, "device_answers", lambda: True)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_lost, "device_answers", lambda: False)


@pytest.mark.parametrize("error", POISONED, ids=repr)
@pytest.mark.usefixtures("answering")
def test_a_poisoned_context_is_told_by_what_the_library_says(error):
    assert device_lost.is_device_lost(error)


@pytest.mark.parametrize("error", [*UNCLEAR, *OURS], ids=repr)
@pytest.mark.usefixtures("answering")
def test_on_a_card_that_answers_want_of_memory_and_bugs_lose_nothing(error):
    assert not device_lost.is_device_lost(error)


@pytest.mark.parametrize("error", [*UNCLEAR, *OURS[:2]], ids=repr)
@pytest.mark.usefixtures("silent")
def test_where_the_words_can_mean_either_the_card_decides(error):
    assert device_lost.is_device_lost(error)


@pytest.mark.usefixtures("silent")
def test_an_error_of_ours_does_not_trouble_the_card():
    assert not device_lost.is_device_lost(ValueError("no such thing"))


@pytest.mark.usefixtures("answering")
def test_a_loss_is_seen_through_what_was_raised_on_top_of_it():
    on_top = KeyError("while cleaning up")
    on_top.__context__ = POISONED[0]

    with pytest.raises(DeviceLost, match="illegal memory access"):
        device_lost.raise_if_lost(on_top)


@pytest.mark.usefixtures("silent")
def test_a_refusal_by_a_lost_card_is_no_want_of_memory():
    with pytest.raises(DeviceLost, match="decoding: CUDA out of memory"), named_out_of_vram("decoding"):
        raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize("error", UNCLEAR, ids=repr)
def test_a_refusal_by_a_card_that_answers_is_want_of_memory(error):
    with pytest.raises(OutOfVram, match="decoding"), named_out_of_vram("decoding"):
        raise error


@pytest.mark.usefixtures("answering")
def test_inside_a_named_block_a_loss_is_named_too():
    with pytest.raises(DeviceLost, match="64×64: CUDA error: device-side assert"), named_out_of_vram("64×64"):
        raise POISONED[1]


class Cuda:
    """`torch.cuda` of a process that has a context which is well or is not."""

    def __init__(self, error: Exception | None, has_context: bool = True) -> None:
        self.error, self.has_context, self.asked = error, has_context, 0

    def is_available(self):
        return True

    def is_initialized(self):
        return self.has_context

    def synchronize(self):
        self.asked += 1
        if self.error:
            raise self.error


@pytest.mark.parametrize(("error", "answers"), [(None, True), (POISONED[0], False)])
def test_a_card_is_asked_by_waiting_for_it(monkeypatch, error, answers):
    cuda = Cuda(error)
    monkeypatch.setattr(torch, "cuda", cuda)

    assert (device_lost.device_answers(), cuda.asked) == (answers, 1)


def test_a_process_without_a_context_makes_none_only_to_ask(monkeypatch):
    cuda = Cuda(POISONED[0], has_context=False)
    monkeypatch.setattr(torch, "cuda", cuda)

    assert (device_lost.device_answers(), cuda.asked) == (True, 0)
