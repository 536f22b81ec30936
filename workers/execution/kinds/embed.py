"""Words or pictures → vectors: what the library's search compares. A job is one query, or a handful of what is stored.

A picture that cannot be read has no vector and a reason; the others have theirs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL.Image import Image

from shared.contracts.embedding import EmbedParams, EmbedResult, packed
from shared.contracts.jobs import JobRecord
from shared.errors import ArtifactStoreDown, DarkroomError, EngineFailed, RedisUnavailable
from shared.models.catalogue import ModelCard
from shared.pictures.pixels import decode
from shared.settings import Settings
from workers.engines.base import Embedding
from workers.execution.kinds.base import Outcome, with_engine
from workers.execution.progress import GpuBatchWatch
from workers.execution.runtime import Runtime
from workers.execution.timing import Stopwatch
from workers.memory.shapes import asking_shape

#: Texts that an encoder reads in one pass: beyond, the longest makes all others wait.
TEXTS_AT_ONCE = 8
#: Failures that pass by themselves are the runner's to repeat; a picture's own reason is not among them.
PASSING = (ArtifactStoreDown, RedisUnavailable)


def most_peers(record: JobRecord, settings: Settings) -> int:
    """None: a job that wants many vectors brings many texts."""
    return 0


def run(records: Sequence[JobRecord], runtime: Runtime, watch: GpuBatchWatch, stopwatch: Stopwatch) -> list[Outcome]:
    """See `JobKind`."""
    return [_embedded(record, runtime, watch, stopwatch) for record in records]


def _embedded(record: JobRecord, runtime: Runtime, watch: GpuBatchWatch, stopwatch: Stopwatch) -> Outcome:
    params = EmbedParams.model_validate(record.params)
    card = runtime.catalogue.get(record.model)
    pictures, reasons = _pictures(params, runtime)
    wanted: list[Any] = list(params.texts) or list(pictures.values())
    rows, version = _vectors(card, bool(params.texts), wanted, runtime, watch, stopwatch)
    places = range(len(params.texts)) if params.texts else pictures
    found = dict(zip(places, rows, strict=True))
    result = EmbedResult(
        space=f"{card.id}:{version}:{runtime.residency.weights.get(card.id, '')[:16]}",
        dimensions=rows.shape[1],
        vectors=tuple(packed(found[i]) if i in found else None for i in range(len(params.texts or params.images))),
        reasons=reasons,
    )
    return Outcome(result.model_dump(mode="json"))


def _pictures(params: EmbedParams, runtime: Runtime) -> tuple[dict[int, Image], dict[str, str]]:
    """Those that can be read, by their place, and why the others cannot.

    Raises:
        DarkroomError: none can be read; it is the first one's.
    """
    pictures: dict[int, Image] = {}
    errors: dict[int, DarkroomError] = {}
    for place, image in enumerate(params.images):
        try:
            pictures[place] = decode(runtime.artifacts.get(image), runtime.limits)
        except PASSING:
            raise
        except DarkroomError as exc:
            errors[place] = exc
    if errors and not pictures:
        raise errors[0]
    return pictures, {str(place): error.message for place, error in errors.items()}


def _vectors(
    card: ModelCard, are_texts: bool, wanted: list[Any], runtime: Runtime, watch: GpuBatchWatch, stopwatch: Stopwatch
) -> tuple[np.ndarray, int]:
    """(wanted, dimensions), and the version of the engine's way to them."""
    at_once = TEXTS_AT_ONCE if are_texts else _pictures_at_once(card, len(wanted), runtime)
    stopwatch.start("loading")
    watch.phase("loading")

    def call(engine: Any, threads: int) -> tuple[np.ndarray, int]:
        if not isinstance(engine, Embedding):
            raise EngineFailed(f"{card.id} makes no vectors")
        embed: Callable[[Sequence[Any]], np.ndarray] = engine.embed_texts if are_texts else engine.embed_pictures
        rows = []
        for start in range(0, len(wanted), at_once):
            rows.append(embed(wanted[start : start + at_once]))
            watch.step(min(start + at_once, len(wanted)), len(wanted))
        return np.concatenate(rows), engine.vector_version

    return with_engine(runtime, watch, stopwatch, card, asking_shape(1 if are_texts else at_once), call)


def _pictures_at_once(card: ModelCard, wanted: int, runtime: Runtime) -> int:
    """As many as the budget allows, at least one: too little room for that is residency's to say."""
    budget_mib = runtime.residency.budget_mib
    fitting = (n for n in range(wanted, 1, -1) if runtime.need_mib(card, asking_shape(n)) <= budget_mib)
    return next(fitting, 1)
