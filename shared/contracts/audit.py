"""What the audit stream tells: one entry a deed."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from shared.contracts.base import Frozen


class Deed(StrEnum):
    """What was done."""

    PERSON_ADDED = "person.added"
    PERSON_CHANGED = "person.changed"
    KEY_ADDED = "key.added"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    SIGNED_IN = "session.opened"
    SIGN_IN_REFUSED = "session.refused"
    SIGNED_OUT = "session.closed"
    SHARE_ADDED = "share.added"
    SHARE_REVOKED = "share.revoked"
    WORKER_DRAINED = "worker.drained"
    WORKER_RESUMED = "worker.resumed"
    MODEL_SWITCHED = "model.switched"
    MODEL_UNLOADED = "model.unloaded"
    #: Another's.
    JOB_CANCELLED = "job.cancelled"
    JOB_CHANGED = "job.changed"
    BATCH_CANCELLED = "batch.cancelled"
    BATCH_RESUMED = "batch.resumed"
    BATCH_DELETED = "batch.deleted"


class AuditEntry(Frozen):
    """One deed."""

    id: str = Field(description="Of the stream; grows with time")
    at_ms: int = Field(description="By Redis' clock")
    who: str = Field(description="A person's name, `command line`, or an address nobody has signed in from")
    key: str = Field("", description="Id of the key that was shown; empty: none was")
    what: Deed
    target: str = Field("", description="What it was done to: a person, a key's id, a worker, a model, a job …")
    outcome: Literal["done", "refused"] = "done"
    details: dict[str, str] = Field(default_factory=dict, description="What else is to be known, never a secret")
