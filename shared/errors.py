"""Every error a caller may see, in one tree, told apart by whose fault it is.

    DarkroomError
    ├── CallersError            do not repeat the request as it is
    │   ├── MalformedRequest    400  the body or a header cannot be read
    │   ├── Unauthorized        401  no valid key where keys are required
    │   ├── RoleNeeded          403  the caller's role may not do this
    │   ├── Withheld            403  the picture is rated as one that is not shown here, or not rated yet
    │   ├── NotYours            403  the caller may see it, and only its owner may change it
    │   ├── ScopeExceeded       403  the caller's key is narrowed to less than this
    │   ├── CrossSite           403  another site's page may have sent it
    │   ├── UnknownHost         403  the Host header is no name of this machine
    │   ├── SignInRefused       403  the single sign-on did not go well, or is no way in for this person
    │   ├── NotFound            404  no such thing
    │   ├── IllegalMove         409  the job, or whatever it is about, is not in a state that allows this
    │   ├── AlreadyExists       409  the name is taken
    │   ├── IdempotencyMismatch 409  the key was used with another body
    │   ├── PreviousStepFailed  409  an earlier step of the job's chain failed
    │   ├── ModelMissing        409  the model is known, its weights are not on any disk here
    │   ├── Gone                410  it existed and its time is over
    │   ├── TooLarge            413  more bytes than allowed
    │   ├── UnsupportedMedia    415  a content type or picture format that is not read here
    │   ├── InvalidRequest      422  a field is unknown, missing, out of range or contradicts another
    │   ├── BadPicture          422  the bytes are not the picture they claim to be
    │   └── DoesNotFit          422  no worker's budget can ever hold this job
    ├── OurError                may be repeated
    │   ├── TooManyRequests     429  this caller has too many jobs waiting
    │   │   └── LimitReached    429  one of the person's own limits: how much, of how much, until when
    │   │       ├── RateLimited      requests a second
    │   │       ├── TooManyOpen      unfinished jobs
    │   │       ├── QuotaExhausted   GPU-seconds a day
    │   │       ├── StorageFull      MiB of pictures kept
    │   │       └── BatchTooLarge    members of one batch, steps of its chain
    │   ├── TooManySignIns      429  too many failed sign-ins from this address, or with this key
    │   ├── QueueFull           503  everybody together has too many jobs waiting
    │   ├── RedisUnavailable    503  the store does not answer
    │   ├── BrokerUnavailable   503  the record was made, its message could not be sent
    │   ├── NotReady            503  something that jobs need is not there yet
    │   ├── ProviderUnavailable 503  the provider of the single sign-on does not answer as one
    │   ├── NotInstalled        501  an extra that this needs is not installed here
    │   ├── ArtifactStoreFull   507  no room for the result
    │   ├── ArtifactStoreDown   503  the artifact store does not answer
    │   ├── LibraryUnavailable  503  the database of the library is away, locked, full or read-only
    │   ├── WorkerLost          500  the worker died too often under this job
    │   ├── StepTimeout         500  no progress for too long
    │   ├── DeadlineExceeded    504  the job's own deadline passed
    │   ├── OutOfVram           500  did not fit after every rung of the ladder
    │   └── EngineFailed        500  the engine raised something nobody expected
    │       ├── NotFinite       500  (the same code) it computed numbers that are none
    │       └── EmptyAnswer     500  a language model was asked for words and said none
    └── Signal                  never shown: stops the work in a worker
        ├── CancelRequested     the caller asked for it
        ├── Fenced              another worker owns the job now
        ├── Busy                another worker holds the claim
        └── DeviceLost          the card answers this process no more: the job goes back, the process ends

The 5xx of an error below `WorkerLost` is the status a job's failure would have as an answer; requests about such a job
answer 200 with the error inside its record.
"""

from typing import ClassVar


class DarkroomError(Exception):
    """Base of all. The class fixes code, HTTP status and whether a retry may help; the message has the numbers."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, field: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s

    def as_dict(self) -> dict[str, object]:
        """The error as callers and records see it; `field` only where one is to blame."""
        body: dict[str, object] = {"code": self.code, "message": self.message, "retryable": self.retryable}
        if self.field is not None:
            body["field"] = self.field
        return body


class CallersError(DarkroomError):
    """The caller must change something before asking again."""


class MalformedRequest(CallersError):
    code, status = "malformed_request", 400


class Unauthorized(CallersError):
    code, status = "unauthorized", 401


class NotYours(CallersError):
    code, status = "not_yours", 403


class RoleNeeded(CallersError):
    code, status = "role_needed", 403


class Withheld(CallersError):
    code, status = "withheld", 403


class ScopeExceeded(CallersError):
    code, status = "scope_exceeded", 403


class CrossSite(CallersError):
    code, status = "cross_site", 403


class UnknownHost(CallersError):
    code, status = "unknown_host", 403


class SignInRefused(CallersError):
    code, status = "sign_in_refused", 403


class NotFound(CallersError):
    code, status = "not_found", 404


class IllegalMove(CallersError):
    code, status = "illegal_move", 409


class AlreadyExists(CallersError):
    code, status = "already_exists", 409


class IdempotencyMismatch(CallersError):
    code, status = "idempotency_mismatch", 409


class PreviousStepFailed(CallersError):
    code, status = "previous_step_failed", 409


class ModelMissing(CallersError):
    code, status = "model_missing", 409


class Gone(CallersError):
    code, status = "gone", 410


class TooLarge(CallersError):
    code, status = "too_large", 413


class UnsupportedMedia(CallersError):
    code, status = "unsupported_media", 415


class InvalidRequest(CallersError):
    code, status = "invalid_request", 422


class BadPicture(CallersError):
    code, status = "bad_picture", 422


class DoesNotFit(CallersError):
    code, status = "does_not_fit", 422


class OurError(DarkroomError):
    """The system could not do it now; asking again may help."""

    retryable = True


class TooManyRequests(OurError):
    code, status = "too_many_requests", 429


class LimitReached(TooManyRequests):
    """One of the person's own limits; only its subclasses are raised."""

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        retry_after_s: int | None = None,
        limit: float | None = None,
        used: float | None = None,
        resets_at: str | None = None,
    ) -> None:
        """`limit` and `used` in the limit's own unit; `resets_at` in ISO 8601, None: nobody can say."""
        super().__init__(message, field=field, retry_after_s=retry_after_s)
        self.limit = limit
        self.used = used
        self.resets_at = resets_at

    def as_dict(self) -> dict[str, object]:
        return super().as_dict() | {"limit": self.limit, "used": self.used, "resets_at": self.resets_at}


class RateLimited(LimitReached):
    code = "rate_limited"


class TooManyOpen(LimitReached):
    code = "too_many_open"


class QuotaExhausted(LimitReached):
    code = "quota_exhausted"


class StorageFull(LimitReached):
    code = "storage_full"


class BatchTooLarge(LimitReached):
    code, retryable = "batch_too_large", False


class TooManySignIns(OurError):
    code, status = "too_many_sign_ins", 429


class QueueFull(OurError):
    code, status = "queue_full", 503


class RedisUnavailable(OurError):
    code, status = "redis_unavailable", 503


class BrokerUnavailable(OurError):
    code, status = "broker_unavailable", 503


class NotReady(OurError):
    code, status = "not_ready", 503


class ProviderUnavailable(OurError):
    code, status = "identity_provider_unavailable", 503


class NotInstalled(OurError):
    code, status, retryable = "not_installed", 501, False


class ArtifactStoreFull(OurError):
    code, status = "artifact_store_full", 507


class ArtifactStoreDown(OurError):
    code, status = "artifact_store_unavailable", 503


class LibraryUnavailable(OurError):
    code, status = "library_unavailable", 503


class WorkerLost(OurError):
    code, status = "worker_lost", 500


class StepTimeout(OurError):
    code, status = "step_timeout", 500


class DeadlineExceeded(OurError):
    code, status, retryable = "deadline_exceeded", 504, False


class OutOfVram(OurError):
    code, status = "out_of_vram", 500


class EngineFailed(OurError):
    code, status, retryable = "engine_failed", 500, False


class NotFinite(EngineFailed):
    """NaN or infinite numbers where a result should be; the message says "not finite"."""


class EmptyAnswer(EngineFailed):
    code = "empty_answer"


class Signal(DarkroomError):
    """Stops the work in a worker; a caller never sees one."""


class CancelRequested(Signal):
    code = "cancel_requested"


class Fenced(Signal):
    code = "fenced"


class Busy(Signal):
    code = "busy"


class DeviceLost(Signal):
    code = "device_lost"


def class_of(code: str) -> type[DarkroomError] | None:
    """The class with this code; None where it is not one of ours."""
    waiting: list[type[DarkroomError]] = [DarkroomError]
    while waiting:
        kind = waiting.pop()
        if kind.code == code:
            return kind
        waiting += kind.__subclasses__()
    return None
