"""A worker's commands to itself, over a real server."""

import json

import pytest

from api.services import Services
from shared.errors import RedisUnavailable
from shared.jobs.routing import own_queue_of
from shared.redis import keys
from tests.workers_played import start, succeed
from workers.control.keep_alive import KeepAlive, OwnCommands

KEEP_ALIVE_S = 60.0


@pytest.fixture
def commands(services: Services) -> OwnCommands:
    return OwnCommands("gpu0", services.store, services.dispatcher)


class Watched:
    """A keep-alive with a clock of its own."""

    def __init__(self, services: Services, commands: OwnCommands) -> None:
        self.services, self.now_s = services, 0.0
        self.keep_alive = KeepAlive(commands, KEEP_ALIVE_S, clock_s=lambda: self.now_s)

    def tell(self, **resident: object) -> None:
        row = {"model": "sdxl", "held_mib": 7000, **resident}
        self.services.store.redis.set(keys.resident("gpu0"), json.dumps([row]))

    def look_at(self, now_s: float) -> int:
        self.now_s = now_s
        self.keep_alive.look()
        return self.services.store.queue_depths().get(own_queue_of("gpu0"), 0)


@pytest.fixture
def watched(services: Services, commands: OwnCommands) -> Watched:
    return Watched(services, commands)


def test_a_command_waits_in_the_workers_own_queue_and_is_done_when_its_job_is(services, commands):
    command_id = commands.unload_all()
    waits = services.store.queue_depths()[own_queue_of("gpu0")]
    assert (waits, commands.is_done(command_id)) == (1, False)

    start(services, command_id)
    succeed(services, command_id)

    assert commands.is_done(command_id)


def test_a_model_that_nobody_uses_for_the_keep_alive_is_commanded_off_once(watched):
    watched.tell(idle_s=10.0)

    assert [watched.look_at(at_s) for at_s in (0, 49, 51, 53, 90)] == [0, 0, 1, 1, 1]


@pytest.fixture
def away(watched, monkeypatch) -> list[bool]:
    """Whether Redis is away, by the last of them, when a command is sent."""
    is_away, send = [False], watched.keep_alive._commands.unload_idle

    def unless_away() -> str:
        if is_away[-1]:
            raise RedisUnavailable("away")
        return send()

    monkeypatch.setattr(watched.keep_alive._commands, "unload_idle", unless_away)
    return is_away


def test_what_redis_did_not_take_is_commanded_at_the_next_look(watched, services, away):
    def look_in_vain_at(now_s: float) -> None:
        away.append(True)
        with pytest.raises(RedisUnavailable):
            watched.look_at(now_s)
        away.append(False)

    watched.tell()
    watched.look_at(0)
    look_in_vain_at(KEEP_ALIVE_S + 1)
    models = watched.look_at(KEEP_ALIVE_S + 2)
    services.store.redis.set(keys.resident("gpu0"), "[]")
    watched.look_at(KEEP_ALIVE_S + 4)
    look_in_vain_at(2 * KEEP_ALIVE_S + 4)

    assert (models, watched.look_at(2 * KEEP_ALIVE_S + 6), watched.look_at(500)) == (1, 2, 2)


def test_the_copies_in_host_memory_go_after_as_long_again(watched, services):
    watched.tell()
    watched.look_at(0)
    watched.look_at(KEEP_ALIVE_S + 1)
    services.store.redis.set(keys.resident("gpu0"), "[]")

    assert [watched.look_at(at_s) for at_s in (KEEP_ALIVE_S + 2, 2 * KEEP_ALIVE_S + 3, 500)] == [1, 2, 2]


def test_while_a_job_runs_nothing_is_commanded(watched, services):
    watched.tell()
    watched.look_at(0)
    services.store.redis.hset(keys.slot("gpu0"), "a job", "its token")

    assert watched.look_at(KEEP_ALIVE_S + 1) == 0

    services.store.redis.delete(keys.slot("gpu0"))
    assert watched.look_at(KEEP_ALIVE_S + 2) == 1


def test_a_pinned_model_and_one_in_use_stay(watched):
    watched.tell(pinned=True)
    watched.look_at(0)
    assert watched.look_at(500) == 0

    watched.tell(idle_s=0.0)
    watched.look_at(501)
    watched.tell(idle_s=0.1)

    assert watched.look_at(501 + KEEP_ALIVE_S) == 0
