"""Whose something is, and who may see or change it: the one place that asks, for jobs, batches and pictures.

Their person may, and whoever sees everything: operators and administrators. To everybody else an id of somebody else answers
exactly as one that never existed, whether its record stands or has expired: the same error, the same words.

A picture's id follows from its bytes, so knowing one is no right: a reference opens it (`shared.pictures.references`), or an
asset that its owner lets the caller see, as long as they do. A picture that nobody has a reference to, from before there were
any, is the administrator's.

Which *kinds* of request a role may send at all is not asked here but at the door.
"""

from collections.abc import Sequence

from api.library.assets import pictures_seen
from api.library.database import Database
from api.library.filters import Viewer
from api.services.auth import Caller
from shared.accounts.audit import Audit
from shared.accounts.quotas import Quotas
from shared.batches.store import BatchStore
from shared.contracts.access import Role
from shared.contracts.audit import Deed
from shared.contracts.batch_records import BatchRecord, Numbers
from shared.contracts.jobs import JobRecord
from shared.errors import DarkroomError, Gone, NotFound, RoleNeeded
from shared.jobs.owners import FormerJobs
from shared.jobs.pictures_named import pictures_named
from shared.jobs.store import JobStore, Rule
from shared.pictures.artifact_store import ArtifactStore, id_of
from shared.pictures.references import PictureReferences
from shared.queue.rating_jobs import RatingJobs
from shared.redis.tombstones import owners_of_expired

#: A person's newest jobs, in which a reference that was lost is looked for: what one round trip reads in 2 ms.
HEALED_FROM = 100


def may_see(caller: Caller, owner: str) -> bool:
    """Whether what belongs to this person may be seen, and changed as far as the role may change anything."""
    return caller.may(Role.OPERATOR) or (bool(owner) and caller.person == owner)


def unknown(what: str, any_id: str) -> NotFound:
    """What an id answers that never existed."""
    return NotFound(f"there is no {what} {any_id}")


class Ownership:
    """Every method raises `RedisUnavailable` when the server does not take requests: nothing is ever allowed then."""

    def __init__(
        self,
        store: JobStore,
        batches: BatchStore,
        artifacts: ArtifactStore,
        references: PictureReferences,
        former: FormerJobs,
        audit: Audit,
        ratings: RatingJobs,
        quotas: Quotas,
        library: Database,
    ) -> None:
        self._store = store
        self._batches = batches
        self._artifacts = artifacts
        self._references = references
        self._former = former
        self._audit = audit
        self._ratings = ratings
        self._quotas = quotas
        self._library = library

    def listed(self, caller: Caller, wanted: str) -> str | None:
        """Whose things a list shows; None: everybody's.

        Args:
            wanted: the person that was asked for; "": nobody in particular.

        Raises:
            RoleNeeded: only operators may ask for others.
        """
        self._former.adopt()
        if caller.may(Role.OPERATOR):
            return wanted or None
        if wanted not in ("", caller.person):
            raise RoleNeeded(
                f"to list what belongs to others needs the role {Role.OPERATOR}; you are {caller.role}", field="owner"
            )
        return caller.person

    def check(self, caller: Caller, owner: str, what: str, any_id: str) -> None:
        """Whether something of this owner's may be seen and changed.

        Raises:
            NotFound: it may not; the words are those of an id that never existed.
        """
        if not may_see(caller, owner):
            raise unknown(what, any_id)

    def tell(self, caller: Caller, owner: str, deed: Deed, target: str, **details: object) -> None:
        """The audit stream hears of what was done to what is somebody else's."""
        if owner != caller.person:
            self._audit.record(caller.as_actor, deed, target, "done", person=owner, **details)

    # -- jobs --------------------------------------------------------------------------------------------------------

    def job(self, caller: Caller, job_id: str) -> JobRecord:
        """A record as it stands.

        Raises:
            NotFound: there is no such job, or it is somebody else's. Gone: it was theirs, its time is over.
        """
        try:
            record = self._store.get(job_id)
        except Gone:
            self._refuse_expired(caller, "job", job_id)
            raise
        self.check(caller, record.caller, "job", job_id)
        return record

    def jobs(self, caller: Caller, job_ids: Sequence[str]) -> list[JobRecord]:
        """Those of the jobs that are there and may be seen."""
        found = self._store.get_many(job_ids)
        return [record for record in found if record is not None and may_see(caller, record.caller)]

    def expired(self, caller: Caller, ids: Sequence[str]) -> set[str]:
        """Those of the jobs' or batches' ids that existed once, as far as the caller may know."""
        owners = owners_of_expired(self._store.redis, ids)
        return {any_id for any_id, owner in owners.items() if may_see(caller, owner)}

    def move(self, caller: Caller, job_id: str, rule: Rule) -> JobRecord:
        """Apply a rule to a record of theirs, asking at the very moment of the move.

        Raises:
            as `job`, and whatever the rule raises.
        """

        def asked(record: JobRecord, now_ms: int) -> JobRecord:
            self.check(caller, record.caller, "job", job_id)
            return rule(record, now_ms)

        try:
            return self._store.move(job_id, asked)
        except Gone:
            self._refuse_expired(caller, "job", job_id)
            raise

    # -- batches -----------------------------------------------------------------------------------------------------

    def batch(self, caller: Caller, batch_id: str) -> BatchRecord:
        """A batch as it stands. Raises as `job`."""
        try:
            record = self._batches.get(batch_id)
        except Gone:
            self._refuse_expired(caller, "batch", batch_id)
            raise
        self.check(caller, record.caller, "batch", batch_id)
        return record

    def counted_batch(self, caller: Caller, batch_id: str) -> tuple[BatchRecord, Numbers]:
        """A batch and its numbers. Raises as `job`."""
        found = self._batches.read_many([batch_id])[0]
        if found is None:
            self.batch(caller, batch_id)
            raise unknown("batch", batch_id)
        self.check(caller, found[0].caller, "batch", batch_id)
        return found

    # -- pictures ----------------------------------------------------------------------------------------------------

    def store_picture(self, caller: Caller, data: bytes) -> str:
        """Keep bytes that the caller sent: they may open them from then on; returns the id.

        They count for the caller before they are stored, so that many at once cannot pass a limit that each alone would.

        Raises:
            StorageFull: the caller has no room for them. And as `ArtifactStore.put`; nothing was stored.
        """
        picture = id_of(data)
        is_new = self._quotas.take_in(caller.person, caller.limits, picture, len(data))
        try:
            artifact_id = self._artifacts.put(data)
        except DarkroomError:
            if is_new:
                self._quotas.let_go(caller.person, [picture])
            raise
        self._references.add(caller.person, [artifact_id])
        self._ratings.ask(caller.person, [artifact_id], weight=caller.weight)
        return artifact_id

    def picture(self, caller: Caller, artifact_id: str) -> bytes:
        """The bytes of a picture that the caller may open.

        Raises:
            NotFound: there is none, or the caller has no reference to it. Gone: it has expired.
        """
        if self.closed(caller, [artifact_id]):
            raise unknown("picture", artifact_id)
        return self._artifacts.get(artifact_id)

    def owns_picture(self, caller: Caller, artifact_id: str) -> bool:
        """Whether a picture is the caller's own; those that nobody has a reference to are the administrator's."""
        if self._references.opened_to(caller.person, [artifact_id]):
            return True
        return caller.may(Role.ADMIN) and not self._references.opened_to_anybody([artifact_id])

    def closed(self, caller: Caller, artifact_ids: Sequence[str]) -> set[str]:
        """Those of the pictures that the caller may not open, known or not; asking is a use of the others."""
        if caller.may(Role.OPERATOR):
            known = self._references.opened_to_anybody(artifact_ids)
            return set() if caller.may(Role.ADMIN) else set(artifact_ids) - known
        closed = set(artifact_ids) - self._references.opened_to(caller.person, artifact_ids)
        if closed:
            closed -= self._found_again(caller, closed)
        return closed - self._seen_in_library(caller, closed) if closed else closed

    def _seen_in_library(self, caller: Caller, closed: set[str]) -> set[str]:
        """Pictures of others that the caller sees there, as long as they do; no reference is written.

        Raises:
            LibraryUnavailable: the database is away, and whether they may cannot be told.
        """
        with self._library.reading() as session:
            return pictures_seen(session, closed, Viewer(caller.person))

    def _found_again(self, caller: Caller, closed: set[str]) -> set[str]:
        """Pictures that a record of the caller's names although the reference is not there: it is written afresh."""
        self._former.adopt()
        newest, _ = self._store.page(None, HEALED_FROM, None, caller.person)
        found = closed & {name for record in newest for name in pictures_named(record)}
        if found:
            self._references.add(caller.person, sorted(found))
        return found

    def _refuse_expired(self, caller: Caller, what: str, any_id: str) -> None:
        """An expired id existed to its owner; to everybody else it never did."""
        if not self.expired(caller, [any_id]):
            raise unknown(what, any_id) from None
