"""A typed client of the API, for programs and for our own command line.

    with Darkroom("http://127.0.0.1:2020") as darkroom:
        job = darkroom.wait(darkroom.generate("a red house in the snow").id)
        darkroom.save(job, Path("out"))

Errors come back as the classes of `shared.errors`, with the code the server sent. What can be done with batches is beside
this, in `batches`; with jobs that have not started, in `in_hand`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict

from api.client.batches import Batches
from api.client.exports import Exported, write_export
from api.client.in_hand import InHand
from shared import errors
from shared.contracts.jobs import FINAL_STATES, Failure, Progress, QueuePlace, State, Timings

#: How long one poll is held by the server.
LONG_POLL_S = 25.0
#: Beyond what a request may be held.
TIMEOUT_S = 30.0
#: Pause before a request that may be repeated is, where the server names none.
PAUSE_S = 1.0


class Job(BaseModel):
    """A job as the server tells it; fields of newer servers are kept too."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    state: State
    kind: str
    model: str
    params: dict[str, Any] = {}
    attempt: int = 0
    worker: str | None = None
    gpu: str | None = None
    progress: Progress | None = None
    timings: Timings = Timings()
    queue: QueuePlace | None = None
    held: bool = False
    degradations: tuple[str, ...] = ()
    result: dict[str, Any] | None = None
    error: Failure | None = None

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    def image_ids(self) -> list[str]:
        """Ids of the pictures it made."""
        return [image["id"] for image in (self.result or {}).get("images", [])]


class Darkroom:
    """One server. A `with` block closes its connections."""

    def __init__(self, url: str, *, key: str | None = None, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, transport=transport)
        self.batches = Batches(self._send, self._watch)
        self.in_hand = InHand(self._send)

    def __enter__(self) -> "Darkroom":
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    # -- work --------------------------------------------------------------------------------------------------------

    def generate(self, prompt: str, *, idempotency_key: str | None = None, **fields: Any) -> Job:
        """Queue pictures; `fields` are those of `POST /v1/generate`."""
        return self._submit("/v1/generate", {"prompt": prompt, **fields}, idempotency_key)

    def analyze(
        self,
        image: Path | bytes | str,
        tasks: Sequence[dict[str, Any] | str],
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Job:
        """Queue questions about a picture; `fields` are those of `POST /v1/analyze`.

        Args:
            image: a file, its bytes, or the id of a stored picture.
            tasks: as in `POST /v1/analyze`; a name alone stands for a task without settings.
        """
        shown = image if isinstance(image, str) else self.upload(image)
        asked = [{"task": task} if isinstance(task, str) else task for task in tasks]
        return self._submit("/v1/analyze", {"image": shown, "tasks": asked, **fields}, idempotency_key)

    def job(self, job_id: str) -> Job:
        """A job as it stands."""
        return Job.model_validate(self._ask("GET", f"/v1/jobs/{job_id}"))

    def jobs(self, job_ids: Sequence[str]) -> list[Job | None]:
        """Up to 1,000 jobs in one request, in this order; None for what is unknown or gone."""
        rows = self._ask("GET", "/v1/jobs", params={"ids": ",".join(job_ids)})["jobs"]
        return [None if row["state"] in ("unknown", "gone") else Job.model_validate(row) for row in rows]

    def cancel(self, job_id: str) -> Job:
        """Give a job up, whatever it does now."""
        return Job.model_validate(self._ask("DELETE", f"/v1/jobs/{job_id}"))

    def retry(self, job_id: str) -> Job:
        """Run a failed or cancelled job again, as a new one."""
        return Job.model_validate(self._ask("POST", f"/v1/jobs/{job_id}/retry"))

    def wait(
        self, job_id: str, on_progress: Callable[[Job], None] | None = None, *, limit_s: float | None = None
    ) -> Job:
        """Poll until the job has ended; a server that is away for a moment is waited for.

        Raises:
            TimeoutError: it had not ended after `limit_s`.
        """
        for answer in self._watch(f"/v1/jobs/{job_id}", limit_s):
            job = Job.model_validate_json(answer)
            if on_progress is not None:
                on_progress(job)
            if job.is_final:
                return job
        raise TimeoutError(f"job {job_id} had not ended after {limit_s} s")

    # -- pictures ----------------------------------------------------------------------------------------------------

    def upload(self, picture: Path | bytes) -> str:
        """Store a picture; returns its id."""
        data = picture if isinstance(picture, bytes) else picture.read_bytes()
        headers = {"Content-Type": "application/octet-stream"}
        return str(self._ask("POST", "/v1/images", content=data, headers=headers)["id"])

    def has_image(self, image_id: str) -> bool:
        """Whether the server has this picture; if so, its time starts afresh."""
        response = self._http.head(f"/v1/images/{image_id}")
        if response.status_code in (404, 410):
            return False
        if response.status_code >= 400:
            raise error_of(response)
        return True

    def image(self, image_id: str, *, width: int | None = None) -> bytes:
        """A picture's bytes as they are stored, or at most `width` wide as WebP."""
        return self._send("GET", f"/v1/images/{image_id}", params={"width": width} if width else {}).content

    def save(self, job: Job, folder: Path) -> list[Path]:
        """Write a job's pictures into a folder; returns the files."""
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for index, image_id in enumerate(job.image_ids()):
            file = folder / f"{job.id}-{index}.png"
            file.write_bytes(self.image(image_id))
            files.append(file)
        return files

    def export_assets(self, file: Path, *, query: str = "") -> Exported:
        """Write assets of the library into a zip: pictures, sidecars, assets.jsonl.

        Args:
            query: a filter as in the search box; "": all that are one's own.

        Raises:
            OurError: it was cut off; there is no file then.
        """
        with self._http.stream("GET", "/v1/assets/export", params={"q": query}) as response:
            if response.status_code >= 400:
                response.read()
                raise error_of(response)
            return write_export(response, file)

    # -- the system --------------------------------------------------------------------------------------------------

    def models(self) -> list[dict[str, Any]]:
        """All models the server knows."""
        return list(self._ask("GET", "/v1/models")["models"])

    def me(self) -> dict[str, Any]:
        """Who the key makes one here, and what one may do."""
        return dict(self._ask("GET", "/v1/me"))

    def status(self) -> dict[str, Any]:
        """API, Redis, workers, queues."""
        return dict(self._ask("GET", "/v1/status"))

    def drain(self, worker: str) -> dict[str, Any]:
        """Let a worker finish what it runs and take no more."""
        return dict(self._ask("POST", f"/v1/workers/{worker}/drain"))

    def resume(self, worker: str) -> dict[str, Any]:
        """Let a drained worker take jobs again."""
        return dict(self._ask("POST", f"/v1/workers/{worker}/resume"))

    def is_ready(self) -> bool:
        """Whether jobs can run now."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    # -- the wire ----------------------------------------------------------------------------------------------------

    def _watch(self, path: str, limit_s: float | None) -> Iterator[bytes]:
        """Each new version of a job or a batch; stops at the limit."""
        ends_at = time.monotonic() + limit_s if limit_s is not None else float("inf")
        etag = ""
        while (left_s := ends_at - time.monotonic()) > 0:
            try:
                response = self._send(
                    "GET",
                    path,
                    params={"wait": max(0.0, min(LONG_POLL_S, left_s)) if etag else 0},
                    headers={"If-None-Match": etag} if etag else {},
                )
            except (errors.OurError, httpx.TransportError) as exc:
                time.sleep(min(left_s, getattr(exc, "retry_after_s", None) or PAUSE_S))
                continue
            if response.status_code == 304:
                continue
            etag = response.headers.get("ETag", "")
            yield response.content
            if "Retry-After" in response.headers:  # all waiting seats are taken: poll slowly
                time.sleep(PAUSE_S)

    def _submit(self, path: str, fields: dict[str, Any], idempotency_key: str | None) -> Job:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        given = {name: value for name, value in fields.items() if value is not None}
        return Job.model_validate(self._ask("POST", path, json=given, headers=headers))

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        return self._send(method, path, **request).json()

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        response = self._http.request(method, path, **request)
        if response.status_code >= 400:
            raise error_of(response)
        return response


def error_of(response: httpx.Response) -> errors.DarkroomError:
    """The server's error as one of our classes; the base class where the code is new to this client."""
    try:
        body = response.json()["error"]
        code, message, field = str(body["code"]), str(body["message"]), body.get("field")
    except (ValueError, KeyError, TypeError):
        code, message, field = "", f"HTTP {response.status_code}: {response.text[:200]}", None
    fallback = errors.OurError if response.status_code >= 500 else errors.CallersError
    retry_after = response.headers.get("Retry-After", "")
    kind = errors.class_of(code) or fallback
    return kind(message, field=field, retry_after_s=int(retry_after) if retry_after.isdigit() else None)
