"""Tells those who asked that a batch has ended: signed, again and again with longer pauses, never into private networks.

A duty of every worker's main process; a lock per delivery keeps two from telling the same. What is due stands in a sorted set
of ours until it was taken or given up, so a delivery that was cut off is made again: a receiver may hear the same twice,
and tells by `delivery`. Each delivery has a thread of its own, because a receiver that never answers must not hold up
the other duties.
"""

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
from pydantic import BaseModel

from shared.batches.store import BatchStore
from shared.batches.views import batch_view
from shared.contracts.batch_records import BatchView
from shared.errors import DarkroomError, Gone, InvalidRequest, NotFound
from shared.jobs.codec import text
from shared.log import logger
from shared.net.addresses import pin
from shared.net.signatures import HEADER, signature
from shared.redis import keys
from shared.redis.client import redis_errors
from shared.settings import Settings

#: Deliveries under way at once, per worker.
AT_ONCE = 4
#: Beyond one delivery's own time-outs, its lock frees it for another worker after so long.
LOCK_MARGIN_S = 30
#: Each pause is so many times the one before.
GROWTH = 3.0
USER_AGENT = "Darkroom"


class Event(BaseModel):
    """What a webhook says."""

    event: str = "batch.ended"
    delivery: str
    batch: BatchView


class Webhooks:
    """Delivers what is due. `post(url, body, headers)` sends one and raises where it was not taken."""

    def __init__(
        self, batches: BatchStore, settings: Settings, post: Callable[[str, bytes, dict[str, str]], None] | None = None
    ) -> None:
        self._batches = batches
        self._redis: Any = batches.redis
        self._settings = settings
        self._post = post or self._post_for_real
        self._threads: list[threading.Thread] = []

    def look(self) -> None:
        """Start what is due. Raises `RedisUnavailable`; the next look tries again."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for delivery in self._due(AT_ONCE - len(self._threads)):
            thread = threading.Thread(target=self._deliver_safely, args=(delivery,), name="webhook", daemon=True)
            self._threads.append(thread)
            thread.start()

    def deliver(self, delivery: str) -> bool:
        """Make one delivery, if nobody else makes it; returns whether it was taken."""
        token = uuid.uuid4().hex
        lock = keys.lock(f"webhook:{delivery}")
        with redis_errors():
            ttl_s = round(4 * self._settings.webhook_timeout_s) + LOCK_MARGIN_S
            # The answer to a first try may be lost; then the lock is held by this very token.
            is_ours = self._redis.set(lock, token, nx=True, ex=ttl_s) or self._redis.get(lock) == token.encode()
        if not is_ours:
            return False
        try:
            return self._try(delivery)
        finally:
            with redis_errors():
                if self._redis.get(lock) == token.encode():
                    self._redis.delete(lock)

    def _try(self, delivery: str) -> bool:
        batch_id, _, round_ = delivery.partition(" ")
        with redis_errors():
            if self._redis.zscore(keys.WEBHOOKS, delivery) is None:
                return False  # delivered between the look and the lock
        try:
            record, numbers = self._batches.read(batch_id)
        except (NotFound, Gone):
            self._close(delivery)
            return False
        if record.round != int(round_) or not record.is_over:  # resumed meanwhile: its next end is told instead
            self._close(delivery)
            return False
        attempt = record.webhook_attempts + 1
        try:
            self._send(record.webhook, Event(delivery=f"{batch_id}-{round_}", batch=batch_view(record, numbers)))
        except (httpx.HTTPError, DarkroomError) as exc:
            self._put_off(delivery, attempt, f"{type(exc).__name__}: {exc}"[:300])
            return False
        self._close(delivery)
        self._batches.note(batch_id, webhook_state="delivered", webhook_attempts=attempt, webhook_error="")
        logger().info("webhook.delivered", batch=batch_id, attempt=attempt)
        return True

    def _send(self, url: str, event: Event) -> None:
        secret = self._settings.webhook_secret
        if secret is None:
            raise InvalidRequest("this worker has no DARKROOM_WEBHOOK_SECRET to sign with")
        body = event.model_dump_json().encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            HEADER: signature(secret.get_secret_value(), body, int(time.time())),
        }
        self._post(url, body, headers)

    def _post_for_real(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        private = self._settings.allow_private_addresses
        pinned = pin(url, allow_private=private, schemes=("https", "http") if private else ("https",), field="webhook")
        sending = pinned.as_request()
        sending["headers"] = headers | sending["headers"]
        # trust_env off: a proxy would resolve the name itself, past our check.
        with httpx.Client(timeout=self._settings.webhook_timeout_s, trust_env=False) as client:
            follow = sending.pop("follow_redirects")
            request = client.build_request("POST", pinned.url, content=body, **sending)
            response = client.send(request, stream=True, follow_redirects=follow)
            response.close()
        if not response.is_success:
            raise httpx.HTTPStatusError(f"HTTP {response.status_code}", request=request, response=response)

    def _put_off(self, delivery: str, attempt: int, error: str) -> None:
        batch_id = delivery.partition(" ")[0]
        is_last = attempt >= self._settings.webhook_attempts
        pause_s = self._settings.webhook_backoff_s * GROWTH ** (attempt - 1)
        if is_last:
            self._close(delivery)
        else:
            with redis_errors():
                self._redis.zadd(keys.WEBHOOKS, {delivery: self._now_ms() + round(pause_s * 1000)}, xx=True)
        state = "failed" if is_last else "pending"
        self._batches.note(batch_id, webhook_state=state, webhook_attempts=attempt, webhook_error=error)
        logger().warning("webhook.not_taken", batch=batch_id, attempt=attempt, reason=error, is_last=is_last)

    def _deliver_safely(self, delivery: str) -> None:
        try:
            self.deliver(delivery)
        except Exception as exc:  # a thread's error is nobody's: it must be seen, and the delivery stays due
            logger().error("webhook.broke", delivery=delivery, exc_info=exc)

    def _due(self, limit: int) -> list[str]:
        if limit < 1:
            return []
        with redis_errors():
            found = self._redis.zrangebyscore(keys.WEBHOOKS, "-inf", self._now_ms(), start=0, num=limit)
        return [text(delivery) for delivery in found]

    def _close(self, delivery: str) -> None:
        with redis_errors():
            self._redis.zrem(keys.WEBHOOKS, delivery)

    def _now_ms(self) -> int:
        seconds, micros = self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000
