"""What one worker's child process owns; built once, after the spawn, before the first job.

Only this process touches the device. Heavy libraries load in the background right after the start, so that the first
job does not wait for imports that an idle worker could have done.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from celery import Celery

from shared.errors import RedisUnavailable
from shared.jobs.store import JobStore
from shared.log import logger
from shared.models.catalogue import Catalogue, ModelCard
from shared.pictures.artifact_store import ArtifactStore
from shared.pictures.pixels import MIB, PictureLimits
from shared.pictures.stores import open_store
from shared.queue.dispatch import Dispatcher
from shared.redis import keys
from shared.redis.client import connect, redis_errors
from shared.settings import Settings
from workers.devices.slot import Slot
from workers.devices.snapshot import Snapshot
from workers.execution.last_word import LastWord
from workers.execution.threads import Threads
from workers.memory.current_plans import CurrentPlans
from workers.memory.residency import Residency
from workers.memory.shapes import Shape


@dataclass(frozen=True)
class Runtime:
    """Everything a job may need."""

    settings: Settings
    slot: Slot
    store: JobStore
    artifacts: ArtifactStore
    catalogue: Catalogue
    dispatcher: Dispatcher
    residency: Residency
    plans: CurrentPlans
    threads: Threads
    #: What the driver says of the GPU now; None: nothing (a CPU, no driver).
    gpu_now: Callable[[], Snapshot | None] = lambda: None
    #: Model → hash of weights that were hashed before this process began.
    known_hashes: Mapping[str, str] = field(default_factory=dict)
    #: What was last told of the models that are loaded.
    residents_told: LastWord = field(default_factory=LastWord)

    @property
    def limits(self) -> PictureLimits:
        return PictureLimits(self.settings.max_image_mib * MIB, self.settings.max_image_megapixels * 1_000_000)

    def need_mib(self, card: ModelCard, shape: Shape) -> int:
        """The peak of a job with this model: weights and working room."""
        return self.plans.need(card, shape).peak_mib

    def tell_residents(self) -> None:
        """Let the main process, and through it everyone, know which models are loaded, and from which weights; no job
        waits for that. While Redis is away it is told later: an idle worker would not tell it again for hours."""
        residents = [
            resident.model_copy(update={"cpu_threads": self.threads.of(resident.model)}).model_dump()
            for resident in self.residency.residents()
        ]
        told = {
            keys.resident(self.slot.name): residents,
            keys.weights(self.slot.name): {**self.known_hashes, **self.residency.weights},
        }
        try:
            self.residents_told.say(lambda: self._write(told))
        except RedisUnavailable as exc:
            logger().warning("residents.not_told", reason=exc.message)

    def _write(self, told: Mapping[str, Any]) -> None:
        with redis_errors():
            pipe = self.store.redis.pipeline(transaction=False)
            for key, value in told.items():
                pipe.set(key, json.dumps(value), ex=keys.LIVE_TTL_S)
            pipe.execute()


def build(
    settings: Settings,
    slot: Slot,
    app: Celery,
    catalogue: Catalogue,
    plans: CurrentPlans,
    residency: Residency,
    threads: Threads,
    gpu_now: Callable[[], Snapshot | None] = lambda: None,
    known_hashes: Mapping[str, str] | None = None,
) -> Runtime:
    """Connect and assemble; loads no model."""
    client = connect(settings.required_redis_url(), settings.worker_redis_timeout_s)
    store = JobStore(client, settings)
    return Runtime(
        settings=settings,
        slot=slot,
        store=store,
        artifacts=open_store(settings, client),
        catalogue=catalogue,
        dispatcher=Dispatcher(store, app),
        residency=residency,
        plans=plans,
        threads=threads,
        gpu_now=gpu_now,
        known_hashes=known_hashes or {},
    )


def warm_up(load_libraries: Callable[[], Any]) -> threading.Thread:
    """Import what engines need, beside the first wait for a job."""
    thread = threading.Thread(target=load_libraries, name="warm-up", daemon=True)
    thread.start()
    return thread


def weights_of(catalogue: Catalogue, card: ModelCard, build_toy: Callable[[Path], None] | None) -> Path:
    """Where a model's weights are, building those that the project makes itself at first use.

    Raises:
        ModelMissing: they are not on this host.
    """
    path = catalogue.require(card)
    if card.source.builtin and build_toy is not None and not path.exists():
        logger().info("model.built", model=card.id)
        build_toy(path)
    return path
