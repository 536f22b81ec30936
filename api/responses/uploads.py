"""How an upload is answered: each picture with its asset or its error, and who looks at them."""

from pydantic import BaseModel, Field

from shared.contracts.jobs import Failure


class UploadedPicture(BaseModel):
    """What became of one picture of an upload."""

    name: str = Field(description="As it was sent; of a picture that was named, its id")
    picture: str | None = Field(description="The id of its bytes; null: they were refused")
    asset: str | None = Field(description="The asset that stands for it: GET /v1/assets/{id}")
    is_new: bool = Field(description="False: its owner had the same bytes already, or they were refused")
    error: Failure | None = Field(None, description="Why it was refused; the others are not")


class Describing(BaseModel):
    """Caption, tags and rating: which batch finds them out."""

    batch: str | None = Field(description="GET /v1/batches/{id}; null: nothing was sent")
    assets: int = Field(description="Assets that wait for it")
    pending: int = Field(description="Those that something looks at already")
    reason: str | None = Field(description="What will not be found out, and why; null: everything will")


class UploadAnswer(BaseModel):
    """What became of an upload."""

    pictures: list[UploadedPicture] = Field(description="In the order of the files, then of `ids`")
    added: int = Field(description="Assets that are new")
    known: int = Field(description="Pictures whose bytes were an asset of yours already")
    refused: int
    analysis: Describing


class Described(BaseModel):
    """What became of the wish to have assets looked at."""

    matched: int = Field(description="Assets it was said for")
    analysis: Describing
