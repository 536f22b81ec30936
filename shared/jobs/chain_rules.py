"""How one step of a chain follows another: which picture it gets, in which queue it waits, what it may take over. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from shared.contracts.batches import PREVIOUS
from shared.contracts.generation import GenerationParams
from shared.contracts.jobs import JobRecord, State
from shared.contracts.kinds import KIND_RULES
from shared.contracts.sizes import Size
from shared.contracts.vision import DECODER_VERSION, AnyTask
from shared.errors import IllegalMove
from shared.jobs import lifecycle
from shared.jobs.routing import batch_key_of, own_queue_of, queue_of


def picture_of(record: JobRecord) -> str:
    """The current picture behind an ended step: the first it made, else the one it looked at; "" where there is none."""
    made = (record.result or {}).get("images") or []
    return str(made[0]["id"]) if made else str(record.params.get("image") or "")


def size_of(record: JobRecord) -> Size | None:
    """Width and height of the current picture behind an ended step, as its result says."""
    result = record.result or {}
    shown = (result.get("images") or [result])[0]
    width, height = shown.get("width"), shown.get("height")
    return (int(width), int(height)) if width and height else None


def released(record: JobRecord, now_ms: int, *, previous: JobRecord) -> JobRecord:
    """The step before succeeded: this one may be queued, with its picture, where it runs best.

    Raises:
        IllegalMove: it does not wait.
    """
    queued = lifecycle.release(with_picture(record, picture_of(previous), size_of(previous)), now_ms)
    return queued.model_copy(update={"queue": queue_after(record, previous)})


def with_picture(record: JobRecord, picture: str, size: Size | None = None) -> JobRecord:
    """The record with the current picture in place of `@previous`, and of a size that follows the picture's."""
    if record.params.get("image") != PREVIOUS:
        return record
    params = record.params | {"image": picture}
    if record.sizing is None or size is None:
        return record.model_copy(update={"params": params})
    width, height = record.sizing.size_for(*size)
    sized = GenerationParams.model_validate(params | {"width": width, "height": height})
    key = batch_key_of(record.model, sized)
    return record.model_copy(update={"params": sized.model_dump(), "batch_key": key})


def queue_after(record: JobRecord, previous: JobRecord) -> str:
    """Where a released step waits.

    The worker of the step before knows the picture, so it is encoded once; that only counts for the same model, because
    with another one the worker may have to swap models for each member.
    """
    if KIND_RULES[record.kind].follows_picture and previous.model == record.model and previous.worker:
        return own_queue_of(previous.worker, record.priority)
    return queue_of(record.model, record.priority)


def rerouted(record: JobRecord, now_ms: int) -> JobRecord:
    """A job that waits for one certain worker, which is gone or paused, waits for any.

    Raises:
        IllegalMove: it is not queued, or already waits for any.
    """
    anywhere = queue_of(record.model, record.priority)
    if record.state != State.QUEUED or record.queue == anywhere:
        raise IllegalMove(f"job {record.id} is {record.state.value} in {record.queue}")
    return record.model_copy(update={"queue": anywhere})


def asked_hash(tasks: Sequence[AnyTask], effective: Sequence[AnyTask]) -> str:
    """What an analysis was asked: the same for the same tasks on the same models, whatever seeds were drawn for them."""
    rows = [task.model_dump(mode="json") for task in effective]
    for row, task in zip(rows, tasks, strict=True):
        row["seed"] = getattr(task, "seed", None)
    canonical = json.dumps(rows, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def reuse_key(record: JobRecord, weights: Mapping[str, str]) -> str:
    """The same for jobs of one person that ask the same of the same picture, the same weights and the same decoder; ""
    where nothing may be taken over.

    Of one person: an answer that comes at once would tell that somebody else has this picture, and asked that of it.

    Args:
        weights: model → hash of its weights; a model that is not in it answers nothing that could be taken over.
    """
    image = record.params.get("image")
    if not record.asked or not image or image == PREVIOUS:
        return ""
    hashes = {model: weights.get(model) for model in answering(record)}
    if not all(hashes.values()):
        return ""
    about = json.dumps([record.caller, record.asked, record.model, image, DECODER_VERSION, hashes], sort_keys=True)
    return hashlib.sha256(about.encode()).hexdigest()[:32]


def made_with(record: JobRecord) -> dict[str, str]:
    """Model → hash of the weights that a record's answers name."""
    answers = (record.result or {}).get("answers", ())
    return {answer["model"]: answer["weights_hash"] for answer in answers if answer.get("weights_hash")}


def answering(record: JobRecord) -> set[str]:
    """The models that answer a job's tasks."""
    return {str(task.get("engine") or record.model) for task in record.params.get("tasks", ())}


def may_be_reused(record: JobRecord) -> bool:
    """Whether its answer holds for whoever asks the same: it succeeded, in every one of its tasks."""
    answers = (record.result or {}).get("answers", ())
    return record.state == State.SUCCEEDED and bool(answers) and all(answer.get("ok") for answer in answers)


def answered(record: JobRecord, now_ms: int, *, source: JobRecord) -> JobRecord:
    """The same was done before: the job ends with that result, without running.

    Raises:
        IllegalMove: a worker has it, or it has ended.
    """
    if record.state not in (State.WAITING, State.QUEUED):
        raise IllegalMove(f"job {record.id} is {record.state.value}")
    return record.model_copy(
        update={
            "state": State.SUCCEEDED,
            "ended_at_ms": now_ms,
            "result": source.result,
            "reused_from": source.reused_from or source.id,
        }
    )
