"""How actions look in an answer: their presets, and the fields of their form with the limits that jobs have anyway. Pure."""

from typing import Any, Literal, get_args

from pydantic import BaseModel, Field

from shared.contracts.actions import MOST_SOURCES
from shared.contracts.samplers import AUTOMATIC, SCHEDULERS, SCHEDULES
from shared.contracts.vision import TaskName
from shared.models.actions import FORMS, Action

FieldType = Literal["text", "integer", "number", "choice", "model", "tasks"]
#: What a schema's field cannot say: how a form shows it.
SHOWN_AS: dict[str, FieldType] = {"model": "model", "tasks": "tasks", "scheduler": "choice", "schedule": "choice"}
CHOICES: dict[str, tuple[str, ...]] = {
    "scheduler": tuple(SCHEDULERS),
    "schedule": tuple(name for name in SCHEDULES if name != AUTOMATIC),
}
TITLES = {"n": "Pictures", "guidance_scale": "Guidance", "scheduler": "Sampler"}


class FormField(BaseModel):
    """One field of an action's form; what it is called in `overrides`."""

    name: str
    title: str
    type: FieldType = Field(description="How it is entered; tasks: a list as in POST /v1/analyze")
    description: str
    minimum: float | None = None
    maximum: float | None = None
    multiple_of: float | None = None
    max_chars: int | None = None
    max_items: int | None = None
    choices: tuple[str, ...] = Field((), description="Of a choice; of tasks: what can be asked")
    default: Any = Field(None, description="Without a preset; null: the picture's own, or the model's")


class PresetRow(BaseModel):
    """One way of an action."""

    name: str
    title: str
    summary: str
    values: dict[str, Any] = Field(description="What it sets of the form's fields")


class ActionView(BaseModel):
    """One thing that can be done to pictures."""

    name: str
    title: str
    summary: str
    kind: Literal["generate", "analyze"] = Field(description="generate: makes pictures; analyze: says words")
    takes: tuple[str, ...] = Field(
        description="What is taken over from each picture, where neither preset nor overrides say it"
    )
    presets: tuple[PresetRow, ...]
    default_preset: str | None
    fields: tuple[FormField, ...] = Field(description="What `overrides` may hold")
    max_ids: int = Field(description="Pictures of one request, at most")


class ActionList(BaseModel):
    """All actions, in the order to show them."""

    actions: tuple[ActionView, ...]


def action_view(action: Action, max_members: int) -> ActionView:
    """An action as callers see it.

    Args:
        max_members: most that a batch may have here.
    """
    return ActionView(
        name=action.name,
        title=action.title,
        summary=action.summary,
        kind=action.kind,
        takes=action.takes,
        presets=tuple(PresetRow(**dict(preset)) for preset in action.presets),
        default_preset=action.default,
        fields=form_fields(action),
        max_ids=min(MOST_SOURCES, max_members),
    )


def form_fields(action: Action) -> tuple[FormField, ...]:
    """Every field that its overrides may hold, with the limits that are checked."""
    schema = FORMS[action.kind].model_json_schema()["properties"]
    return tuple(_field(name, row, action.values.get(name)) for name, row in schema.items())


def _field(name: str, row: dict[str, Any], default: Any) -> FormField:
    limits = next((each for each in row.get("anyOf", ()) if each.get("type") != "null"), row)
    own_default = row.get("default")
    return FormField(
        name=name,
        title=TITLES.get(name) or name.replace("_", " ").capitalize(),
        type=SHOWN_AS.get(name) or {"string": "text"}.get(limits["type"], limits["type"]),
        description=row.get("description", ""),
        minimum=limits.get("minimum", limits.get("exclusiveMinimum")),
        maximum=limits.get("maximum"),
        multiple_of=limits.get("multipleOf"),
        max_chars=limits.get("maxLength"),
        max_items=limits.get("maxItems"),
        choices=get_args(TaskName) if name == "tasks" else CHOICES.get(name, ()),
        default=own_default if default is None else default,
    )
