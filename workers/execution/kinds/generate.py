"""A GPU batch of generation jobs: fetch starting pictures, make pictures, store them.

PNG results carry their own parameters, as A1111 writes them and as JSON, so a picture can always be made again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL.Image import Image

from shared.contracts.generation import GenerationParams
from shared.contracts.jobs import JobRecord
from shared.contracts.sizes import seen_part
from shared.pictures.a1111_text import a1111_parameters
from shared.pictures.artifact_store import id_of
from shared.pictures.fingerprints import fingerprints
from shared.pictures.pixels import decode, to_png
from shared.redis.client import until_redis_answers
from shared.settings import Settings
from workers.devices.snapshot import joules_per_picture
from workers.engines.base import GenerateEngine, GenerateWork, Seeded
from workers.execution.kinds.base import Outcome, with_engine
from workers.execution.progress import GpuBatchWatch
from workers.execution.runtime import Runtime
from workers.execution.timing import Stopwatch
from workers.memory.shapes import Shape


def most_peers(record: JobRecord, settings: Settings) -> int:
    """See `JobKind`. A job of several pictures fills its passes by itself."""
    return 0 if record.params.get("n", 1) > 1 else settings.max_batch - 1


def run(records: Sequence[JobRecord], runtime: Runtime, watch: GpuBatchWatch, stopwatch: Stopwatch) -> list[Outcome]:
    """See `JobKind`. Runs of steps (`stepping`) do the same a step at a time."""
    works = [work_of(record, runtime) for record in records]
    params = [work.params for work in works]
    card = runtime.catalogue.get(records[0].model)

    def call(engine: GenerateEngine, threads: int) -> tuple[list[list[Image]], About]:
        before = runtime.gpu_now()
        pictures = engine.generate(works, watch)
        joules = joules_per_picture(before, runtime.gpu_now(), sum(each.n for each in params))
        return pictures, about_of(engine, runtime.residency.weights.get(card.id), threads, joules)

    made, about = with_engine(runtime, watch, stopwatch, card, shape_of(params), call)
    stopwatch.start("storing")
    watch.phase("storing")
    wanted = {claim.record.id for claim in watch.alive}
    return [
        stored(record, work, pictures, about, runtime) if record.id in wanted else Outcome()
        for record, work, pictures in zip(records, works, made, strict=True)
    ]


def work_of(record: JobRecord, runtime: Runtime) -> GenerateWork:
    """A job as its engine takes it, its starting picture fetched and decoded."""
    params = GenerationParams.model_validate(record.params)
    return GenerateWork(params, _starting_picture(params, runtime))


def _starting_picture(params: GenerationParams, runtime: Runtime) -> Image | None:
    if params.image is None:
        return None
    return decode(runtime.artifacts.get(params.image), runtime.limits)


def shape_of(params: Sequence[GenerationParams]) -> Shape:
    """What a pass over all pictures of these jobs takes."""
    first = params[0]
    pictures = sum(p.n for p in params)
    guided, img2img = any(p.is_guided for p in params), any(p.is_img2img for p in params)
    return Shape(first.width, first.height, pictures, guided, is_img2img=img2img)


@dataclass(frozen=True)
class About:
    """What is to be said of a picture beside its own parameters."""

    #: What it must name, so that it can be made again.
    how: Mapping[str, Any]
    #: Of the whole GPU, per picture; None: it does not count.
    joules_per_picture: float | None = None


def about_of(engine: object, weights_hash: str | None, threads: int, joules: float | None) -> About:
    """What pictures of an engine name.

    Args:
        threads: of the CPU, which change rounding.
    """
    noise = {"noise_version": engine.noise_version} if isinstance(engine, Seeded) else {}
    weights = {"weights_hash": weights_hash} if weights_hash else {}
    return About(noise | weights | {"cpu_threads": threads}, joules)


def stored(record: JobRecord, work: GenerateWork, pictures: Sequence[Image], about: About, runtime: Runtime) -> Outcome:
    """Put a job's pictures into the store, in the order of their seeds; the job's result."""
    images = [
        _store_one(record, work.params, seed, picture, runtime, about.how)
        for seed, picture in zip(work.params.seeds(), pictures, strict=True)
    ]
    spent_j = about.joules_per_picture
    energy = {} if spent_j is None else {"energy_per_picture_j": round(spent_j, 1)}
    return Outcome({"images": images, **about.how, **_fit(work), **energy}, artifacts=tuple(i["id"] for i in images))


def _fit(work: GenerateWork) -> dict[str, Any]:
    """What was seen of the starting picture, in its own upright pixels; `crop` is null where all of it was."""
    if work.image is None:
        return {}
    size = work.image.size
    return {"fit": {"from": size, "crop": seen_part(size, (work.params.width, work.params.height))}}


def _store_one(
    record: JobRecord,
    params: GenerationParams,
    seed: int,
    picture: Image,
    runtime: Runtime,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    shown = params.model_dump(exclude_none=True)
    told = {"job": record.id, "model": record.model, "seed": seed, "params": {**shown, "seed": seed, "n": 1}, **about}
    weights_hash = told.pop("weights_hash", "")
    if weights_hash:
        told["model_hash"] = weights_hash
    text = a1111_parameters(shown, seed=seed, model=record.model, model_hash=weights_hash)
    data = to_png(picture, parameters=text, record=told)
    looks = fingerprints(picture)
    # Announced before it is stored: whoever dies in between leaves a name without bytes, never bytes without a name.
    until_redis_answers(lambda: runtime.store.announce(id_of(data), record.id))
    artifact_id = runtime.artifacts.put(data)
    return {
        "id": artifact_id,
        "url": f"/v1/images/{artifact_id}",
        "seed": seed,
        "width": picture.width,
        "height": picture.height,
        "bytes": len(data),
        "media_type": "image/png",
        **looks.as_row(),
    }
