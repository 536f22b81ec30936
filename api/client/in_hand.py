"""Jobs of a server that have not started, in hand, as `darkroom.in_hand`.

darkroom.in_hand.hold([job.id])
darkroom.in_hand.change({"batch": batch.id}, priority="high")
darkroom.in_hand.pause()
"""

from collections.abc import Sequence
from typing import Any, Literal

from api.client.batches import Send
from shared.contracts.in_hand import MOST_JOBS, JobOutcome, JobOutcomes

#: Ids of jobs, or a filter as the API takes it; an empty filter: everything of one's own.
Which = Sequence[str] | dict[str, Any]


class InHand:
    """What can be done to jobs after they were sent. What is wrong with one job is its own outcome, never an error of all."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def change(self, which: Which, **changes: Any) -> list[JobOutcome]:
        """Make jobs different; `changes` are those of `PATCH /v1/jobs`: priority, held, front."""
        return self._bulk("PATCH", "/v1/jobs", which, changes)

    def hold(self, which: Which) -> list[JobOutcome]:
        """They start nowhere until they are released."""
        return self.change(which, held=True)

    def release(self, which: Which) -> list[JobOutcome]:
        """They may start again."""
        return self.change(which, held=False)

    def to_front(self, job_ids: Sequence[str], *, of_all: bool = False) -> list[JobOutcome]:
        """These go before all other jobs of their owner, in this order; `of_all`: before everybody's, for operators."""
        front: Literal["all"] | bool = "all" if of_all else True
        return self.change(job_ids, front=front)

    def cancel(self, which: Which) -> list[JobOutcome]:
        """Give them up."""
        return self._bulk("POST", "/v1/jobs/cancel", which, {})

    def pause(self) -> None:
        """Nothing of one's own starts from now on, nor of what is sent meanwhile."""
        self._send("PATCH", "/v1/me", json={"paused": True})

    def go_on(self) -> None:
        """Everything may start again, but for what is held by itself."""
        self._send("PATCH", "/v1/me", json={"paused": False})

    def _bulk(self, method: str, path: str, which: Which, changes: dict[str, Any]) -> list[JobOutcome]:
        if not isinstance(which, dict):
            parts = [list(which[start : start + MOST_JOBS]) for start in range(0, len(which), MOST_JOBS)]
            # Moved to the front part by part, the last part would go first.
            done = [self._ask(method, path, {"ids": part} | changes).jobs for part in reversed(parts)]
            return [row for rows in reversed(done) for row in rows]
        found, cursor = [], ""
        while True:
            answer = self._ask(method, path, {"filter": which, "cursor": cursor} | changes)
            found += answer.jobs
            if answer.next_cursor is None:
                return found
            cursor = answer.next_cursor

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> JobOutcomes:
        return JobOutcomes.model_validate_json(self._send(method, path, json=body).content)
