"""Which model a request gets, and whether anybody can ever run it. Pure."""

from collections.abc import Collection, Sequence

from shared.errors import DoesNotFit, ModelMissing
from shared.models.catalogue import ModelCard, missing_message
from shared.rack.worker_registry import WorkerReport

#: Orders models that can be had: what the rack was set up for, what ships with Darkroom, what only tries the plumbing.
REAL, SHIPPED, TOY = 0, 1, 2


def served_by(workers: Sequence[WorkerReport]) -> frozenset[str]:
    """Models that some living worker serves."""
    return frozenset(model for worker in workers for model in worker.models)


def choose_model(cards: Sequence[ModelCard], served: Collection[str], here: Collection[str]) -> ModelCard | None:
    """The model of a request that names none; None when there is none to be had.

    A served model beats one whose weights merely lie here: it runs now. Weights of a real model that nobody serves come
    last of all, because no worker may be able to hold them.
    """
    able = [card for card in cards if card.id in served or card.id in here]
    return min(able, key=lambda card: _preference(card, card.id in served), default=None)


def ensure_servable(card: ModelCard, workers: Sequence[WorkerReport], *, is_here: bool) -> None:
    """Refuse a job that could only wait for ever.

    Raises:
        DoesNotFit: workers live, and the model is too large for each of them; the message has the numbers.
        ModelMissing: its weights are neither with a living worker nor on this host.
    """
    if card.id in served_by(workers):
        return
    if workers and all(card.id in worker.too_large for worker in workers):
        need_mib = min(worker.too_large[card.id] for worker in workers)
        largest = max(workers, key=lambda worker: worker.budget_mib)
        raise DoesNotFit(
            f"{card.id} needs {need_mib:,} MiB, the largest budget is {largest.budget_mib:,} MiB ({largest.name})",
            field="model",
        )
    if not is_here:
        raise ModelMissing(missing_message(card), field="model")


def _preference(card: ModelCard, is_served: bool) -> tuple[int, int]:
    nature = TOY if card.source.builtin else SHIPPED if card.source.package else REAL
    if is_served:
        return 0, nature
    return (2, 0) if nature == REAL else (1, nature)
