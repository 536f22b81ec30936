"""Who answers each task of an analysis: the request's model, the default of a kind, or whom the task names.

A job has one analysis model (its picture is encoded once); taggers and raters come beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.requests.submission import Choice
from shared.contracts.vision import AnyTask
from shared.errors import InvalidRequest, NotFound
from shared.models.catalogue import ModelCard
from shared.models.effective import effective_task

#: Tasks that have models of their own, of the kind of the same name; all others are an analysis model's.
SPECIAL = ("tags", "rating")


@dataclass(frozen=True)
class Chosen:
    """The model whose queue the job waits in, and the tasks with every value explicit."""

    card: ModelCard
    tasks: list[AnyTask]


def choose(choice: Choice, tasks: Sequence[AnyTask], model: str | None) -> Chosen:
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
