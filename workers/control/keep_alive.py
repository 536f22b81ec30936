"""Commands that a worker gives itself: let go of models nobody uses, or of all of them; load one that shall stay.

Only the child may touch the device, and it runs our code only while it has a job. So the main process sends a job, into
the queue that this worker alone reads: it acts between jobs like any other command, and has a record like any other.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from shared.contracts.base import Priority
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.contracts.kinds import Kind
from shared.jobs.routing import own_queue_of
from shared.jobs.store import JobStore
from shared.log import logger
from shared.queue.dispatch import Dispatcher
from shared.rack.worker_registry import Resident
from shared.redis import keys
from shared.redis.client import redis_errors

#: Whose commands these are, where callers are listed.
CALLER = "darkroom"
EVERY_MODEL = "*"
#: Pause between two looks for idle models.
LOOK_EVERY_S = 2.0


class OwnCommands:
    """Sends a worker's commands to itself."""

    def __init__(self, worker: str, store: JobStore, dispatcher: Dispatcher) -> None:
        self._worker = worker
        self._store = store
        self._dispatcher = dispatcher

    def unload_all(self) -> str:
        """Everything that is not pinned; the command's id."""
        return self._send("unload", EVERY_MODEL, {})

    def load(self, model: str) -> str:
        """One model, pinned; the command's id."""
        return self._send("switch", model, {"pin": True})

    def unload_idle(self) -> str:
        """What was not used for the keep-alive; the command's id."""
        return self._send("unload", EVERY_MODEL, {"idle": True})

    def is_done(self, command_id: str) -> bool:
        return self._store.get(command_id).is_final

    def is_busy(self) -> bool:
        """Whether the worker has a job; it looks after its idle models itself then."""
        with redis_errors():
            return bool(self._store.redis.exists(keys.slot(self._worker)))

    def residents(self) -> tuple[str, list[Resident]]:
        """What the child last said it holds: its words, and what they mean."""
        with redis_errors():
            told: Any = self._store.redis.get(keys.resident(self._worker))
        text = (told or b"[]").decode()
        return text, [Resident.model_validate(row) for row in json.loads(text)]

    def _send(self, kind: Kind, model: str, params: dict[str, Any]) -> str:
        record = JobRecord(
            id=new_job_id(),
            kind=kind,
            model=model,
            state=State.QUEUED,
            caller=CALLER,
            priority=Priority.HIGH,
            params=params,
            queue=own_queue_of(self._worker),
        )
        return self._dispatcher.submit(record)[0].id


class KeepAlive:
    """Has idle models unloaded, also where no job comes that could do it in passing."""

    def __init__(
        self, commands: OwnCommands, keep_alive_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._commands = commands
        self._keep_alive_s = keep_alive_s
        self._clock_s = clock_s
        self._told = ""
        self._told_at_s = clock_s()
        #: When the copies in host RAM are due, which live twice as long and stand in no report.
        self._copies_due_s = float("inf")
        self._has_commanded = False

    def look(self) -> None:
        """Call it every few seconds. Raises `RedisUnavailable`; then the next look commands what this one would have."""
        now_s = self._clock_s()
        told, residents = self._commands.residents()
        if told != self._told:
            self._told, self._told_at_s, self._has_commanded = told, now_s, False
        since_s = now_s - self._told_at_s
        idle = [r.model for r in residents if not r.pinned and r.idle_s + since_s > self._keep_alive_s]
        if idle and not self._has_commanded and not self._commands.is_busy():
            self._commands.unload_idle()
            self._has_commanded = True
            self._copies_due_s = now_s + self._keep_alive_s + 1
            logger().info("models.idle", models=idle, keep_alive_s=self._keep_alive_s)
        elif now_s >= self._copies_due_s:
            self._commands.unload_idle()
            self._copies_due_s = float("inf")
