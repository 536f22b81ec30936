"""What can be done to pictures with one click: recipes as data, and how a preset and a caller's words fill one.

The built-in list is `actions.toml` beside this file. A recipe is a row of fields that jobs have anyway; what it makes is a
batch like any other. Every preset is checked when the list is read, so a request can only be wrong by its own words.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from shared.contracts.actions import ACTION_NAME_PATTERN, OWN_WORDS, AnalysisOverrides, PictureOverrides
from shared.contracts.generation import MAX_PROMPT_CHARS
from shared.errors import InvalidRequest, NotFound
from shared.models.catalogue import Row

BUILT_IN = Path(__file__).with_name("actions.toml")
#: Kind of an action → what its form has.
FORMS: dict[str, type[PictureOverrides] | type[AnalysisOverrides]] = {
    "generate": PictureOverrides,
    "analyze": AnalysisOverrides,
}
Taken = Literal["prompt", "negative_prompt", "model", "seed"]


class Preset(Row):
    """One way of an action."""

    name: str = Field(pattern=ACTION_NAME_PATTERN)
    title: str
    summary: str
    values: dict[str, Any] = Field(default_factory=dict)


class Action(Row):
    """One thing that can be done to pictures."""

    name: str = Field(pattern=ACTION_NAME_PATTERN)
    kind: Literal["generate", "analyze"]
    title: str
    summary: str
    #: What is taken over from what the library says of the picture, where neither preset nor caller says it.
    takes: tuple[Taken, ...] = ()
    values: dict[str, Any] = Field(default_factory=dict)
    presets: tuple[Preset, ...] = ()
    default: str | None = None

    @model_validator(mode="after")
    def _presets_can_be_used(self) -> "Action":
        names = [preset.name for preset in self.presets]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: two presets have one name")
        if self.default is not None and self.default not in names:
            raise ValueError(f"{self.name}: there is no preset {self.default!r}")
        for values in (self.values, *(self.values | preset.values for preset in self.presets)):
            FORMS[self.kind].model_validate(values)
        return self

    def preset(self, name: str | None) -> Preset | None:
        """The preset of this name; of none: the default one, if there is one.

        Raises:
            NotFound: there is no such preset; the message lists those there are.
        """
        wanted = name or self.default
        if wanted is None:
            return None
        found = next((preset for preset in self.presets if preset.name == wanted), None)
        if found is None:
            known = ", ".join(preset.name for preset in self.presets) or "none"
            raise NotFound(f"{self.name} has no preset {wanted!r}; there are: {known}", field="preset")
        return found

    def recipe(self, preset: str | None, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of its job: the action's own, over them the preset's, over them the caller's. Raises as `preset`."""
        chosen = self.preset(preset)
        return self.values | (chosen.values if chosen else {}) | dict(overrides)


def load_actions(path: Path = BUILT_IN) -> dict[str, Action]:
    """All actions by name, in their order.

    Raises:
        InvalidRequest: the file is wrong; the message says where.
    """
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["actions"]
        return {name: Action(name=name, **row) for name, row in rows.items()}
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValidationError) as exc:
        raise InvalidRequest(f"{path}: {exc}") from exc


def words_of(template: str, own: str) -> str:
    """A prompt with the picture's own words in it; where it has none, without the commas around them.

    Raises:
        InvalidRequest: longer than a prompt may be.
    """
    if own.strip():
        words = template.replace(OWN_WORDS, own.strip())
    else:
        words = template.replace(f"{OWN_WORDS}, ", "").replace(OWN_WORDS, "").strip(" ,")
    if len(words) > MAX_PROMPT_CHARS:
        raise InvalidRequest(
            f"the prompt would be {len(words):,} characters with the picture's own words, {MAX_PROMPT_CHARS:,} are "
            "allowed: give a shorter one in overrides.prompt",
            field="prompt",
        )
    return words
