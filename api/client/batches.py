"""The batches of a server, as `darkroom.batches`.

batch = darkroom.batches.start(images=[...], steps=[{"kind": "analyze", "tasks": [{"task": "caption"}]}])
darkroom.batches.wait(batch.id)
Path("captions.jsonl").write_bytes(darkroom.batches.export(batch.id, "jsonl"))
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol

import httpx
from pydantic import ConfigDict

from shared.contracts.batch_records import BatchCheck, BatchView, MemberList, MemberView

Watch = Callable[[str, float | None], Iterator[bytes]]


class Batch(BatchView):
    """A batch as the server tells it; fields of newer servers are kept too."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @property
    def is_over(self) -> bool:
        return self.state in ("finished", "cancelled")


class Send(Protocol):
    """One request; raises the server's errors."""

    def __call__(self, method: str, path: str, **request: Any) -> httpx.Response: ...


class Batches:
    """What can be done with batches."""

    def __init__(self, send: Send, watch: Watch) -> None:
        self._send = send
        self._watch = watch

    def start(self, *, idempotency_key: str | None = None, **fields: Any) -> Batch:
        """Send a batch; `fields` are those of `POST /v1/batches`."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        given = {name: value for name, value in fields.items() if value is not None}
        return self._read("POST", "/v1/batches", json=given, headers=headers)

    def check(self, **fields: Any) -> BatchCheck:
        """What a batch would be, without starting it or looking at its pictures; errors are those of `start`."""
        given = {name: value for name, value in fields.items() if value is not None}
        return BatchCheck.model_validate_json(self._send("POST", "/v1/batches", json=given | {"dry_run": True}).content)

    def get(self, batch_id: str) -> Batch:
        """A batch as it stands."""
        return self._read("GET", f"/v1/batches/{batch_id}")

    def wait(
        self, batch_id: str, on_progress: Callable[[Batch], None] | None = None, *, limit_s: float | None = None
    ) -> Batch:
        """Poll until every member has ended; a server that is away for a moment is waited for.

        Raises:
            TimeoutError: they had not after `limit_s`.
        """
        for answer in self._watch(f"/v1/batches/{batch_id}", limit_s):
            batch = Batch.model_validate_json(answer)
            if on_progress is not None:
                on_progress(batch)
            if batch.is_over:
                return batch
        raise TimeoutError(f"batch {batch_id} had not ended after {limit_s} s")

    def members(self, batch_id: str, state: str = "") -> Iterator[MemberView]:
        """Every member, in order."""
        cursor: str | None = ""
        while cursor is not None:
            query = {"state": state, "limit": 1000, "cursor": cursor}
            page = MemberList.model_validate_json(
                self._send("GET", f"/v1/batches/{batch_id}/members", params=query).content
            )
            yield from page.members
            cursor = page.next_cursor

    def cancel(self, batch_id: str) -> Batch:
        """Give up what has not ended."""
        return self._read("POST", f"/v1/batches/{batch_id}/cancel")

    def resume(self, batch_id: str) -> Batch:
        """Run failed and cancelled members again."""
        return self._read("POST", f"/v1/batches/{batch_id}/resume")

    def delete(self, batch_id: str) -> None:
        """Cancel and forget a batch."""
        self._send("DELETE", f"/v1/batches/{batch_id}")

    def export(self, batch_id: str, form: Literal["jsonl", "csv", "xmp.zip"] = "jsonl") -> bytes:
        """What the batch found out, as a file."""
        return self._send("GET", f"/v1/batches/{batch_id}/export.{form}").content

    def _read(self, method: str, path: str, **request: Any) -> Batch:
        return Batch.model_validate_json(self._send(method, path, **request).content)
