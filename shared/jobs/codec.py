"""A job's record ↔ the fields of its Redis hash: strings raw (so that scripts can read them), everything else JSON."""

import json
from json.encoder import encode_basestring
from typing import Any

from shared.contracts.jobs import JobRecord, State


def encode(record: JobRecord) -> dict[str, str]:
    """A record as hash fields; what is None is left out."""
    fields = record.model_dump(mode="json", exclude_none=True)
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}


def decode(fields: dict[bytes, bytes]) -> JobRecord:
    """Hash fields as a record; fields that only scripts use are skipped.

    Most values are JSON already, so they are joined and parsed once: a third of the time of parsing each.
    """
    members = []
    for raw_name, raw in fields.items():
        name, value = text(raw_name), text(raw)
        if name in _FIELDS:
            members.append(f'"{name}":{encode_basestring(value) if name in _RAW else value}')
    return JobRecord.model_validate_json("{" + ",".join(members) + "}")


def text(value: Any) -> str:
    """What Redis sent, as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _raw_fields() -> frozenset[str]:
    sample = JobRecord(id="", kind="generate", model="", state=State.QUEUED).model_dump(mode="json")
    return frozenset(name for name, value in sample.items() if isinstance(value, str))


_RAW = _raw_fields()
_FIELDS = frozenset(JobRecord.model_fields)
