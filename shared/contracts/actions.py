"""What a caller may ask of an action: which pictures, a preset, and what to do otherwise than it."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from shared.contracts.base import Contract, Priority
from shared.contracts.batches import ModelName, Prompt
from shared.contracts.generation import PictureWishes
from shared.contracts.vision import MAX_TASKS, AnyTask

#: Pictures of one action; more are sent in several.
MOST_SOURCES = 1000
#: Stands in a prompt for the picture's own words.
OWN_WORDS = "{prompt}"
ACTION_NAME_PATTERN = "^[a-z][a-z0-9-]{0,31}$"

SourceId = Annotated[str, Field(min_length=1, max_length=64)]


class ActionRequest(Contract):
    """`POST /v1/actions/<name>`: a recipe, and the pictures it is made of."""

    ids: list[SourceId] = Field(
        min_length=1,
        max_length=MOST_SOURCES,
        description="Assets (ast_…) or stored pictures (img_…); one that is named twice counts once",
    )
    preset: str | None = Field(
        None, pattern=ACTION_NAME_PATTERN, description="One of the action's; absent: its default"
    )
    overrides: dict[str, Any] = Field(
        default_factory=dict, description="Fields of the action's form that shall be otherwise than the preset says"
    )
    name: str = Field("", max_length=200, description="Of the batch, for people; absent: the action's title")
    priority: Annotated[Priority, Field(strict=False)] | None = Field(
        None, description="Absent: normal for one picture, low for several"
    )
    keep: bool | None = Field(
        None, description="Whether its pictures stay in the library until deleted; absent: as the rack's setting says"
    )
    fresh: bool = Field(False, description="Do an analysis again that was done before with the same picture and model")
    dry_run: bool = Field(False, description="Check everything, and tell what would be made: 200, nothing is kept")

    @model_validator(mode="after")
    def _no_control_characters(self) -> "ActionRequest":
        if any(ord(char) < 32 or ord(char) == 127 for char in self.name):
            raise ValueError("name: control characters are not allowed")
        return self

    @property
    def sources(self) -> list[str]:
        """The ids, each once."""
        return list(dict.fromkeys(self.ids))


class PictureOverrides(PictureWishes):
    """What the form of an action that makes pictures has."""

    prompt: Prompt = Field(
        OWN_WORDS, description=f"What the picture shows; {OWN_WORDS} stands for the source's own words"
    )


class AnalysisOverrides(Contract):
    """What the form of an action that looks at pictures has."""

    tasks: list[AnyTask] | None = Field(
        None, min_length=1, max_length=MAX_TASKS, description="As in POST /v1/analyze, answered in this order"
    )
    model: ModelName | None = Field(None, description="An analysis model of GET /v1/models")
