"""Which model answers: the one a request names, or the best that can be had; and for each task of an analysis, who.

An analysis job has one analysis model (its picture is encoded once); taggers and raters come beside it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from api.services import Services
from api.services.auth import current_caller
from shared.accounts.scope_rules import check_model
from shared.contracts.access import Scopes
from shared.contracts.vision import AnyTask
from shared.errors import DoesNotFit, InvalidRequest, ModelMissing, NotFound, ScopeExceeded
from shared.models.catalogue import ModelCard, missing_message
from shared.models.effective import effective_task
from shared.rack.worker_registry import WorkerReport

#: Orders models that can be had: what the rack was set up for, what ships with Darkroom, what only tries the plumbing.
REAL, SHIPPED, TOY = 0, 1, 2
#: Tasks that have models of their own, of the kind of the same name; all others are an analysis model's.
SPECIAL = ("tags", "rating")


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


class Choice:
    """Which models this request's caller can have at this moment, or a key that is narrowed so; looks once."""

    def __init__(self, ours: Services, scopes: Scopes | None = None) -> None:
        self.catalogue = ours.catalogue
        self.workers = ours.registry.living()
        self._scopes = current_caller().scopes if scopes is None else scopes

    def named(self, wanted: str) -> ModelCard:
        """The model of this name.

        Raises:
            NotFound, DoesNotFit, ModelMissing: there is none, or nobody can ever run it.
            ScopeExceeded: the caller's key is for other models.
        """
        card = self.catalogue.get(wanted)
        check_model(self._scopes, card.id)
        return self._servable(card)

    def best(self, cards: Sequence[ModelCard], what: str) -> ModelCard:
        """The best of these that can be had.

        Raises:
            ModelMissing, DoesNotFit: none can.
            ScopeExceeded: the caller's key is for none of them.
        """
        allowed = self._scopes.models
        if allowed:
            cards = [card for card in cards if card.id in allowed]
            if not cards:
                raise ScopeExceeded(
                    f"scope models: this key is for {', '.join(allowed)} only; none is a {what}", field="model"
                )
        chosen = choose_model(cards, served_by(self.workers), [card.id for card in cards if self._is_here(card)])
        if chosen is None:
            raise ModelMissing(f"no {what} is here; see GET /v1/models for the commands that fetch one")
        return self._servable(chosen)

    def wanted_or_best(self, wanted: str | None, kind: str, what: str) -> ModelCard:
        """The model a request names, else the best of a kind. Raises as both do."""
        return self.named(wanted) if wanted is not None else self.best(self.catalogue.of_kind(kind), what)

    def _servable(self, card: ModelCard) -> ModelCard:
        ensure_servable(card, self.workers, is_here=self._is_here(card))
        return card

    def _is_here(self, card: ModelCard) -> bool:
        return self.catalogue.locate(card) is not None


@dataclass(frozen=True)
class Chosen:
    """The model whose queue the job waits in, and the tasks with every value explicit."""

    card: ModelCard
    tasks: list[AnyTask]


def choose_for_tasks(choice: Choice, tasks: Sequence[AnyTask], model: str | None) -> Chosen:
    """Find a model for every task.

    Raises:
        NotFound, ModelMissing, DoesNotFit: a model that is named, or all of a kind, cannot be had.
        InvalidRequest: a model cannot do its task or is not needed, or two analysis models are named.
    """
    wanted = choice.named(model) if model is not None else None
    found = [_answerer(choice, task, index, wanted) for index, task in enumerate(tasks)]
    analyst = _analyst(choice, found, wanted)
    cards = [card or analyst for card in found]
    effective = [
        effective_task(t, c, field=f"tasks.{i}") for i, (t, c) in enumerate(zip(tasks, cards, strict=True)) if c
    ]
    if wanted is not None and wanted not in cards:
        raise InvalidRequest(
            f"no task needs {wanted.id}: name it as a task's engine, or leave model out", field="model"
        )
    return Chosen(analyst or next(card for card in cards if card), effective)


def _answerer(choice: Choice, task: AnyTask, index: int, wanted: ModelCard | None) -> ModelCard | None:
    """The model of one task; None stands for the job's analysis model."""
    if task.engine is not None:
        return _of_name(choice, task.engine, f"tasks.{index}.engine")
    if wanted is not None and wanted.kind != "analyze" and (wanted.does(task.task) or task.task not in SPECIAL):
        return wanted
    if task.task not in SPECIAL:
        return None
    return choice.best([card for card in choice.catalogue.of_kind(task.task) if card.does(task.task)], task.task)


def _of_name(choice: Choice, name: str, field: str) -> ModelCard | None:
    """A model by its name, or the best of an engine's; None where that is any analysis model."""
    family = [card for card in choice.catalogue.cards.values() if card.engine == name and card.analysis]
    try:
        if not family or name in choice.catalogue.cards:
            return choice.named(name)
    except NotFound as exc:
        able = [card for card in choice.catalogue.cards.values() if card.analysis]
        known = ", ".join(dict.fromkeys([*(card.engine for card in able), *(card.id for card in able)]))
        raise NotFound(f"unknown engine {name!r}; known: {known}", field=field) from exc
    return None if family[0].kind == "analyze" else choice.best(family, f"model of {name}")


def _analyst(choice: Choice, found: Sequence[ModelCard | None], wanted: ModelCard | None) -> ModelCard | None:
    """The one analysis model of the job; None where no task needs one."""
    named = [card for card in found if card is not None and card.kind == "analyze"]
    if wanted is not None and wanted.kind == "analyze":
        named.insert(0, wanted)
    other = next((card for card in named if card is not named[0]), None)
    if other is not None:
        raise InvalidRequest(f"one job has one analysis model, not {named[0].id} and {other.id}", field="model")
    if named:
        return named[0]
    return choice.best(choice.catalogue.of_kind("analyze"), "analysis model") if None in found else None


def _preference(card: ModelCard, is_served: bool) -> tuple[int, int]:
    nature = TOY if card.source.builtin else SHIPPED if card.source.package else REAL
    if is_served:
        return 0, nature
    return (2, 0) if nature == REAL else (1, nature)
