"""A job's record ↔ the fields of its Redis hash: strings raw (so that scripts can read them), everything else JSON."""

import json
from typing import Any

from shared.contracts.jobs import JobRecord, State


def encode(record: JobRecord) -> dict[str, str]:
    """A record as hash fields; what is None is left out."""
    fields = record.model_dump(mode="json", exclude_none=True)
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}


def decode(fields: dict[bytes, bytes]) -> JobRecord:
    """Hash fields as a record; fields that only scripts use are skipped."""
    values: dict[str, Any] = {}
    for raw_name, raw in fields.items():
        name = text(raw_name)
        if name in JobRecord.model_fields:
            values[name] = text(raw) if name in _RAW else json.loads(raw)
    return JobRecord.model_validate(values)


def text(value: Any) -> str:
    """What Redis sent, as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _raw_fields() -> frozenset[str]:
    sample = JobRecord(id="", kind="generate", model="", state=State.QUEUED).model_dump(mode="json")
    return frozenset(name for name, value in sample.items() if isinstance(value, str))


_RAW = _raw_fields()
