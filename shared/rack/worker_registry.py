"""What each worker last said of itself. Silence is death: a report lives three times its pace, then it is gone."""

import json
import time
from enum import StrEnum
from typing import Any

import redis
from pydantic import BaseModel, ConfigDict, Field

from shared.rack.happenings import Happening, Happenings
from shared.redis import keys
from shared.redis.client import redis_errors

#: Seconds between two reports.
REPORT_EVERY_S = 2.0
#: How long a report counts; survives two lost ones.
REPORT_TTL_S = int(3 * REPORT_EVERY_S) + 1


class WorkerState(StrEnum):
    """What a living worker does; one that is dead says nothing."""

    #: Its child is not up yet, or not any more.
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    #: It takes no more jobs: paused by a person, or about to end.
    DRAINING = "draining"
    #: It has left its GPU to a foreign program.
    YIELDING = "yielding"
    #: Its launcher speaks for it: it dies before it is ready.
    UNHEALTHY = "unhealthy"


#: States in which a worker takes jobs from the queues of its models.
TAKES_JOBS = frozenset({WorkerState.READY, WorkerState.BUSY})
#: States in which a worker lives and cannot run anything.
CANNOT_WORK = frozenset({WorkerState.STARTING, WorkerState.UNHEALTHY})


class GpuFacts(BaseModel):
    """One GPU (or the CPU) as its worker sees it. None: the driver does not say."""

    model_config = ConfigDict(frozen=True)

    name: str
    uuid: str
    total_mib: int
    used_mib: int | None = Field(None, description="By all programs")
    ghost_mib: int | None = Field(
        None, description="In use, but by no process that the driver lists (its own, or left behind); null: not told"
    )
    temperature_c: int | None = None
    power_w: float | None = None
    utilisation_percent: int | None = None
    energy_j: float | None = Field(None, description="Since the driver was loaded; null: the GPU does not count")


class Resident(BaseModel):
    """One model that is loaded now."""

    model_config = ConfigDict(frozen=True)

    model: str
    held_mib: int
    pinned: bool = False
    idle_s: float = 0.0
    cpu_threads: int | None = Field(None, description="CPU threads it computes with; null: it was not used yet")


class WorkerReport(BaseModel):
    """One worker's word on itself."""

    model_config = ConfigDict(frozen=True)

    name: str
    host: str
    pid: int
    state: WorkerState = Field(
        WorkerState.READY, description="starting, ready, busy, draining, yielding (to a foreign program) or unhealthy"
    )
    note: str = Field("", description="What its owner should know: why it is unhealthy, or why it has no GPU")
    gpu: GpuFacts
    budget_mib: int
    held_mib: int = 0
    models: tuple[str, ...] = Field((), description="Models it serves: weights here, and they fit")
    too_large: dict[str, int] = Field(default_factory=dict, description="Models that need more MiB than its budget")
    resident: tuple[Resident, ...] = ()
    jobs: tuple[str, ...] = Field((), description="Jobs it runs now")
    started_at: str = ""
    version: str = ""
    reported_at_s: float = 0.0


class WorkerRegistry:
    """All workers that said something lately."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis: Any = client
        self._happenings = Happenings(client)

    def report(self, report: WorkerReport) -> None:
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.set(keys.worker(report.name), report.model_dump_json(), ex=REPORT_TTL_S)
            pipe.zadd(keys.WORKERS, {report.name: time.time()})
            pipe.expire(keys.WORKERS, keys.LIVE_TTL_S)
            pipe.execute()

    def leave(self, name: str) -> None:
        """A worker that stops cleanly says so at once."""
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.delete(keys.worker(name))
            pipe.zrem(keys.WORKERS, name)
            pipe.execute()

    def pause(self, name: str) -> None:
        """This worker takes no more jobs until `resume`, also after a restart."""
        with redis_errors():
            self._redis.set(keys.paused(name), "1", ex=keys.LIVE_TTL_S)

    def resume(self, name: str) -> None:
        with redis_errors():
            self._redis.delete(keys.paused(name))

    def drain(self, name: str) -> None:
        """A worker takes nobody more, for so long: it was asked to stop, or yields its GPU. It says so again until that is
        over."""
        with redis_errors():
            self._redis.set(keys.draining(name), "1", ex=keys.DRAINING_TTL_S)

    def stays(self, name: str) -> None:
        """It takes jobs: it has just started, or has its GPU again."""
        with redis_errors():
            self._redis.delete(keys.draining(name))

    def tell_turn(self, name: str, model: str) -> None:
        """Whose turn it is at a worker that is busy with another model's run; "": nobody's."""
        with redis_errors():
            if model:
                self._redis.set(keys.turn(name), model, ex=keys.TURN_TTL_S)
            else:
                self._redis.delete(keys.turn(name))

    def takes_nobody(self, name: str) -> bool:
        """Whether a worker is to take no more jobs: it was asked to stop, yields its GPU, or a person has paused it."""
        with redis_errors():
            return bool(self._redis.exists(keys.draining(name), keys.paused(name)))

    def served(self, name: str, queue: str, now_ms: int) -> None:
        """A worker took a job from a queue, by the store's clock: it is not neglected."""
        with redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.hset(keys.TAKEN, queue, f"{now_ms} {name}")
            pipe.expire(keys.TAKEN, keys.LIVE_TTL_S)
            pipe.execute()

    def is_paused(self, name: str) -> bool:
        with redis_errors():
            return bool(self._redis.exists(keys.paused(name)))

    def tell_trouble(self, name: str, reason: str) -> None:
        """Why this worker cannot work, in a sentence."""
        with redis_errors():
            self._redis.set(keys.trouble(name), reason, ex=keys.LIVE_TTL_S)

    def trouble(self, name: str) -> str:
        """What it last said about that; "" where it can work."""
        with redis_errors():
            return (self._redis.get(keys.trouble(name)) or b"").decode()

    def forget_trouble(self, name: str) -> None:
        with redis_errors():
            self._redis.delete(keys.trouble(name))

    def living(self) -> list[WorkerReport]:
        """Everyone whose report still counts, by name. Names that fell silent are forgotten on the way."""
        with redis_errors():
            names = sorted(name.decode() for name in self._redis.zrange(keys.WORKERS, 0, -1))
            found = self._redis.mget([keys.worker(name) for name in names]) if names else []
            silent = [name for name, report in zip(names, found, strict=True) if report is None]
            # Of several that look at once, one removes the name, and tells it.
            lost = [name for name in silent if self._redis.zrem(keys.WORKERS, name)]
        for name in lost:
            self._happenings.tell(Happening.WORKER_SILENT, worker=name)
        return [WorkerReport.model_validate_json(report) for report in found if report is not None]

    def weights(self) -> list[dict[str, str]]:
        """What each living worker's child last said of its models' weights: model → SHA-256. It is told at every load."""
        names = [worker.name for worker in self.living()]
        with redis_errors():
            told = self._redis.mget([keys.weights(name) for name in names]) if names else []
        return [json.loads(row) for row in told if row is not None]
