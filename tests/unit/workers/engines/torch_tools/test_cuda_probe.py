"""A GPU is used only if torch can compute on it, and if not, the reason is a sentence."""

import sys
from types import SimpleNamespace

import pytest

from workers.engines.torch_tools.cuda_probe import refusal, refusal_of


class Matrix:
    """What `torch.ones` gives: its square sums up to what the test says."""

    def __init__(self, total: float) -> None:
        self.total = total

    def __matmul__(self, other: "Matrix") -> "Matrix":
        return self

    def sum(self) -> float:
        return self.total


def torch_that(*, cuda: str | None = "13.0", error: Exception | None = None, total: float = 16.0**3):
    """The part of torch that is used; `error` is what the first touch of the GPU raises."""

    def init():
        if error:
            raise error

    return SimpleNamespace(
        __version__="2.13.0",
        version=SimpleNamespace(cuda=cuda),
        cuda=SimpleNamespace(init=init, synchronize=lambda: None),
        ones=lambda *size, device: Matrix(total),
    )


def test_a_card_that_computes_is_not_refused():
    assert refusal(torch_that()) is None


def test_a_cpu_build_is_named_with_where_to_get_another():
    assert "2.13.0 is a CPU build: install one for CUDA, see https://" in refusal(torch_that(cuda=None))


def test_an_old_driver_is_named_with_the_one_that_is_needed():
    old = RuntimeError("The NVIDIA driver on your system is too old (found version 12020).\nPlease update")

    told = refusal(torch_that(error=old))

    assert "too old (found version 12020)" in told
    assert "CUDA 13 needs 580 or newer" in told
    assert "\n" not in told


def test_a_card_that_computes_wrongly_is_refused():
    assert "computes wrongly" in refusal(torch_that(total=4095.0))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("print('')", None),
        ("print('a reason')", "a reason"),
        ("import os; print(os.environ['CUDA_VISIBLE_DEVICES'])", "GPU-a"),
        ("import os; os.abort()", "status -6"),
        ("raise ImportError('libcudart.so.13')", "libcudart.so.13"),
    ],
)
def test_the_question_is_put_in_a_process_of_its_own(script, told):
    answer = refusal_of("GPU-a", command=(sys.executable, "-c", script))

    assert answer is None if told is None else told in answer
