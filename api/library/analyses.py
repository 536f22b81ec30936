"""What analyses say of pictures, written onto the assets of whoever asked; and how far each analysis is.

An asset waits for a job, or for a batch: then the member that looks at its picture is meant, whose chain goes from job to
job. `waiting`: nothing has been said yet; `running`: its job runs, or the first of its chain has ended; `done` and `failed`
are written once, when the last end is taken in. Jobs say in Redis that they run, so until the first end only `progress_of`
knows that one does.

What nobody asked for here (an analysis sent by hand) enriches its picture's assets all the same, and ends no waiting.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from api.library import tags
from api.library.job_assets import Findings, Left, owner_of
from api.library.statements import in_chunks
from api.library.tables import Asset, AssetText
from api.library.views import AnalysisState
from shared.contracts.jobs import JobRecord, State

#: Longest reason that is kept.
MAX_REASON_CHARS = 500
#: States of an analysis that has not ended.
PENDING = ("waiting", "running")


@dataclass(frozen=True)
class Standing:
    """How far the analysis of an asset is, and what it is of."""

    no: int
    picture: str
    file_name: str
    analysis: str
    #: The job or batch that looks at it, or did last.
    awaited: str
    reason: str


def take_in(session: Session, left: Left, now_ms: int) -> int:
    """Write down what an ended analysis says; returns how many assets it says something of."""
    record, findings = left.record, left.findings
    if record is None or findings is None:
        return 0
    awaiting = {record.id, record.batch} - {""}
    # Who asks for somebody else's (an operator) is the one that the asset waits for.
    is_meant = (Asset.owner == owner_of(record.caller)) | AssetText.analysis_job.in_(awaiting)
    rows = session.execute(
        select(Asset, AssetText)
        .join(AssetText, AssetText.asset_no == Asset.no)
        .where(Asset.picture == findings.picture, is_meant)
    ).all()
    touched = 0
    for asset, text in rows:
        is_awaited = text.analysis_job in awaiting
        if left.failure:
            touched += _fail(asset, text, left.failure, now_ms) if is_awaited else 0
        elif is_awaited or findings.says_something:
            _follow(asset, text, findings, record, is_awaited=is_awaited)
            _write(session, asset, text, findings, now_ms)
            touched += 1
    return touched


def fail(session: Session, asset_nos: Sequence[int], reason: str, now_ms: int) -> None:
    """These analyses will never end: their job is gone, or could not be sent."""
    for no in asset_nos:
        _fail(session.get_one(Asset, no), session.get_one(AssetText, no), reason, now_ms)


def fail_if_still(session: Session, asset_no: int, awaited: str, reason: str, now_ms: int) -> bool:
    """As `fail`, for one that waits for this, and only then; returns whether it did."""
    asset, text = session.get(Asset, asset_no), session.get(AssetText, asset_no)
    if asset is None or text is None or asset.analysis not in PENDING or text.analysis_job != awaited:
        return False
    return bool(_fail(asset, text, reason, now_ms))


def wait_for(session: Session, asset_nos: Sequence[int], awaited: str, now_ms: int, reason: str = "") -> None:
    """These assets wait for a job, or for a batch, whose end will say something of them.

    Args:
        reason: what will not be said of them, and why.
    """
    _set(session, asset_nos, "waiting", awaited, reason, now_ms)


def put_back(session: Session, was: Sequence[Standing], now_ms: int) -> None:
    """What these were to wait for was never sent: they are as they were."""
    for each in was:
        _set(session, [each.no], each.analysis, each.awaited, each.reason, now_ms)


def standings(session: Session, asset_nos: Sequence[int]) -> list[Standing]:
    """How far the analyses of these are, in their order."""
    found: dict[int, Standing] = {}
    for some in in_chunks(asset_nos):
        rows = session.execute(
            select(
                Asset.no,
                Asset.picture,
                AssetText.file_name,
                Asset.analysis,
                AssetText.analysis_job,
                AssetText.analysis_reason,
            )
            .join(AssetText, AssetText.asset_no == Asset.no)
            .where(Asset.no.in_(some))
        )
        found |= {row.no: Standing(*row) for row in rows}
    return [found[no] for no in asset_nos if no in found]


def progress_of(written: str, records: Collection[JobRecord | None]) -> AnalysisState:
    """How far an analysis is: as it is written, but `running` where one of its jobs runs now."""
    if written == "waiting" and any(each is not None and each.state == State.RUNNING for each in records):
        return "running"
    return written  # type: ignore[return-value]


def _follow(asset: Asset, text: AssetText, findings: Findings, record: JobRecord, *, is_awaited: bool) -> None:
    """How far the analysis is after this."""
    is_pending = asset.analysis in PENDING
    if is_pending and not is_awaited:
        return
    # What a chain's earlier jobs failed to say stays said.
    text.analysis_reason = _joined(text.analysis_reason if is_pending else "", findings.reason)
    if is_awaited and text.analysis_job == record.batch and record.next_id:
        asset.analysis = "running"
        return
    asset.analysis = "done" if findings.says_something or asset.analysis == "running" else "failed"
    text.analysis_job = record.id


def _write(session: Session, asset: Asset, text: AssetText, findings: Findings, now_ms: int) -> None:
    if findings.caption and text.caption_source != "user":
        text.caption, asset.has_caption = findings.caption, True
    if findings.nsfw is not None:
        asset.nsfw = findings.nsfw
    asset.changed_ms, asset.version = now_ms, asset.version + 1
    session.flush()
    if findings.tags is not None:
        tags.replace_auto(session, asset.no, findings.tags)
        tags.write_words(session, [asset.no])
        session.expire(text)


def _fail(asset: Asset, text: AssetText, reason: str, now_ms: int) -> int:
    before = text.analysis_reason if asset.analysis in PENDING else ""
    asset.analysis, text.analysis_reason = "failed", _joined(before, reason)
    asset.changed_ms, asset.version = now_ms, asset.version + 1
    return 1


def _set(session: Session, asset_nos: Sequence[int], analysis: str, awaited: str, reason: str, now_ms: int) -> None:
    for some in in_chunks(asset_nos):
        session.execute(
            update(Asset)
            .where(Asset.no.in_(some))
            .values(analysis=analysis, changed_ms=now_ms, version=Asset.version + 1)
            .execution_options(synchronize_session=False)
        )
        session.execute(
            update(AssetText)
            .where(AssetText.asset_no.in_(some))
            .values(analysis_job=awaited, analysis_reason=reason[:MAX_REASON_CHARS])
            .execution_options(synchronize_session=False)
        )


def _joined(*reasons: str) -> str:
    """Each once: a reason that is read again says nothing new."""
    parts = [part for reason in reasons for part in reason.split("; ") if part]
    return "; ".join(dict.fromkeys(parts))[:MAX_REASON_CHARS]
