"""Bells of clients that left."""

import socket
import threading

from api.services.departures import Departures, has_left

LIMIT_S = 60


def test_a_client_that_closes_rings_its_bell_and_no_other():
    departures, bells = Departures(), [threading.Event(), threading.Event()]
    (first, first_client), (second, second_client) = socket.socketpair(), socket.socketpair()
    with departures.ring(first, bells[0]), departures.ring(second, bells[1]):
        first_client.close()

        assert bells[0].wait(LIMIT_S)
        assert has_left(first)
        assert not bells[1].is_set()
        assert not has_left(second)
    second_client.close()


def test_a_connection_may_be_watched_again_by_its_next_request():
    departures, bell = Departures(), threading.Event()
    ours, client = socket.socketpair()
    with departures.ring(ours, threading.Event()):
        pass
    with departures.ring(ours, bell):
        client.close()

        assert bell.wait(LIMIT_S)


def test_an_unknown_connection_never_leaves():
    with Departures().ring(None, threading.Event()):
        assert not has_left(None)
