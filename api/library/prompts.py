"""Every prompt that was sent, once however often, newest first; also those whose jobs failed."""

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy.orm import Session

from api.library.job_assets import SentPrompt
from api.library.statements import upsert
from api.library.tables import Prompt


def digest_of(prompt: str, negative_prompt: str) -> str:
    """The same for the same two texts."""
    return hashlib.sha256(f"{prompt}\0{negative_prompt}".encode()).hexdigest()


def remember(session: Session, sent: Sequence[SentPrompt], *, counts: bool = True) -> None:
    """Write prompts down; one that is known is counted, and newer.

    Args:
        counts: False where these may have been written down before.
    """
    if not sent:
        return
    statement = upsert(session, Prompt)
    statement = (
        statement.on_conflict_do_update(
            index_elements=["owner", "digest"],
            set_={
                "uses": Prompt.uses + 1,
                "last_ms": statement.excluded.last_ms,
                "model": statement.excluded.model,
            },
        )
        if counts
        else statement.on_conflict_do_nothing()
    )
    for each in sent:
        session.execute(
            statement,
            {
                "id": "pro_" + secrets.token_hex(12),
                "owner": each.owner,
                "digest": digest_of(each.prompt, each.negative_prompt),
                "prompt": each.prompt,
                "negative_prompt": each.negative_prompt,
                "model": each.model[:128],
                "uses": 1,
                "first_ms": each.at_ms,
                "last_ms": each.at_ms,
            },
        )
