"""What a finished batch teaches about time: a step at its size, a whole job, the loading of a model."""

from shared.contracts.generation import steps_run
from shared.contracts.jobs import JobRecord, Timings
from shared.errors import RedisUnavailable
from shared.log import logger
from shared.models.measurements import JOB, LOAD, Learned


def teach(learned: Learned, worker: str, records: list[JobRecord], took: Timings, *, has_loaded: bool) -> None:
    """Record the times of a batch that went well; without Redis nothing is learned, and nothing is lost.

    Args:
        took: of the whole batch.
        has_loaded: whether its model had to be brought onto the card.
    """
    model, members = records[0].model, len(records)
    whole_ms = took.running_ms + took.storing_ms + (0 if has_loaded else took.loading_ms)
    try:
        learned.add_time(model, worker, JOB, whole_ms / members)
        if has_loaded:
            learned.add_time(model, worker, LOAD, took.loading_ms)
        if (size := _size_of(records[0])) and (steps := _picture_steps(records)):
            learned.add_time(model, worker, size, took.running_ms / steps)
    except RedisUnavailable as exc:
        logger().warning("times.not_learned", reason=exc.message)


def _size_of(record: JobRecord) -> str | None:
    if record.kind != "generate":
        return None
    return f"{record.params['width']}x{record.params['height']}"


def _picture_steps(records: list[JobRecord]) -> int:
    """Steps times pictures: the members of a batch share their steps, a picture of it costs its share of one."""
    return sum(_steps_run(record) * int(record.params["n"]) for record in records)


def _steps_run(record: JobRecord) -> int:
    """From a picture only a part of the steps runs."""
    return steps_run(int(record.params["steps"]), record.params.get("strength"))
