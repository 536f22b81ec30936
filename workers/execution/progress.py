"""How far a GPU batch is, told to each job's record; and who no longer wants it.

An engine calls `step`; we beat for every job of the GPU batch at most every `BEAT_EVERY_S`. A job that was cancelled, is
overdue or belongs to somebody else now leaves the batch: it is ended at once and the others go on. When nobody is
left, its signal goes up through the engine and stops the work.

A preview is owed each time the steps pass a multiple of `preview_every`, and shown with the next beat; the first one does
not wait for a beat, because a picture of six quick steps has hardly any. It is finished and sent by another thread.

Beats may go by another thread too (`beside`), which then sends the newest word there is. What it hears it only keeps:
whoever works acts on it, when it beats the next time or is asked to (`heed`). So no job's end is written while the work that
it sits in hangs, for that would hide it from those who look for silence.
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
        beside: Callable[[Callable[[], None]], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            beside: has a beat sent by another thread, soon; None: beats are sent by whoever works.
        """
        self._store = store
        self._claims = claims
        self._preview_every = preview_every
        self._side_thread = side_thread
        self._on_stop = on_stop
        self._beside = beside
        self._clock = clock
        self._stopped: dict[str, Stop] = {}
        #: Job → the last answer to a beat that was not fine.
        self._heard: dict[str, str] = {}
        self._is_silent = False
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

    def phase(self, phase: Phase, *, at_once: bool = False) -> None:
        """The GPU batch enters a phase: loading, running or storing.

        Args:
            at_once: the beat is sent before this returns, and what it heard is acted on.
        """
        self._progress = self._progress.model_copy(update={"phase": phase})
        self._beat(at_once=at_once)

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

    def hear(self) -> None:
        """A beat that is answered before this returns, and the answer is acted on. Raises as `heed`."""
        self._beat(at_once=True)

    def heed(self) -> None:
        """Whoever was heard to be wanted no more leaves. Raises a `Signal` where nobody is left."""
        for claim in self.alive:
            answer = self._heard.get(claim.record.id)
            if answer is not None:
                self._leave(claim, _STOPS[answer](f"job {claim.record.id}: {answer}"))
        if not self.alive:
            raise next(iter(self._stopped.values()))

    def fall_silent(self) -> None:
        """Their ends are about to be written: no beat is sent any more, and none is on its way."""
        with self._pen:
            self._is_silent = True

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
            if self._is_silent:
                return "fine"
            progress = self._progress.model_copy(update={"has_preview": self._has_preview})
            return self._store.beat(claim.record.id, claim.token, progress, self.degradations_of(claim), preview)

    def _beat(self, *, at_once: bool = False) -> None:
        self._quiet_until = self._clock() + BEAT_EVERY_S
        if at_once or self._beside is None:
            self._tell_all()
        else:
            self._beside(self._tell_all)
        self.heed()

    def _tell_all(self) -> None:
        """On any thread. What is heard is kept for `heed`."""
        for claim in self.alive:
            try:
                answer = self._tell(claim)
            except RedisUnavailable as exc:
                self._quiet_until = self._clock() + PAUSE_AFTER_OUTAGE_S
                logger().warning("beat.not_taken", reason=exc.message)
                return
            if answer != "fine":
                self._heard[claim.record.id] = answer

    def _leave(self, claim: Claim, why: Stop) -> None:
        self._stopped[claim.record.id] = why
        self._on_stop(claim, why)
