"""What a caller may ask of the rack itself: bring a model onto a GPU, take it off. And what such a command's job says."""

from pydantic import BaseModel, ConfigDict, Field

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


class SwitchParams(BaseModel):
    """A job that loads its model."""

    model_config = ConfigDict(frozen=True)

    #: None: a pin stays as it is.
    pin: bool | None = None


class UnloadParams(BaseModel):
    """A job that unloads: one model, all that are not pinned, or only those that nobody used for long."""

    model_config = ConfigDict(frozen=True)

    model_id: str | None = None
    #: Only what was not used for the keep-alive, whichever model that is.
    idle: bool = False
