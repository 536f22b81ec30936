"""Which tickets never reach the child."""

from typing import Any

import pytest

from workers.control import tickets


class Consumer:
    """Stands for Celery's: what a strategy asks of it."""

    connection_errors = (ConnectionError,)


class Message:
    def __init__(self, job_id: str) -> None:
        self.headers = {"id": job_id}
        self.delivery_info = {"exchange": "", "routing_key": "m.normal"}


@pytest.fixture
def handed_on(monkeypatch) -> list[str]:
    """Ids of the messages that went on to the pool."""
    passed: list[str] = []
    monkeypatch.setattr(
        tickets, "default", lambda *_, **__: lambda message, *_, **__: passed.append(message.headers["id"])
    )
    yield passed
    tickets.set_stale(None)


def deliver(job_id: str) -> list[Any]:
    """Deliver one message; returns what it was acknowledged with."""
    acks: list[Any] = []
    handle = tickets.strategy(None, None, Consumer())
    handle(Message(job_id), None, lambda *words: acks.append(words), None, [])
    return acks


def test_a_ticket_whose_job_is_taken_is_acknowledged_and_goes_no_further(handed_on):
    tickets.set_stale(lambda job_id, queue: (job_id, queue) == ("taken", "m.normal"))

    acks = deliver("taken")

    assert acks[0][1] == Consumer.connection_errors
    assert not handed_on


def test_a_ticket_whose_job_waits_goes_to_the_child_unacknowledged(handed_on):
    tickets.set_stale(lambda job_id, queue: (job_id, queue) == ("taken", "m.normal"))

    assert not deliver("waiting")
    assert handed_on == ["waiting"]


def test_before_the_worker_knows_the_store_every_ticket_goes_to_the_child(handed_on):
    assert not deliver("any")
    assert handed_on == ["any"]
