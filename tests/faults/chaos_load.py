"""A mixed load for the chaos run: jobs of all kinds of fate, cancels, retries, deadlines; and what the API said of each.

Every request carries an Idempotency-Key and is repeated until the API has said yes or no, as a careful client does: so a
job counts as accepted exactly once, however often the answer got lost.
"""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

#: Jobs kept in the system at once.
LIVE_JOBS = 40
PAUSE_S = 0.05
PATIENCE_S = 60.0
SIZES = (64, 72, 128)


@dataclass
class Entry:
    """One accepted job: what was sent, and what was answered."""

    id: str
    body: dict[str, Any]
    retry_of: str = ""
    #: The states that cancelling it was answered with.
    cancels: list[str] = field(default_factory=list)


class Load(threading.Thread):
    """Sends until told to stop; `ledger` has what was accepted."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(name="load", daemon=True)
        self.ledger: dict[str, Entry] = {}
        self.refusals = 0
        self._http = httpx.Client(base_url=url, timeout=10)
        self._random = random.Random(f"load {seed}")
        self._stop_sending = threading.Event()
        self._pause = threading.Event()
        self._sent = 0

    def run(self) -> None:
        while not self._stop_sending.wait(PAUSE_S):
            live = self._live()
            for _ in range(LIVE_JOBS - len(live)):
                self._submit()
            if live and self._random.random() < 0.01:
                self._cancel(self._random.choice(live))
            if self._random.random() < 0.03:
                self._retry()

    def stop(self) -> None:
        """What was asked is asked until it is answered: an unanswered request may be an accepted job."""
        self._stop_sending.set()
        self.join(2 * PATIENCE_S)

    # -- what a client does ------------------------------------------------------------------------------------------

    def _submit(self) -> None:
        self._sent += 1
        body = self._body()
        answer = self._until_answered("POST", "/v1/generate", json=body, key=f"chaos-{self._sent}")
        if answer is not None and answer.status_code == 202:
            self.ledger.setdefault(answer.json()["id"], Entry(answer.json()["id"], body))

    def _body(self) -> dict[str, Any]:
        draw = self._random
        fate = draw.choices(["", " raise=1", " oom=1"], weights=[20, 1, 1])[0]
        body: dict[str, Any] = {
            "model": "fault",
            "prompt": f"pace={draw.randrange(1, 50)}{fate}",
            "steps": draw.choice((1, 2, 4, 4, 8, 40)),
            "width": draw.choice(SIZES),
            "height": 64,
            "n": draw.choice((1, 1, 1, 2)),
            "seed": draw.randrange(10**9),
            "priority": draw.choice(("low", "normal", "normal", "high")),
        }
        return body | ({"deadline_s": draw.uniform(1, 60)} if draw.random() < 0.08 else {})

    def _cancel(self, job_id: str) -> None:
        answer = self._until_answered("DELETE", f"/v1/jobs/{job_id}")
        if answer is not None and answer.status_code in (200, 202):
            self.ledger[job_id].cancels.append(answer.json()["state"])

    def _retry(self) -> None:
        """Of some job; most have not failed, and are refused."""
        job_id = self._random.choice(list(self.ledger) or [""])
        answer = self._until_answered("POST", f"/v1/jobs/{job_id}/retry") if job_id else None
        if answer is not None and answer.status_code == 202:
            body = self.ledger[job_id].body
            self.ledger.setdefault(answer.json()["id"], Entry(answer.json()["id"], body, retry_of=job_id))

    def _live(self) -> list[str]:
        recent = list(self.ledger)[-300:]
        answer = self._until_answered("GET", "/v1/jobs", params={"ids": ",".join(recent)}) if recent else None
        rows = answer.json()["jobs"] if answer is not None and answer.status_code == 200 else []
        return [row["id"] for row in rows if row["state"] in ("waiting", "queued", "running")]

    def _until_answered(self, method: str, path: str, *, key: str = "", **request: Any) -> httpx.Response | None:
        """The first answer that is no 5xx; None when there was none for long."""
        headers = {"Idempotency-Key": key} if key else {}
        ends_at = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends_at:
            try:
                answer = self._http.request(method, path, headers=headers, **request)
                if answer.status_code < 500:
                    return answer
            except httpx.TransportError:
                pass
            self.refusals += 1
            self._pause.wait(PAUSE_S)
        return None
