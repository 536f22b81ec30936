"""kombu reads queues as the provider says."""

import pytest

from workers.control.queue_order import NOTHING, ReaderOrder, set_provider


class Fixed:
    """A provider with an order of its own."""

    def __init__(self, *queues: str) -> None:
        self.queues, self.taken = list(queues), []

    def order(self, queues):
        return [queue for queue in self.queues if queue in queues]

    def served(self, queue):
        self.taken.append(queue)


@pytest.fixture
def provided():
    yield set_provider
    set_provider(None)


def test_without_a_provider_queues_are_read_in_turns():
    reader = ReaderOrder()
    reader.update(["a", "b", "c"])

    reader.rotate("a")

    assert reader.consume(3) == ["b", "c", "a"]


def test_an_update_keeps_the_order_of_the_queues_that_stay():
    reader = ReaderOrder(["a", "b", "c"])
    reader.rotate("a")

    reader.update(["a", "c", "d"])

    assert reader.consume(3) == ["c", "a", "d"]


def test_the_provider_decides_the_order_and_hears_what_was_taken(provided):
    provider = Fixed("b", "a")
    provided(provider)
    reader = ReaderOrder(["a", "b"])

    reader.rotate("b")

    assert reader.consume(2) == ["b", "a"]
    assert provider.taken == ["b"]


def test_a_worker_that_may_take_nothing_listens_to_a_queue_that_nobody_fills(provided):
    provided(Fixed())

    assert ReaderOrder(["a"]).consume(1) == [NOTHING]


def test_a_channel_without_queues_reads_none(provided):
    provided(Fixed("a"))

    assert ReaderOrder().consume(0) == []
