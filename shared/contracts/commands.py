"""What a caller may ask of the rack itself: bring a model onto a card, take it off."""

from pydantic import Field

from shared.contracts.base import Contract


class SwitchRequest(Contract):
    """`POST /v1/models/switch`: load a model before the first job needs it."""

    model_id: str = Field(min_length=1, max_length=64, description="A model of GET /v1/models")
    worker: str | None = Field(None, min_length=1, max_length=128, description="Which worker; absent: the best suited")
    pin: bool | None = Field(None, description="true: it stays until unloaded; false: the pin is taken off")


class UnloadRequest(Contract):
    """`POST /v1/models/unload`: free VRAM between jobs."""

    model_id: str | None = Field(
        None, min_length=1, max_length=64, description="One model; absent: all that are not pinned"
    )
    worker: str | None = Field(None, min_length=1, max_length=128, description="One worker; absent: all that hold it")
