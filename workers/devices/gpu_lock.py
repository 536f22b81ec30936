"""One launcher per GPU: a lock in Redis that says which processes hold it.

It is renewed while they live and runs out soon after. Whoever finds it held by processes of this very machine that are
all dead takes it at once: a stack that was killed and started again must not wait for a lock of the dead. Pids only
count within one boot and one PID namespace, so a container never judges another's.
"""

import json
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import redis

from shared.redis import keys
from shared.redis.client import redis_errors, script
from workers.devices.slot import Slot

#: A lock outlives its holders by at most this.
LOCK_MS = 10_000


class GpuLock:
    """The lock of one slot's GPU. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis", slot: Slot) -> None:
        self._redis: Any = client
        self._take = script(client, "gpu_lock_take")
        self._prolong = script(client, "gpu_lock_prolong")
        self._release = script(client, "gpu_lock_release")
        self._key = keys.lock(slot.name if slot.is_cpu else slot.gpu)
        self._token = uuid.uuid4().hex

    def hold(self, pids: Iterable[int]) -> bool:
        """Take or renew it for these processes; False while others, who may be alive, have it."""
        mine = json.dumps({"token": self._token, "machine": _machine(), "pids": sorted(pids)})
        with redis_errors():
            known = self._redis.get(self._key)
            dead = known if known and _is_dead(known) else b""
            return bool(self._take(keys=[self._key], args=[self._token, dead, mine, LOCK_MS]))

    def release(self) -> None:
        """Let it go, if it is ours."""
        with redis_errors():
            self._release(keys=[self._key], args=[self._token])

    def prolong(self, pid: int) -> None:
        """Renew it as one of the processes that it names: a worker whose launcher died still uses the GPU."""
        with redis_errors():
            if (known := self._as_holder(pid)) is not None:
                self._prolong(keys=[self._key], args=[known, LOCK_MS])

    def release_as(self, pid: int) -> None:
        """Let it go as the last of the processes that it names."""
        with redis_errors():
            if (known := self._as_holder(pid)) is not None:
                self._prolong(keys=[self._key], args=[known, 1])

    def _as_holder(self, pid: int) -> bytes | None:
        known: bytes | None = self._redis.get(self._key)
        return known if known and pid in json.loads(known)["pids"] else None


def _is_dead(known: bytes) -> bool:
    holder = json.loads(known)
    return holder["machine"] == _machine() and not any(psutil.pid_exists(pid) for pid in holder["pids"])


def _machine() -> str:
    """This boot of this machine, and this PID namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{os.stat('/proc/self/ns/pid').st_ino}"
