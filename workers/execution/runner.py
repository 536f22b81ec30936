"""One job, or one GPU batch, from claim to result.

What engines make step by step is made in runs (`stepping`), which go on over many messages; everything else from end
to end here.

The runner never raises for a failed job: it records the failure, so one bad member does not break its GPU batch, and the
message is done either way. What it raises is `NotOurs`, for a message that stands for no work.

The order it promises: the record says `running` before anything is loaded; pictures are stored before the record says
`succeeded`; whoever lost the pen meanwhile changes nothing.

A GPU that this process has lost (see `device_lost`) is nobody's failure: the jobs go back, and `has_lost_device` says
that the process can do no more.
"""

import uuid

from shared.contracts.jobs import JobRecord
from shared.errors import DarkroomError, DeviceLost, Signal
from shared.jobs.chains import Chains
from shared.jobs.routing import PRIORITIES, own_queue_of
from shared.log import bound, logger
from shared.models.measurements import Measurements
from shared.queue.broker import RUN_TICKET
from shared.rack.worker_registry import WorkerRegistry
from workers.engines.registry import engine_kind
from workers.engines.torch_tools import device_lost
from workers.execution.claiming import Claiming, NotOurs
from workers.execution.endings import Endings, engine_failed, rating_jobs
from workers.execution.kinds.table import KINDS
from workers.execution.progress import Claim, GpuBatchWatch
from workers.execution.runtime import Runtime
from workers.execution.side_thread import SideThread
from workers.execution.stepping.behind import Behind
from workers.execution.stepping.run import SteppingRun
from workers.execution.stepping.trades import TRADES
from workers.execution.stepping.vigil import Vigil
from workers.execution.timing import Stopwatch, record_timing

__all__ = ["NotOurs", "Runner"]


class Runner:
    """Runs jobs with what the runtime owns."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._learned = Measurements(runtime.store.redis)
        self._claiming = Claiming(runtime.store, runtime.slot, runtime.settings.max_wait_s)
        self._chains = Chains(runtime.store, runtime.settings, waits=True)
        self._ratings = rating_jobs(runtime)
        self._side_thread = SideThread("previews")
        self._has_lost_device = False
        self._behind = Behind()
        #: Model → what it has under way, in steps.
        self._runs: dict[str, SteppingRun] = {}
        #: Id of a message that is on its way → the model whose run it lets go on.
        self._run_tickets: dict[str, str] = {}
        self._is_busy = False
        registry = WorkerRegistry(runtime.store.redis)
        self._vigil = Vigil(
            self._runs,
            takes_nobody=lambda: registry.takes_nobody(runtime.slot.name),
            is_busy=lambda: self._is_busy,
            send_again=self._send_again,
        )

    def run(self, job_id: str, queue: str = "") -> JobRecord | None:
        """Claim the next job of a queue (and peers for its GPU batch), run it, record how it ended.

        Args:
            job_id: the one that the message names. It is claimed itself where the queue has no ready job and it still waits
                there: it may have been sent before there were shares. Or the id of a message of our own, which lets a
                run go on.
            queue: where the message came from; "": where its job waits.

        Returns the next step of this job's chain where it is queued now; the caller sends its ticket. Those of the
        peers' chains have been sent.

        Raises:
            NotOurs: there was nothing to do.
        """
        self._is_busy = True
        try:
            return self._run(job_id, queue)
        finally:
            self._is_busy = False

    def watch(self) -> None:
        """Begin to watch over runs between their tickets."""
        self._vigil.start()

    def leave(self) -> None:
        """This process ends: what is made is stored, and whoever is under way goes back, on to where a checkpoint is."""
        self._vigil.stop()
        for run in self._runs.values():
            run.leave()

    def _run(self, job_id: str, queue: str) -> JobRecord | None:
        if job_id.startswith(RUN_TICKET):
            self._go_on(job_id)
            return None
        first = self._claiming.claim(job_id, queue)
        if self._is_stepped(first.record):
            self._step(self._run_of(first.record), first)
            return None
        claims = [first, *self._claiming.peers_of(first.record, self._room_for_peers(first.record))]
        with bound(job=first.record.id, model=first.record.model, worker=self._runtime.slot.name):
            logger().info("job.started", kind=first.record.kind, attempt=first.record.attempt, gpu_batch=len(claims))
            return self._run_batch(claims)

    def send(self, record: JobRecord) -> None:
        """Send a released step's ticket; should the broker not take it, recovery sends it later."""
        self._runtime.dispatcher.try_resend(record)

    # -- in steps ----------------------------------------------------------------------------------------------------

    def _is_stepped(self, record: JobRecord) -> bool:
        """Whether what it asks for is made a step at a time."""
        trade = TRADES.get(record.kind)
        if not self._runtime.settings.continuous_batching or trade is None or not trade.takes(record):
            return False
        return engine_kind(self._runtime.catalogue.get(record.model).engine).makes_steps

    def _run_of(self, record: JobRecord) -> SteppingRun:
        if record.model not in self._runs:
            card = self._runtime.catalogue.get(record.model)
            self._runs[record.model] = SteppingRun(self._runtime, self._claiming, self._chains, self._behind, card)
        return self._runs[record.model]

    def _go_on(self, ticket: str) -> None:
        model = self._run_tickets.pop(ticket, None)
        if model is None or not self._runs[model].members:
            raise NotOurs(f"no run waits for {ticket}")
        self._step(self._runs[model], None)

    def _step(self, run: SteppingRun, first: Claim | None) -> None:
        """One ticket's worth of a run. What is under way afterwards goes on with the next, which is sent here."""
        try:
            run.go(first)
        except DeviceLost as exc:
            self._has_lost_device = True
            logger().error("device.lost", gpu=self._runtime.slot.gpu, reason=exc.message)
            return
        if run.members and run.card.id not in self._run_tickets.values():
            self._send_ticket(self._new_ticket(run), run)
        self._tidy()

    def _new_ticket(self, run: SteppingRun) -> str:
        ticket = RUN_TICKET + uuid.uuid4().hex
        self._run_tickets[ticket] = run.card.id
        return ticket

    def _send_ticket(self, ticket: str, run: SteppingRun) -> None:
        level = min((member.level for member in run.members), default=0)
        self._runtime.dispatcher.send_run(ticket, own_queue_of(self._runtime.slot.name, PRIORITIES[level]))

    def _send_again(self, run: SteppingRun) -> None:
        """Its message is lost, or late, or was never sent; whichever copy comes second finds nothing to do."""
        tickets = [ticket for ticket, model in list(self._run_tickets.items()) if model == run.card.id]
        for ticket in tickets or [self._new_ticket(run)]:
            logger().warning("run.ticket_sent_again", model=run.card.id)
            self._send_ticket(ticket, run)

    def _room_for_peers(self, first: JobRecord) -> int:
        if first.attempt > 1 or not first.batch_key:
            return 0
        return KINDS[first.kind].most_peers(first, self._runtime.settings)

    # -- from end to end -----------------------------------------------------------------------------------------------------

    def _run_batch(self, claims: list[Claim]) -> JobRecord | None:
        stopwatch = Stopwatch()
        endings = Endings(self._runtime, self._chains, [claim.record for claim in claims], stopwatch, self._ratings)
        watch = GpuBatchWatch(
            self._runtime.store,
            claims,
            preview_every=self._runtime.settings.preview_every_steps,
            side_thread=self._side_thread,
            on_stop=endings.stop,
        )
        records = [claim.record for claim in claims]
        was_loaded = self._is_loaded(records[0].model)
        try:
            outcomes = KINDS[records[0].kind].run(records, self._runtime, watch, stopwatch)
        except Exception as exc:
            self._stopped(watch, endings, exc)
        else:
            endings.succeed(watch, dict(zip((r.id for r in records), outcomes, strict=True)))
            if len(watch.alive) == len(records):
                loaded = not was_loaded and self._is_loaded(records[0].model)
                worker, took = self._runtime.slot.name, stopwatch.timings()
                record_timing(self._learned, worker, records, took, has_loaded=loaded)
        if not self._has_lost_device:
            self._tidy()
        return endings.following

    def _stopped(self, watch: GpuBatchWatch, endings: Endings, why: Exception) -> None:
        """The GPU batch did not come to its end: whose fault that is decides what becomes of its jobs."""
        if device_lost.is_device_lost(why):
            self._lose_device(watch, endings, why)
        elif isinstance(why, Signal):
            logger().info("job.stopped", reason=why.code)
        elif isinstance(why, DarkroomError):
            endings.fail(watch, why)
        else:
            logger().error("engine.failed", exc_info=why)
            endings.fail(watch, engine_failed(why))

    def _lose_device(self, watch: GpuBatchWatch, endings: Endings, why: Exception) -> None:
        """From here on nothing of this process may touch the GPU: no unload, no look at its memory."""
        self._has_lost_device = True
        said = device_lost.what_was_said(why)
        logger().error("device.lost", gpu=self._runtime.slot.gpu, reason=said)
        endings.lose(watch, DeviceLost(said))

    def _tidy(self) -> None:
        """Between jobs; what fails here fails no job, for they have ended."""
        try:
            self._runtime.residency.expire_idle()
        except Exception as exc:
            if not device_lost.is_device_lost(exc):
                raise
            self._has_lost_device = True
            logger().error("device.lost", gpu=self._runtime.slot.gpu, reason=device_lost.what_was_said(exc))
            return
        self._runtime.tell_residents()

    @property
    def has_lost_device(self) -> bool:
        """Whether this process can use the GPU no more; only a new one can."""
        return self._has_lost_device

    @property
    def has_leaked(self) -> bool:
        """Whether memory of the GPU is lost to this process; only a new one gets it back."""
        return self._runtime.residency.leaked_mib > 0

    def _is_loaded(self, model: str) -> bool:
        return any(resident.model == model for resident in self._runtime.residency.residents())
