"""What a child holds is told to everybody, over a real server, also where that was away when it was loaded."""

import json

import pytest

from shared.redis import keys
from tests.integration.test_stepping_run import engine, runtime_of, sent
from tests.rig import wait_for

__all__ = ["engine", "sent"]


@pytest.fixture
def runtime(services, engine, sent):
    return runtime_of(services, engine, sent)


def told(services) -> list[str]:
    return [row["model"] for row in json.loads(services.store.redis.get(keys.resident("gpu0")) or "[]")]


def test_a_model_that_was_loaded_while_redis_took_no_writes_is_told_once_it_does(services, engine, runtime):
    runtime.tell_residents()
    services.store.redis.config_set("maxmemory", 1)
    try:
        runtime.residency.engine_for(engine.card, 100)
        runtime.tell_residents()
        before = told(services)
    finally:
        services.store.redis.config_set("maxmemory", 0)

    wait_for(lambda: told(services) == [engine.card.id], what="the model among those that are told")

    assert before == []
