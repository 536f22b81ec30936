"""Stacks: the pictures of one batch, chain or job are one tile, with its best on top.

The best is the favourite, then the one with most stars, then the newest (a chain's last step), then the job's first.
Which one that is stands in the row (`on_top`), so that a list of tiles reads no other rows.
"""

from collections.abc import Collection

from sqlalchemy import Boolean, cast, func, select, update
from sqlalchemy.orm import Session

from api.library.statements import in_chunks
from api.library.tables import Asset
from shared.contracts.jobs import JobRecord


def stack_of(record: JobRecord) -> str:
    """The stack that a job's pictures belong to: its batch's, or its own where it made several; "": none."""
    if record.batch:
        return record.batch
    return record.id if record.params.get("n", 1) > 1 else ""


def choose_tops(session: Session, stacks: Collection[str]) -> None:
    """Find the best of each of these stacks anew, per owner; what stands alone is on top of itself."""
    for some in in_chunks(sorted(set(stacks) - {""}), 500):
        order = (
            cast(Asset.trashed_ms.is_not(None), Boolean),
            Asset.favourite.desc(),
            Asset.stars.desc(),
            Asset.created_ms.desc(),
            Asset.job_index,
            Asset.no,
        )
        place = func.row_number().over(partition_by=(Asset.owner, Asset.stack), order_by=order)
        ranked = select(Asset.no, place.label("place")).where(Asset.stack.in_(some)).subquery()
        tops = select(ranked.c.no).where(ranked.c.place == 1)
        session.execute(
            update(Asset)
            .where(Asset.stack.in_(some))
            .values(on_top=Asset.no.in_(tops))
            .execution_options(synchronize_session=False)
        )
