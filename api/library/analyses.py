"""What analyses say of pictures, written onto the assets of whoever asked; and how far each analysis is.

An asset waits for the job that its owner's upload sent, or for none. `waiting` becomes `running` only where somebody
looks (`progress_of`), for jobs say so in Redis; `done` and `failed` are written here, once, when the job's end is taken in.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.library import tags
from api.library.job_assets import Findings, Left, owner_of
from api.library.tables import Asset, AssetText
from api.library.views import AnalysisState
from shared.contracts.jobs import JobRecord, State

#: Longest reason that is kept.
MAX_REASON_CHARS = 500


def take_in(session: Session, left: Left, now_ms: int) -> int:
    """Write down what an ended analysis says; returns how many assets it says something of."""
    record, findings = left.record, left.findings
    if record is None or findings is None:
        return 0
    rows = session.execute(
        select(Asset, AssetText)
        .join(AssetText, AssetText.asset_no == Asset.no)
        .where(Asset.picture == findings.picture, Asset.owner == owner_of(record.caller))
    ).all()
    touched = 0
    for asset, text in rows:
        is_awaited = text.analysis_job == record.id
        if left.failure:
            touched += _fail(asset, text, left.failure, now_ms) if is_awaited else 0
        elif is_awaited or findings.says_something:
            _write(session, asset, text, findings, record.id, now_ms)
            touched += 1
    return touched


def fail(session: Session, asset_no: int, reason: str, now_ms: int) -> None:
    """An analysis will never end: its record is gone, or it could not be sent."""
    asset, text = session.get_one(Asset, asset_no), session.get_one(AssetText, asset_no)
    _fail(asset, text, reason, now_ms)


def wait_for(session: Session, asset_nos: Sequence[int], job_id: str, now_ms: int) -> None:
    """These assets wait for a job, whose end will say something of them."""
    for no in asset_nos:
        asset, text = session.get_one(Asset, no), session.get_one(AssetText, no)
        asset.analysis, asset.changed_ms, asset.version = "waiting", now_ms, asset.version + 1
        text.analysis_job, text.analysis_reason = job_id, ""


def progress_of(written: str, record: JobRecord | None) -> AnalysisState:
    """How far an analysis is: as it is written, but `running` where its job runs now."""
    if written == "waiting" and record is not None and record.state == State.RUNNING:
        return "running"
    return written  # type: ignore[return-value]


def _write(session: Session, asset: Asset, text: AssetText, findings: Findings, job_id: str, now_ms: int) -> None:
    if findings.caption and text.caption_source != "user":
        text.caption, asset.has_caption = findings.caption, True
    if findings.nsfw is not None:
        asset.nsfw = findings.nsfw
    asset.analysis = "done" if findings.says_something else "failed"
    text.analysis_job, text.analysis_reason = job_id, findings.reason[:MAX_REASON_CHARS]
    asset.changed_ms, asset.version = now_ms, asset.version + 1
    session.flush()
    if findings.tags is not None:
        tags.replace_auto(session, asset.no, findings.tags)
        tags.write_words(session, [asset.no])
        session.expire(text)


def _fail(asset: Asset, text: AssetText, reason: str, now_ms: int) -> int:
    asset.analysis, text.analysis_reason = "failed", reason[:MAX_REASON_CHARS]
    asset.changed_ms, asset.version = now_ms, asset.version + 1
    return 1
