"""One launcher per card: a lock in Redis that says which processes hold it.

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
from shared.redis.client import redis_errors
from workers.devices.slot import Slot

#: A lock outlives its holders by at most this.
LOCK_MS = 10_000
#: Take it if nobody has it, if it is ours, or if it is still what we judged to be dead.
_TAKE = """
local known = redis.call('GET', KEYS[1])
if known and known ~= ARGV[2] and cjson.decode(known).token ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
"""
_PROLONG = """
local known = redis.call('GET', KEYS[1])
if known == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
"""
_RELEASE = """
local known = redis.call('GET', KEYS[1])
if known and cjson.decode(known).token == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


class GpuLock:
    """The lock of one slot's card. Every method raises `RedisUnavailable` when the server does not take requests."""

    def __init__(self, client: "redis.Redis", slot: Slot) -> None:
        self._redis: Any = client
        self._key = keys.lock(slot.name if slot.gpu == "cpu" else slot.gpu)
        self._token = uuid.uuid4().hex

    def hold(self, pids: Iterable[int]) -> bool:
        """Take or renew it for these processes; False while others, who may be alive, have it."""
        mine = json.dumps({"token": self._token, "machine": _machine(), "pids": sorted(pids)})
        with redis_errors():
            known = self._redis.get(self._key)
            dead = known if known and _is_dead(known) else b""
            return bool(self._redis.eval(_TAKE, 1, self._key, self._token, dead, mine, LOCK_MS))

    def release(self) -> None:
        """Let it go, if it is ours."""
        with redis_errors():
            self._redis.eval(_RELEASE, 1, self._key, self._token)

    def prolong(self, pid: int) -> None:
        """Renew it as one of the processes that it names: a worker whose launcher died still uses the card."""
        with redis_errors():
            if (known := self._as_holder(pid)) is not None:
                self._redis.eval(_PROLONG, 1, self._key, known, LOCK_MS)

    def release_as(self, pid: int) -> None:
        """Let it go as the last of the processes that it names."""
        with redis_errors():
            if (known := self._as_holder(pid)) is not None:
                self._redis.eval(_PROLONG, 1, self._key, known, 1)

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
