"""A GPU batch of generation jobs: fetch starting pictures, make pictures, store them.

PNG results carry their own parameters, as A1111 writes them and as JSON, so a picture can always be made again.
"""

from typing import Any

from PIL.Image import Image

from shared.contracts.generation import GenerationParams
from shared.contracts.jobs import JobRecord
from shared.contracts.sizes import seen_part
from shared.pictures.artifact_store import id_of
from shared.pictures.pixels import a1111_parameters, decode, to_png
from shared.redis.patience import until_redis_answers
from workers.devices.energy import joules_per_picture
from workers.engines.base import GenerateEngine, GenerateWork, Seeded
from workers.execution.kinds.base import Outcome
from workers.execution.oom_ladder import with_room
from workers.execution.progress import BatchWatch
from workers.execution.runtime import Runtime
from workers.execution.timing import Stopwatch
from workers.memory.needs import Shape


def run(records: list[JobRecord], runtime: Runtime, watch: BatchWatch, stopwatch: Stopwatch) -> list[Outcome]:
    """Run generation jobs that share everything a batch shares; one outcome each, in order.

    Raises:
        DarkroomError: it concerns the whole batch. Signal: nobody wants the rest.
    """
    params = [GenerationParams.model_validate(record.params) for record in records]
    works = [GenerateWork(p, _starting_picture(p, runtime)) for p in params]
    card = runtime.catalogue.get(records[0].model)

    spent_j: list[float | None] = []
    about: dict[str, Any] = {}

    def work(engine: GenerateEngine) -> list[list[Image]]:
        runtime.tell_residents()
        threads = runtime.threads.settle(engine, runtime.plans.of(card).precision, watch.pulse)
        stopwatch.start("running")
        watch.phase("running")
        about.update(_about(engine, runtime.residency.weights.get(records[0].model)), cpu_threads=threads)
        before = runtime.gpu_now()
        made = engine.generate(works, watch)
        spent_j.append(joules_per_picture(before, runtime.gpu_now(), sum(p.n for p in params)))
        return made

    pictures = with_room(runtime.residency, runtime.plans, card, _shape(params), watch, work)
    stopwatch.start("storing")
    watch.phase("storing")
    wanted = {member.record.id for member in watch.alive}
    return [
        _store(record, work, made, runtime, about, spent_j[-1]) if record.id in wanted else Outcome()
        for record, work, made in zip(records, works, pictures, strict=True)
    ]


def _starting_picture(params: GenerationParams, runtime: Runtime) -> Image | None:
    if params.image is None:
        return None
    return decode(runtime.artifacts.get(params.image), runtime.limits)


def _shape(params: list[GenerationParams]) -> Shape:
    first = params[0]
    pictures = sum(p.n for p in params)
    return Shape(first.width, first.height, pictures, first.is_guided, is_img2img=first.is_img2img)


def _about(engine: GenerateEngine, weights_hash: str | None) -> dict[str, Any]:
    """What a picture must name of its engine beside its own parameters, so that it can be made again."""
    noise = {"noise_version": engine.noise_version} if isinstance(engine, Seeded) else {}
    return noise | ({"weights_hash": weights_hash} if weights_hash else {})


def _store(
    record: JobRecord,
    work: GenerateWork,
    pictures: list[Image],
    runtime: Runtime,
    about: dict[str, Any],
    spent_j: float | None,
) -> Outcome:
    images = [
        _store_one(record, work.params, seed, picture, runtime, about)
        for seed, picture in zip(work.params.seeds(), pictures, strict=True)
    ]
    energy = {} if spent_j is None else {"energy_per_picture_j": round(spent_j, 1)}
    return Outcome(
        {"images": images, **about, **_fit(work), **energy}, artifacts=tuple(image["id"] for image in images)
    )


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
    about: dict[str, Any],
) -> dict[str, Any]:
    shown = params.model_dump(exclude_none=True)
    told = {"job": record.id, "model": record.model, "seed": seed, "params": {**shown, "seed": seed, "n": 1}, **about}
    weights_hash = told.pop("weights_hash", "")
    if weights_hash:
        told["model_hash"] = weights_hash
    text = a1111_parameters(shown, seed=seed, model=record.model, model_hash=weights_hash)
    data = to_png(picture, parameters=text, record=told)
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
    }
