"""What a search means, as vectors: asked of the encoders that workers serve, and never waited for long.

The API computes none itself: it sends an `embed` job of high priority, which a small worker takes at once
(`workers/supervisor/query_slots.py`), and waits `WAIT_S` for it. What comes later is kept for whoever asks the same again:
in this process, and in Redis for the others. A vector holds as long as its model's weights do, whose hash is part of its
key; a model whose workers disagree about them is asked anew each time.

Whatever is away or too slow costs the meaning, never the search: the answer is then what words alone find.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from api.services.job_events import JobEvents
from shared.contracts.base import Priority
from shared.contracts.embedding import MAX_TEXT_CHARS, EmbedParams, EmbedResult
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.errors import DarkroomError, Gone, NotFound
from shared.jobs.routing import queue_of
from shared.jobs.store import JobStore
from shared.log import logger
from shared.models.catalogue import Catalogue, ModelCard
from shared.queue.dispatch import Dispatcher
from shared.rack.current_weights import CurrentWeights
from shared.rack.worker_registry import TAKES_JOBS, WorkerRegistry
from shared.redis import keys
from shared.redis.client import redis_errors

#: Longest a search waits for its meaning.
WAIT_S = 0.08
#: Vectors kept in this process: 1.5 KB each.
KEPT = 2000
#: Which workers there are is believed for so long.
FRESH_S = 2.0
#: A query that nobody took by then is nobody's any more.
DEADLINE_S = 5.0
#: Whose these jobs are.
CALLER = "darkroom"


@dataclass(frozen=True)
class QueryVector:
    """A query as one encoder has it."""

    card: ModelCard
    space: str
    #: (dimensions,) fp32, of length 1.
    vector: np.ndarray


class QueryVectors:
    """Those of one API process; used from many threads."""

    def __init__(
        self,
        store: JobStore,
        dispatcher: Dispatcher,
        registry: WorkerRegistry,
        catalogue: Catalogue,
        job_events: JobEvents,
        *,
        wait_s: float = WAIT_S,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._registry = registry
        self._catalogue = catalogue
        self._job_events = job_events
        self._weights = CurrentWeights(registry)
        self._wait_s = wait_s
        self._clock_s = clock_s
        self._guard = threading.Lock()
        self._kept: OrderedDict[str, EmbedResult] = OrderedDict()
        #: Key → the job that was not done in time.
        self._late: OrderedDict[str, str] = OrderedDict()
        self._encoders: tuple[ModelCard, ...] = ()
        self._looked_at_s = float("-inf")

    def of(self, text: str) -> list[QueryVector]:
        """The text as each encoder has it that answers in time; none where nobody does."""
        ends_at_s = self._clock_s() + self._wait_s
        try:
            return list(self._found(text[:MAX_TEXT_CHARS], ends_at_s)) if text.strip() else []
        except DarkroomError as exc:
            logger().warning("query.not_embedded", reason=exc.message)
            return []

    @property
    def encoders(self) -> tuple[ModelCard, ...]:
        """Those that know words and that a worker serves now. Raises `RedisUnavailable`."""
        if self._clock_s() - self._looked_at_s >= FRESH_S:
            serving = [worker for worker in self._registry.living() if worker.state in TAKES_JOBS]
            served = {model for worker in serving for model in worker.models}
            cards = self._catalogue.of_kind("embed")
            self._encoders = tuple(card for card in cards if card.id in served and card.embeds("words"))
            self._looked_at_s = self._clock_s()
        return self._encoders

    def _found(self, text: str, ends_at_s: float) -> Iterator[QueryVector]:
        """All are asked before any is waited for."""
        encoders = self.encoders
        weights = self._weights.of([card.id for card in encoders]) if encoders else {}
        asked = []
        for card in encoders:
            key = _key(card, weights.get(card.id, ""), text)
            known = self._known(key) if card.id in weights else None
            asked.append((card, key, known, "" if known else self._job_for(card, key, text)))
        for card, key, known, job in asked:
            result = known or self._awaited(job, ends_at_s)
            if result is None:
                self._remember_late(key, job)
            elif (vector := result.rows()[0]) is not None:
                self._keep(key, result)
                yield QueryVector(card, result.space, vector)

    # -- what is known -----------------------------------------------------------------------------------------------

    def _known(self, key: str) -> EmbedResult | None:
        with self._guard:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with redis_errors():
            found: Any = self._store.redis.get(keys.query_vector(key))
        return EmbedResult.model_validate_json(found) if found else None

    def _keep(self, key: str, result: EmbedResult) -> None:
        with self._guard:
            self._late.pop(key, None)
            is_new = key not in self._kept
            self._kept[key] = result
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        if is_new:
            with redis_errors():
                self._store.redis.set(keys.query_vector(key), result.model_dump_json(), ex=keys.QUERY_VECTOR_TTL_S)

    def _remember_late(self, key: str, job: str) -> None:
        with self._guard:
            self._late[key] = job
            while len(self._late) > KEPT:
                self._late.popitem(last=False)

    # -- asking ------------------------------------------------------------------------------------------------------

    def _job_for(self, card: ModelCard, key: str, text: str) -> str:
        """The job that was asked the same and may be done by now, or a new one."""
        with self._guard:
            late = self._late.get(key, "")
        if late and self._is_hopeful(late):
            return late
        record = JobRecord(
            id=new_job_id(),
            kind="embed",
            model=card.id,
            state=State.QUEUED,
            caller=CALLER,
            priority=Priority.HIGH,
            params=EmbedParams(texts=(text,)).model_dump(mode="json"),
            queue=queue_of(card.id, Priority.HIGH),
        )
        return self._dispatcher.submit(record, deadline_s=DEADLINE_S)[0].id

    def _is_hopeful(self, job: str) -> bool:
        try:
            return self._store.get(job).state not in (State.FAILED, State.CANCELLED)
        except (NotFound, Gone):
            return False

    def _awaited(self, job: str, ends_at_s: float) -> EmbedResult | None:
        with self._job_events.watch(job) as bell:
            while True:
                if bell is not None:
                    bell.clear()
                record = self._store.get(job)
                if record.state == State.SUCCEEDED and record.result is not None:
                    return EmbedResult.model_validate(record.result)
                left_s = ends_at_s - self._clock_s()
                if record.is_final or left_s <= 0 or bell is None:
                    return None
                bell.wait(left_s)


def _key(card: ModelCard, weights_hash: str, text: str) -> str:
    return hashlib.sha256(f"{card.id}\n{weights_hash}\n{text}".encode()).hexdigest()[:40]
