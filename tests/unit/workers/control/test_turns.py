"""A run is told whose turn it is by now, as the reader sees it."""

import pytest

from shared.errors import RedisUnavailable
from workers.control.affinity import QueueState, View
from workers.control.queue_order import Reader, Reads
from workers.control.turns import Turns

QUEUES = ["sdxl.high", "sdxl.normal", "moondream.normal", "@gpu0.high"]


class Registry:
    """Remembers what it was told; may be away."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.is_away = False

    def tell_turn(self, name: str, model: str) -> None:
        if self.is_away:
            raise RedisUnavailable("away")
        self.told.append((name, model))


class Says:
    """A reader whose word is a model."""

    def __init__(self) -> None:
        self.model, self.asked = "", []

    def turn(self, queues) -> str:
        self.asked.append(list(queues))
        return self.model


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def reader() -> Says:
    return Says()


@pytest.fixture
def has_jobs() -> list[bool]:
    return [True]


@pytest.fixture
def turns(registry, reader, has_jobs) -> Turns:
    return Turns("gpu0", registry, reader, queues=QUEUES, has_jobs=lambda: has_jobs[-1])


def test_a_busy_worker_tells_whose_turn_it_is_each_time_for_it_is_soon_forgotten(turns, registry, reader):
    reader.model = "moondream"

    turns.look()
    turns.look()

    assert registry.told == [("gpu0", "moondream")] * 2
    assert reader.asked[0] == QUEUES


def test_where_it_is_nobodys_turn_nothing_is_written(turns, registry):
    turns.look()

    assert registry.told == []


def test_a_turn_that_is_over_is_taken_back_once(turns, registry, reader):
    reader.model = "moondream"
    turns.look()
    reader.model = ""

    turns.look()
    turns.look()

    assert registry.told == [("gpu0", "moondream"), ("gpu0", "")]


def test_an_idle_worker_asks_nobody_and_takes_back_what_it_told(turns, registry, reader, has_jobs):
    reader.model = "moondream"
    turns.look()
    has_jobs.append(False)

    turns.look()

    assert registry.told[-1] == ("gpu0", "")
    assert len(reader.asked) == 1


def test_what_redis_did_not_take_is_taken_back_later_all_the_same(turns, registry, reader):
    reader.model = "moondream"
    turns.look()
    reader.model, registry.is_away = "", True
    with pytest.raises(RedisUnavailable):
        turns.look()
    registry.is_away = False

    turns.look()

    assert registry.told == [("gpu0", "moondream"), ("gpu0", "")]


# -- the reader's word -------------------------------------------------------------------------------------------------


class Client:
    """A server that is asked nothing."""

    def register_script(self, text: str) -> None:
        return None


class Store:
    redis = Client()


def reader_of(*residents: str, **queues: QueueState) -> Reader:
    """A reader that looked just now, and saw these."""
    reader = Reader("gpu0", Store(), None, None, max_wait_s=3.0, clock_s=lambda: 0.0, can_work=lambda: True)
    seen = {name.replace("_", ".").replace("own", "@gpu0"): state for name, state in queues.items()}
    reader._view = View(now_ms=10_000, max_wait_s=3.0, queues=seen, residents=frozenset(residents))
    reader._looked_at_s = 0.0
    return reader


def ready(since_ms: int = 9_000) -> QueueState:
    return QueueState(1, since_ms, 0.0)


def test_it_is_the_turn_of_the_model_whose_queue_would_be_read():
    both = {"sdxl_normal": ready(), "moondream_normal": ready()}

    assert reader_of("moondream", **both).turn(QUEUES) == "moondream"
    assert reader_of("sdxl", **both).turn(QUEUES) == "sdxl"


def test_a_queue_without_jobs_has_no_turn():
    assert reader_of(moondream_normal=ready()).turn(QUEUES) == "moondream"
    assert reader_of().turn(QUEUES) == ""


def test_a_job_for_the_worker_by_name_has_its_turn():
    assert reader_of(own_high=ready(), sdxl_normal=ready()).turn(QUEUES) == "@gpu0"


def test_a_reader_that_reads_nothing_gives_nobody_the_turn():
    paused, limited = reader_of(sdxl_normal=ready()), reader_of(sdxl_normal=ready())
    paused.pause(True)
    limited.limit(Reads.NOTHING)

    assert (paused.turn(QUEUES), limited.turn(QUEUES)) == ("", "")


def test_one_that_reads_commands_alone_gives_no_model_the_turn():
    reader = reader_of(sdxl_normal=ready())
    reader.limit(Reads.COMMANDS)

    assert reader.turn(QUEUES) == ""
