"""The first key of a new house is made once, whoever starts how often."""

import threading

import pytest

from api.cli.first_key import make_first_key
from api.services import build_services
from shared.accounts.audit import COMMAND_LINE
from shared.accounts.key_text import parse_key_text
from shared.contracts.access import LOCAL, Role
from shared.errors import RedisUnavailable
from shared.redis import keys
from tests.integration.jobs import lose_answers


def made(settings) -> list[str]:
    """What is said."""
    said: list[str] = []
    make_first_key(settings, said.append)
    return said


def test_it_is_the_local_administrators_and_opens_everything(settings, services):
    text = made(settings)[0].split()[1]

    caller = services.access.caller_of(text)
    assert (caller.person, caller.role) == (LOCAL, Role.ADMIN)


def test_it_is_made_once_also_when_it_is_revoked(settings, services):
    key = parse_key_text(made(settings)[0].split()[1])
    services.keys.revoke(key.id, COMMAND_LINE)

    assert made(settings) == []


def test_of_several_that_start_at_once_one_makes_it_and_all_go_on(settings, services):
    said, ready = [], threading.Barrier(6)

    def start() -> None:
        ready.wait()
        said.extend(made(settings))

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([line for line in said if "dr_" in line]) == 1
    assert len(services.keys.page(None, 10)[0]) == 1


def test_it_is_made_also_where_the_answer_to_the_lock_was_lost(settings, services, monkeypatch):
    lock = keys.lock("first-key")
    lost = lose_answers(monkeypatch, lambda answer: answer == b"OK" and services.store.redis.exists(lock))

    said = made(settings)

    assert lost() == 1
    assert "dr_" in said[0]


def test_with_keys_of_the_environment_none_is_made(settings):
    keyed = settings.model_copy(update={"api_keys": ("root:key",)})

    assert made(keyed) == []
    assert not build_services(settings).access.is_closed()


def test_without_redis_it_does_not_start(settings):
    with pytest.raises(RedisUnavailable):
        made(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
