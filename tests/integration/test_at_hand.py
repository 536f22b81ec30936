"""Models that stay loaded, over a real server."""

import json

import pytest

from api.services import Services
from shared.contracts.jobs import State
from shared.jobs.routing import own_queue_of
from shared.redis import keys
from tests.workers_played import start, succeed
from workers.control.at_hand import AGAIN_AFTER_S, AtHand
from workers.control.keep_alive import OwnCommands


class Watched:
    """With a clock of its own."""

    def __init__(self, services: Services) -> None:
        self.services, self.now_s = services, 0.0
        commands = OwnCommands("words0", services.store, services.dispatcher)
        self.at_hand = AtHand(("words",), commands, clock_s=lambda: self.now_s)

    def tell(self, *residents: dict[str, object]) -> None:
        self.services.store.redis.set(keys.resident("words0"), json.dumps(residents))

    def look_at(self, now_s: float) -> int:
        self.now_s = now_s
        self.at_hand.look()
        return self.services.store.queue_depths().get(own_queue_of("words0"), 0)

    def end_command(self) -> None:
        [command] = self.services.store.ids_between(State.QUEUED, 0, 0)
        start(self.services, command)
        succeed(self.services, command)


@pytest.fixture
def watched(services: Services) -> Watched:
    return Watched(services)


LOADED = {"model": "words", "held_mib": 87, "pinned": True}


def test_what_is_not_loaded_is_loaded_and_pinned_by_one_command(watched, services):
    assert [watched.look_at(at_s) for at_s in (0, 1, 2)] == [1, 1, 1]

    [command] = services.store.ids_between(State.QUEUED, 0, 0)
    record = services.store.get(command)
    assert (record.kind, record.model, record.params) == ("switch", "words", {"pin": True})


def test_a_child_that_came_back_empty_gets_it_again_at_once(watched):
    watched.look_at(0)
    watched.end_command()
    watched.tell(LOADED)
    assert watched.look_at(1) == 0

    watched.tell()

    assert watched.look_at(2) == 1


def test_what_did_not_load_is_not_tried_all_the_time(watched):
    watched.look_at(0)
    watched.end_command()

    assert [watched.look_at(at_s) for at_s in (1, AGAIN_AFTER_S - 1, AGAIN_AFTER_S)] == [0, 0, 1]


def test_one_that_is_loaded_but_might_leave_is_pinned(watched):
    watched.tell(LOADED | {"pinned": False})

    assert watched.look_at(0) == 1
