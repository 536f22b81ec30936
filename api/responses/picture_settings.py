"""What a picture says it was made with → the fields of a request that would make it again, and why others are left out. Pure.

Files say what they like: each field is held against the contract and, where the model is here, against the model's limits, and
what does not fit is named with the reason instead of becoming a refusal later.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from api.library.importing.foreign import Foreign
from shared.contracts.generation import GenerateRequest
from shared.errors import CallersError, NotFound
from shared.models.catalogue import Catalogue, ModelCard
from shared.models.effective import effective_params

#: Fields of a file that are fields of a request, in the order to try them.
TAKEN = (
    "prompt",
    "negative_prompt",
    "width",
    "height",
    "steps",
    "guidance_scale",
    "scheduler",
    "schedule",
    "seed",
)
#: Those that no request has, and why; what only identifies the picture is not worth a word.
NOT_TAKEN = {
    "loras": "adapters are not applied here, so the picture will look otherwise",
    "strength": "it goes with a start picture, which the file does not hold",
}


class LeftOut(BaseModel):
    """One thing a file says that a request will not have."""

    field: str
    value: Any
    reason: str


class PictureSettings(BaseModel):
    """What a picture says of itself."""

    program: str | None = Field(description="darkroom, a1111, comfyui or invokeai; null: it says nothing that is known")
    fields: dict[str, Any] = Field(description="All that was read, by the names of our own parameters")
    request: dict[str, Any] = Field(description="What POST /v1/generate takes of it; empty: nothing")
    left_out: tuple[LeftOut, ...] = Field(description="What it does not take, and why")
    text: str = Field(description="As it stands in the file; it is text of strangers, never markup")
    width: int = Field(description="Of the picture itself, upright, in pixels")
    height: int
    media_type: str


def request_of(said: Foreign, catalogue: Catalogue) -> tuple[dict[str, Any], tuple[LeftOut, ...]]:
    """The request that would make it again, as far as it can be had, and what is missing from it."""
    fields = said.fields
    left = [LeftOut(field=name, value=fields[name], reason=why) for name, why in NOT_TAKEN.items() if name in fields]
    card, refused = _model(fields.get("model"), catalogue)
    left += refused
    wanted = {name: fields[name] for name in TAKEN if name in fields}
    if card is not None:
        wanted["model"] = card.id
    request, more = _fitting(wanted, card)
    # The prompt is what a request cannot be without; a file that has none says nothing to repeat.
    return request if "prompt" in request else {}, (*left, *more)


def _model(name: Any, catalogue: Catalogue) -> tuple[ModelCard | None, list[LeftOut]]:
    if not isinstance(name, str):
        return None, []
    try:
        card = catalogue.get(name)
    except NotFound as error:
        return None, [LeftOut(field="model", value=name, reason=error.message)]
    if card.kind != "generate":
        return None, [LeftOut(field="model", value=name, reason=f"{card.id} makes no pictures")]
    return card, []


def _fitting(wanted: Mapping[str, Any], card: ModelCard | None) -> tuple[dict[str, Any], list[LeftOut]]:
    """What of this a request may have; each round names one field that it may not."""
    fits, left = dict(wanted), list[LeftOut]()
    while fits:
        wrong = _first_wrong(fits, card)
        if wrong is None:
            break
        name, reason = wrong
        left.append(LeftOut(field=name, value=fits.pop(name), reason=reason))
    return fits, left


def _first_wrong(fields: Mapping[str, Any], card: ModelCard | None) -> tuple[str, str] | None:
    try:
        request = GenerateRequest.model_validate({"prompt": ""} | dict(fields))
        if card is not None:
            effective_params(request, card, image_id=None)
    except ValidationError as exc:
        problem = exc.errors(include_url=False)[0]
        name = str(problem["loc"][0]) if problem["loc"] else "schedule"
        return (name if name in fields else next(iter(fields))), problem["msg"].removeprefix("Value error, ")
    except CallersError as error:
        name = error.field or ""
        # A size is wrong as a whole (its megapixels), a schedule beside its sampler.
        return (name if name in fields else next(iter(reversed(list(fields))))), error.message
    return None
