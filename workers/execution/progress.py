"""How far a GPU batch is, told to each job's record; and who no longer wants it.

An engine calls `step`; we beat for every job of the GPU batch at most every `BEAT_EVERY_S`. A job that was cancelled, is
overdue or belongs to somebody else now leaves the batch: it is ended at once and the others go on. When nobody is
left, its signal goes up through the engine and stops the work.

A preview is owed each time the steps pass a multiple of `preview_every`, and shown with the next beat; the first one does
not wait for a beat, because a picture of six quick steps has hardly any. It is finished and sent by another thread.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PIL.Image import Image

from shared.contracts.jobs import JobRecord, Phase, Progress
from shared.errors import CancelRequested, DeadlineExceeded, Fenced, RedisUnavailable
from shared.jobs.store import JobStore
from shared.log import logger
from shared.pictures.pixels import to_webp
from workers.engines.base import Previews
from workers.execution.side_thread import SideThread

#: A beat costs 0.4 ms; at this pace a fast model pays under 1 % for it.
BEAT_EVERY_S = 0.25
#: After a beat that Redis did not take, steps go on in silence for so long.
PAUSE_AFTER_OUTAGE_S = 2.0

Stop = CancelRequested | DeadlineExceeded | Fenced
_STOPS: dict[str, type[Stop]] = {"cancel": CancelRequested, "overdue": DeadlineExceeded, "fenced": Fenced}


@dataclass(frozen=True)
class Claim:
    """One job of a GPU batch and the pen that writes it."""

    record: JobRecord
    token: str


class GpuBatchWatch:
    """The `Watch` of one GPU batch. `on_stop(claim, why)` is called once for each job that leaves early."""

    def __init__(
        self,
        store: JobStore,
        claims: list[Claim],
        *,
        preview_every: int,
        side_thread: SideThread,
        on_stop: Callable[[Claim, Stop], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._claims = claims
        self._preview_every = preview_every
        self._side_thread = side_thread
        self._on_stop = on_stop
        self._clock = clock
        self._stopped: dict[str, Stop] = {}
        self._progress = Progress()
        self._degradations: list[str] = []
        self._quiet_until = 0.0
        self._has_preview = False
        #: The step of which the last preview was begun.
        self._shown_step = 0
        #: Two threads beat; the newer progress must not be followed by the older.
        self._pen = threading.Lock()

    @property
    def alive(self) -> list[Claim]:
        """Those who still want their result."""
        return [claim for claim in self._claims if claim.record.id not in self._stopped]

    def degradations_of(self, claim: Claim) -> tuple[str, ...]:
        """What this job came with (it moved from another GPU), and what its GPU batch gave up here."""
        return tuple(dict.fromkeys((*claim.record.degradations, *self._degradations)))

    def phase(self, phase: Phase) -> None:
        """The GPU batch enters a phase: loading, running or storing."""
        self._progress = self._progress.model_copy(update={"phase": phase})
        self._beat()

    def step(self, step: int, steps: int, previews: Previews | None = None) -> None:
        """See `engines.base.Watch`."""
        percent = min(99, step * 100 // max(1, steps))
        self._progress = self._progress.model_copy(update={"step": step, "steps": steps, "percent": percent})
        is_quiet = self._clock() < self._quiet_until
        if previews is not None and self._owes_preview(step, steps) and not (is_quiet and self._shown_step):
            self._shown_step = step
            self._side_thread.take(partial(self._show, previews()))
        if not is_quiet or step >= steps:
            self._beat()

    def resumed(self, step: int) -> None:
        """The work goes on from a step that an earlier attempt had reached."""
        self._progress = self._progress.model_copy(update={"resumed_at": step})

    def begins_again(self) -> None:
        """The work starts at its beginning, here, and is shown from there."""
        self._progress = self._progress.model_copy(update={"resumed_at": 0})
        self._shown_step = 0

    def pulse(self) -> None:
        """Nothing new, but alive. Raises a `Signal` when nobody wants the rest."""
        if self._clock() >= self._quiet_until:
            self._beat()

    def degrade(self, what: str) -> None:
        """See `engines.base.Watch`."""
        if what not in self._degradations:
            self._degradations.append(what)
            logger().warning("job.degraded", what=what)

    def _owes_preview(self, step: int, steps: int) -> bool:
        """Whether a multiple was passed since the last one; the picture itself follows the last step."""
        if not self._preview_every or step >= steps or not self._side_thread.is_free:
            return False
        return step // self._preview_every > self._shown_step // self._preview_every

    def _show(self, finish: Callable[[], list[Image]]) -> None:
        """On the other thread. What Redis says to these beats, it says to the next one of the work too."""
        previews = [to_webp(picture) for picture in finish()]
        self._has_preview = True
        alive = self.alive
        for claim, preview in zip(self._claims, previews, strict=True):
            if claim in alive:
                self._tell(claim, preview)

    def _tell(self, claim: Claim, preview: bytes = b"") -> str:
        with self._pen:
            progress = self._progress.model_copy(update={"has_preview": self._has_preview})
            return self._store.beat(claim.record.id, claim.token, progress, self.degradations_of(claim), preview)

    def _beat(self) -> None:
        self._quiet_until = self._clock() + BEAT_EVERY_S
        for claim in self.alive:
            try:
                answer = self._tell(claim)
            except RedisUnavailable as exc:
                self._quiet_until = self._clock() + PAUSE_AFTER_OUTAGE_S
                logger().warning("beat.not_taken", reason=exc.message)
                return
            if answer != "fine":
                self._leave(claim, _STOPS[answer](f"job {claim.record.id}: {answer}"))
        if not self.alive:
            raise next(iter(self._stopped.values()))

    def _leave(self, claim: Claim, why: Stop) -> None:
        self._stopped[claim.record.id] = why
        self._on_stop(claim, why)
