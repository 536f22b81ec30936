"""Stage 7: a real device assert is told from want of memory, only a new process gets the card back, and a process that
sees no card refuses with a sentence.

This stage poisons its own context. It runs in a process of its own like all others, so that ends with it.
"""

from typing import Any

import torch

from shared.errors import DarkroomError
from tests.bench.card.where import Where
from workers.devices.gpu import list_gpus
from workers.engines.torch_tools import cuda_probe, device_lost
from workers.engines.torch_tools.out_of_vram import named_out_of_vram


def run(where: Where) -> dict[str, Any]:
    return {
        "card_hidden": cuda_probe.refusal_of(""),
        "before": _answers(),
        "too_large": _named(lambda: torch.empty(2**50, device=where.device)),
        "after_too_large": _answers(),
        "device_assert": _named(lambda: _assert_on(where)),
        "after_device_assert": _answers(),
        "a_new_process": cuda_probe.refusal_of(_uuid(where)) or "computes",
    }


def _named(work: Any) -> str:
    """What a worker makes of the failure."""
    try:
        with named_out_of_vram("as planned"):
            work()
    except DarkroomError as exc:
        return f"{exc.code}: {exc.message[:200]}"
    except Exception as exc:
        lost = "device lost" if device_lost.is_device_lost(exc) else "not lost"
        return f"{lost}: {type(exc).__name__}: {str(exc).splitlines()[0][:200]}"
    return "nothing failed"


def _assert_on(where: Where) -> None:
    """An index beyond the end: on a card an assert in a kernel, which is seen when somebody waits for it."""
    torch.zeros(2, device=where.device)[torch.tensor([1_000_000], device=where.device)].cpu()


def _answers() -> str:
    return "answers" if device_lost.device_answers() else "does not answer"


def _uuid(where: Where) -> str:
    cards = [] if where.is_dry else list_gpus()
    return cards[0].uuid if cards else ""
