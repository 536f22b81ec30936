"""A batch ↔ what Redis holds of it: the record's hash (strings raw, everything else JSON) and the counts beside it."""

import json
from collections.abc import Sequence
from typing import Any

from shared.contracts.batch_records import BatchRecord, MemberState, Numbers
from shared.contracts.jobs import State
from shared.jobs.codec import text
from shared.redis import keys

#: The keys of a batch beside its record.
PARTS = (
    *("members", "refused", "rounds", "reasons", "messages", "ends"),
    *(f"member:{state.value}" for state in MemberState),
    *(state.value for state in State),
)


def encode_batch(record: BatchRecord) -> dict[str, str]:
    """A record as hash fields; what is None is left out."""
    fields = record.model_dump(mode="json", exclude_none=True)
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}


def decode_batch(fields: dict[bytes, bytes]) -> BatchRecord:
    """Hash fields as a record; fields that only scripts use are skipped."""
    values: dict[str, Any] = {}
    for raw_name, raw in fields.items():
        name = text(raw_name)
        if name in BatchRecord.model_fields:
            values[name] = text(raw) if name in _RAW else json.loads(raw)
    return BatchRecord.model_validate(values)


def ask_numbers(pipe: Any, batch_id: str) -> None:
    """Ask for everything `numbers_in` needs."""
    pipe.hgetall(keys.batch(batch_id))
    for member_state in MemberState:
        pipe.zcard(keys.batch_members_in(batch_id, member_state.value))
    for job_state in State:
        pipe.zcard(keys.batch_jobs(batch_id, job_state.value))
    pipe.hgetall(keys.batch(batch_id, "reasons"))
    pipe.hgetall(keys.batch(batch_id, "messages"))
    pipe.lrange(keys.batch(batch_id, "ends"), 0, -1)


#: How many answers one `ask_numbers` gets.
ANSWERS = 1 + len(MemberState) + len(State) + 3


def numbers_in(answers: Sequence[Any], now_ms: int) -> tuple[BatchRecord, Numbers]:
    """A batch and its numbers from what Redis answered."""
    fields, *counts, reasons, messages, ends = answers
    numbers = Numbers(
        members=dict(zip((state.value for state in MemberState), counts, strict=False)),
        jobs=dict(zip((state.value for state in State), counts[len(MemberState) :], strict=True)),
        reused=int(fields.get(b"reused", 0)),
        reasons={text(code): int(count) for code, count in reasons.items()},
        messages={text(code): text(message) for code, message in messages.items()},
        ends_ms=tuple(int(end) for end in ends),
        now_ms=now_ms,
    )
    return decode_batch(fields), numbers


def _raw_fields() -> frozenset[str]:
    sample = BatchRecord(id="", total=0, steps=()).model_dump(mode="json")
    return frozenset(name for name, value in sample.items() if isinstance(value, str))


_RAW = _raw_fields()
