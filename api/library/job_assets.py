"""An ended job → what it leaves to the library: assets, a prompt, what was said of a picture. Pure.

A record may be of an older version, or of an engine of somebody else's: what it does not say is left out, and nothing in
it can make this fail.
"""

import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.library.newcomers import NewAsset, job_asset_id
from api.library.stacks import stack_of
from shared.contracts.access import LOCAL
from shared.contracts.jobs import JobRecord, State
from shared.contracts.kinds import KIND_RULES
from shared.pictures.artifact_store import ID

#: Whom records from before there were persons name where nobody is meant.
_NOBODY = ("", "anonymous")
_DHASH = re.compile("^[0-9a-f]{16}$")
#: SQL's largest number.
_MAX = 2**63 - 1
#: What else of a result an asset keeps.
_DETAILS = ("weights_hash", "noise_version", "cpu_threads", "fit", "energy_per_picture_j")


@dataclass(frozen=True)
class Findings:
    """What an analysis says of a picture. None and empty: it was not asked, or did not answer."""

    picture: str
    caption: str | None = None
    #: Name → probability, where one was given. None: nobody asked for tags.
    tags: Mapping[str, float | None] | None = None
    nsfw: float | None = None
    #: Which tasks failed, and why; "": none.
    reason: str = ""

    @property
    def says_something(self) -> bool:
        return self.caption is not None or self.tags is not None or self.nsfw is not None


@dataclass(frozen=True)
class SentPrompt:
    """A prompt that a job was sent with."""

    owner: str
    prompt: str
    negative_prompt: str
    model: str
    at_ms: int


@dataclass(frozen=True)
class Left:
    """All that one ended job leaves."""

    assets: tuple[NewAsset, ...] = ()
    prompt: SentPrompt | None = None
    findings: Findings | None = None
    #: Of an analysis that did not succeed.
    failure: str = ""
    record: JobRecord | None = field(default=None, compare=False)


def left_by(record: JobRecord, *, keeps_by_default: bool) -> Left:
    """What a job that has ended leaves. Other kinds than those that `leaves_assets` leave nothing."""
    rules = KIND_RULES.get(record.kind)
    if rules is None or not rules.leaves_assets or not record.is_final:
        return Left(record=record)
    if rules.has_answers:
        findings, failure = _said_of_a_picture(record)
        return Left(findings=findings, failure=failure, record=record)
    keep = keeps_by_default if record.keep is None else record.keep
    assets = _pictures_of(record) if keep and record.state == State.SUCCEEDED else ()
    return Left(assets=assets, prompt=_prompt_of(record), record=record)


def owner_of(caller: str) -> str:
    """Whose a record is. Addresses are from when nobody had a key, which is now the one local person."""
    if caller in _NOBODY:
        return LOCAL
    try:
        ipaddress.ip_address(caller)
    except ValueError:
        return caller
    return LOCAL


def _pictures_of(record: JobRecord) -> tuple[NewAsset, ...]:
    rows = (record.result or {}).get("images")
    found = [_asset_of(record, index, row) for index, row in enumerate(rows if isinstance(rows, list) else ())]
    return tuple(asset for asset in found if asset is not None)


def _asset_of(record: JobRecord, index: int, row: Any) -> NewAsset | None:
    if not isinstance(row, Mapping) or not ID.match(str(row.get("id", ""))):
        return None
    params, result = record.params, record.result or {}
    seed = _whole(row.get("seed"))
    parent = params.get("image")
    dhash = str(row.get("dhash", ""))
    return NewAsset(
        id=job_asset_id(record.id, index),
        owner=owner_of(record.caller),
        picture=str(row["id"]),
        origin="job",
        kind=record.kind,
        width=_whole(row.get("width")) or 0,
        height=_whole(row.get("height")) or 0,
        created_ms=record.ended_at_ms,
        size_bytes=_whole(row.get("bytes")) or 0,
        media_type=_text(row.get("media_type"))[:32] or "image/png",
        thumbhash=_text(row.get("thumbhash"))[:64],
        dhash=dhash if _DHASH.match(dhash) else "",
        job=record.id,
        job_index=index,
        batch=record.batch,
        stack=stack_of(record),
        model=record.model,
        seed=seed,
        steps=_whole(params.get("steps"), 2**31 - 1),
        guidance_scale=_number(params.get("guidance_scale")),
        scheduler=_text(params.get("scheduler")),
        prompt=_text(params.get("prompt")),
        negative_prompt=_text(params.get("negative_prompt")),
        params={**params, "n": 1} | ({} if seed is None else {"seed": seed}),
        details={name: result[name] for name in _DETAILS if result.get(name) is not None},
        parents=(parent,) if isinstance(parent, str) and ID.match(parent) else (),
    )


def _prompt_of(record: JobRecord) -> SentPrompt | None:
    prompt = _text(record.params.get("prompt"))
    if not prompt.strip():
        return None
    negative = _text(record.params.get("negative_prompt"))
    return SentPrompt(owner_of(record.caller), prompt, negative, record.model, record.created_at_ms)


def _said_of_a_picture(record: JobRecord) -> tuple[Findings | None, str]:
    picture = record.params.get("image")
    if not isinstance(picture, str) or not ID.match(picture):
        return None, ""
    if record.state == State.CANCELLED:
        return Findings(picture), "the analysis was cancelled"
    answers = (record.result or {}).get("answers")
    rows = [row for row in answers if isinstance(row, Mapping)] if isinstance(answers, list) else []
    failed = [f"{row.get('task')}: {_said(row.get('error'))}" for row in rows if not row.get("ok")]
    if record.state == State.FAILED:
        why = f"{record.error.code}: {record.error.message}" if record.error else "; ".join(failed)
        return Findings(picture), why or "the analysis failed"
    return _findings(picture, [row for row in rows if row.get("ok")], "; ".join(failed)), ""


def _findings(picture: str, rows: list[Mapping[str, Any]], reason: str) -> Findings:
    """The first answer of each task counts."""
    said: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        answer = row.get("answer")
        if isinstance(answer, Mapping):
            said.setdefault(str(row.get("task")), answer)
    return Findings(
        picture,
        caption=_text(said["caption"].get("text")).strip() if "caption" in said else None,
        tags=_tags(said["tags"].get("tags")) if "tags" in said else None,
        nsfw=_number(said["rating"].get("nsfw")) if "rating" in said else None,
        reason=reason,
    )


def _tags(rows: Any) -> dict[str, float | None]:
    found = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return {name: _number(row.get("score")) for row in found if (name := _text(row.get("name")).strip())}


def _said(error: Any) -> str:
    return f"{error.get('code')}: {error.get('message')}" if isinstance(error, Mapping) else "no answer"


def _text(value: Any) -> str:
    """Without NUL, which PostgreSQL does not take, and nothing that UTF-8 cannot say."""
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "").encode(errors="replace").decode()


def _whole(value: Any, most: int = _MAX) -> int | None:
    return value if type(value) is int and 0 <= value <= most else None


def _number(value: Any) -> float | None:
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_one else None
