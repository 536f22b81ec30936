"""How the library looks to callers: light rows for lists, the whole of one asset, counts."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from api.library.tables import Asset, AssetText
from shared.contracts.jobs import iso
from shared.pictures.fingerprints import unsigned

#: A caption that stands for the picture where it cannot be seen; longer ones are read in the asset itself.
MAX_ALT_CHARS = 200
AnalysisState = Literal["none", "waiting", "running", "done", "failed"]


class StackView(BaseModel):
    """The pictures that an asset stands for, or stands among."""

    id: str
    count: int = Field(description="Pictures in it that are not in the trash")


class AssetRow(BaseModel):
    """An asset in a list."""

    id: str
    picture: str = Field(description="The id of its bytes: GET /v1/images/{picture}")
    owner: str
    kind: str = Field(description="What made it: a kind of job, upload or import")
    width: int
    height: int
    thumbhash: str = Field(description="Base64; empty where it was not computed")
    created_at: str
    stars: int
    favourite: bool
    nsfw: float | None = Field(description="Probability that it is not safe for work; null: nobody has looked")
    visibility: Literal["private", "rack"]
    analysis: AnalysisState
    alt: str = Field(description=f"Its caption, else its prompt: up to {MAX_ALT_CHARS} characters")
    stack: StackView | None = None
    trashed_at: str | None = None
    version: int


class TagView(BaseModel):
    """A tag of an asset."""

    name: str
    source: Literal["auto", "user"] = Field(
        description="auto: an analysis said so; it never overwrites a person's word"
    )
    score: float | None = Field(None, description="Probability, where an engine gave one")


class AnalysisView(BaseModel):
    """How far the looking at it is."""

    state: AnalysisState
    reason: str | None = Field(None, description="Why it failed, or which tasks did")
    job: str | None = Field(None, description="The job that looks at it, or did last")
    batch: str | None = Field(None, description="The batch whose member looks at it, until that has ended well")


class AlbumName(BaseModel):
    """An album that an asset is in."""

    id: str
    name: str


class AssetView(BaseModel):
    """Everything about an asset."""

    id: str
    picture: str
    url: str
    owner: str
    origin: Literal["job", "upload", "import"]
    kind: str
    job: str | None
    batch: str | None
    stack: StackView | None
    parents: list[str] = Field(description="Assets it was made from that you may see")
    model: str | None
    seed: int | None
    steps: int | None
    guidance_scale: float | None
    scheduler: str | None
    width: int
    height: int
    size_bytes: int
    media_type: str
    thumbhash: str
    dhash: str | None = Field(description="64 bits in hexadecimal; near-identical pictures differ in few of them")
    prompt: str
    negative_prompt: str
    caption: str
    caption_source: Literal["auto", "user"]
    note: str
    file_name: str
    tags: list[TagView]
    stars: int
    favourite: bool
    nsfw: float | None
    visibility: Literal["private", "rack"]
    analysis: AnalysisView
    albums: list[AlbumName]
    params: dict[str, Any] = Field(description="Everything its job was asked; of others what the file says of itself")
    details: dict[str, Any] = Field(description="What else is known, e.g. the hash of the model's weights")
    created_at: str
    changed_at: str
    trashed_at: str | None
    version: int


class AssetList(BaseModel):
    """A page of assets."""

    assets: list[AssetRow]
    total: int = Field(description="All that the filter lets through")
    next_cursor: str | None = Field(description="Ask with this cursor for the next page; null: there is none")


class Count(BaseModel):
    """How many assets have a value."""

    value: str | int | bool
    count: int


class Facets(BaseModel):
    """How many assets have which value, the most frequent first."""

    total: int
    facets: dict[str, list[Count]]


class Bucket(BaseModel):
    """A month that has assets."""

    month: int = Field(description="Year × 100 + month, UTC: 202611")
    count: int


class BucketList(BaseModel):
    """Months, the newest first."""

    total: int
    buckets: list[Bucket]


def row_view(asset: Asset, words: str, stack_count: int = 0) -> AssetRow:
    """An asset as lists show it."""
    stack = StackView(id=asset.stack, count=stack_count) if asset.stack and stack_count > 1 else None
    same = ("id", "picture", "owner", "kind", "width", "height", "thumbhash", "stars", "favourite", "nsfw", "version")
    return AssetRow(
        **{name: getattr(asset, name) for name in same},
        visibility=asset.visibility,  # type: ignore[arg-type]
        analysis=asset.analysis,  # type: ignore[arg-type]
        created_at=iso(asset.created_ms) or "",
        alt=words[:MAX_ALT_CHARS],
        stack=stack,
        trashed_at=iso(asset.trashed_ms or 0),
    )


def asset_view(
    asset: Asset,
    text: AssetText,
    *,
    tags: list[TagView],
    albums: list[AlbumName],
    parents: list[str],
    stack_count: int,
    analysis: AnalysisState,
) -> AssetView:
    """An asset with everything about it."""
    same = ("id", "picture", "owner", "seed", "steps", "guidance_scale", "width", "height", "size_bytes", "media_type")
    more = ("thumbhash", "stars", "favourite", "nsfw", "version", "kind")
    words = ("prompt", "negative_prompt", "caption", "note", "file_name", "params", "details")
    return AssetView(
        **{name: getattr(asset, name) for name in (*same, *more)},
        **{name: getattr(text, name) for name in words},
        url=f"/v1/images/{asset.picture}",
        origin=asset.origin,  # type: ignore[arg-type]
        visibility=asset.visibility,  # type: ignore[arg-type]
        caption_source=text.caption_source,  # type: ignore[arg-type]
        job=asset.job or None,
        batch=asset.batch or None,
        model=asset.model or None,
        scheduler=asset.scheduler or None,
        stack=StackView(id=asset.stack, count=stack_count) if asset.stack else None,
        dhash=None if asset.dhash is None else unsigned(asset.dhash),
        tags=tags,
        albums=albums,
        parents=parents,
        analysis=_analysis_view(analysis, text),
        created_at=iso(asset.created_ms) or "",
        changed_at=iso(asset.changed_ms) or "",
        trashed_at=iso(asset.trashed_ms or 0),
    )


def _analysis_view(state: AnalysisState, text: AssetText) -> AnalysisView:
    awaited, reason = text.analysis_job, text.analysis_reason or None
    if awaited.startswith("bat_"):
        return AnalysisView(state=state, reason=reason, batch=awaited)
    return AnalysisView(state=state, reason=reason, job=awaited or None)
