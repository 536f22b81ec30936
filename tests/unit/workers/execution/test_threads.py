"""How many threads a model gets: measured in turn, the quickest of each counts, never longer than it may take."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import nn

from shared.errors import CancelRequested, Fenced
from workers.devices.thread_book import Circumstances, ThreadBook
from workers.execution import threads
from workers.execution.threads import AGAIN_S, LEAST_S, MOST_S, Compared, Stopclock, Threads, compare

HERE = Circumstances(host="attic", cpu="a CPU", cores=4, workers=1, libraries="torch 1", weights="w")


@pytest.fixture(autouse=True)
def threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class Clock:
    """Of the wall; the processor's stands still while others are at work."""

    now_s = 0.0
    cpu_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def cpu(self) -> float:
        return self.cpu_s

    def work(self, takes_s: float, threads: int = 1, noise_s: float = 0.0) -> None:
        self.cpu_s += takes_s * threads
        self.now_s += takes_s + noise_s


@dataclass
class Played:
    """An engine whose calls take what the test says, by torch's threads; `noise_s` is added to each in turn."""

    clock: Clock
    takes_s: dict[int, float]
    noise_s: tuple[float, ...] = (0.0,)
    calls: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    card: object = type("Card", (), {"id": "toy"})

    def held_mib(self) -> int:
        return 1

    def close(self) -> None:
        return None

    def set_threads(self, threads: int) -> None:
        self.told.append(threads)

    def smallest_call(self) -> None:
        count = torch.get_num_threads()
        self.clock.work(self.takes_s[count], count, self.noise_s[len(self.calls) % len(self.noise_s)])
        self.calls.append(count)


@dataclass
class Rig:
    tmp_path: object
    counts: tuple[int, ...] = (1, 2, 4)
    here: Circumstances = HERE

    def __post_init__(self) -> None:
        self.clock = Clock()

    def threads(self) -> Threads:
        return Threads(self.counts, ThreadBook(self.tmp_path), lambda model: self.here, self.clock, self.clock.cpu)

    def engine(self, takes_s, **more) -> Played:
        return Played(self.clock, takes_s, **more)


@pytest.fixture
def rig(tmp_path) -> Rig:
    return Rig(tmp_path)


def wanted() -> None:
    return None


SMALL = {1: 0.010, 2: 0.025, 4: 0.060}
LARGE = {1: 0.400, 2: 0.210, 4: 0.120}


@pytest.mark.parametrize(("takes_s", "expected"), [(SMALL, 1), (LARGE, 4), ({1: 0.02, 2: 0.01, 4: 0.03}, 2)])
def test_a_model_gets_the_count_it_is_quickest_with(rig, takes_s, expected):
    engine = rig.engine(takes_s)

    assert rig.threads().settle(engine, "fp32", wanted) == expected
    assert torch.get_num_threads() == expected
    assert engine.told[-1] == expected


def test_noise_that_hits_most_calls_does_not_change_the_choice(rig):
    engine = rig.engine(SMALL, noise_s=(0.05, 0.0, 0.3, 0.2, 0.1, 0.08, 0.0))

    assert rig.threads().settle(engine, "fp32", wanted) == 1


def test_counts_take_turns_and_their_order_changes(rig):
    engine = rig.engine(SMALL)

    rig.threads().settle(engine, "fp32", wanted)

    assert engine.calls[:7] == [4, 1, 2, 4, 4, 2, 1]


def test_fewer_threads_win_where_more_are_hardly_quicker():
    assert Compared({1: 1.00, 2: 0.98, 4: 0.99}, True).best(4) == 1
    assert Compared({1: 1.00, 2: 0.90, 4: 0.89}, True).best(4) == 2


BUSY = (3.0, 0.2, 0.7, 0.4, 1.5, 0.9, 0.3, 0.55)


def test_beside_other_programs_a_small_model_gets_one_thread_whoever_was_lucky(rig):
    engine = rig.engine(SMALL, noise_s=(2.0, 0.8, 0.0, 0.5))

    assert rig.threads().settle(engine, "fp32", wanted) == 1


def test_what_was_measured_beside_other_programs_is_not_kept_and_measured_again_later(rig):
    ours, engine = rig.threads(), rig.engine(LARGE, noise_s=BUSY)
    first = ours.settle(engine, "fp32", wanted)
    calls = len(engine.calls)
    engine.noise_s = (0.0,)

    assert ours.settle(engine, "fp32", wanted) == first
    assert len(engine.calls) == calls
    rig.clock.now_s += AGAIN_S

    assert ours.settle(engine, "fp32", wanted) == 4
    assert [row.threads for row in ThreadBook(rig.tmp_path).rows()] == [4]


def test_a_model_too_large_to_compare_is_kept_only_where_nobody_else_took_the_time(rig):
    rig.threads().settle(rig.engine({1: 0.02, 2: 0.01, 4: 0.01}, noise_s=(5.0,)), "fp32", wanted)
    assert ThreadBook(rig.tmp_path).rows() == []

    rig.threads().settle(rig.engine({1: 12.0, 2: 6.0, 4: 3.0}), "fp32", wanted)
    assert [row.threads for row in ThreadBook(rig.tmp_path).rows()] == [4]


def test_small_models_are_measured_for_half_a_second_and_none_longer_than_five(rig):
    for takes_s, limit_s in ((SMALL, LEAST_S + 0.2), ({1: 3.0, 2: 1.5, 4: 0.8}, MOST_S), ({1: 80, 2: 40, 4: 20}, 20)):
        spent = Stopclock(rig.clock, rig.clock.cpu)
        compare(rig.counts, lambda count, takes_s=takes_s: call(rig.clock, takes_s[count], count), spent)

        assert spent.wall_s <= limit_s


def call(clock: Clock, takes_s: float, threads: int) -> float:
    clock.work(takes_s, threads)
    return takes_s


def test_a_model_too_large_to_compare_gets_all_threads(rig):
    assert rig.threads().settle(rig.engine({1: 12.0, 2: 6.0, 4: 3.0}), "fp32", wanted) == 4


def test_what_was_measured_is_kept_for_the_next_process(rig):
    rig.threads().settle(rig.engine(SMALL), "fp32", wanted)
    other = rig.engine(LARGE)

    assert rig.threads().settle(other, "fp32", wanted) == 1
    assert other.calls == []


@pytest.mark.parametrize("change", [{"weights": "x"}, {"workers": 2}, {"libraries": "torch 2"}, {"host": "b"}])
def test_when_something_changed_it_is_measured_again(rig, change):
    rig.threads().settle(rig.engine(SMALL), "fp32", wanted)
    rig.here = HERE.model_copy(update=change)

    assert rig.threads().settle(rig.engine(LARGE), "fp32", wanted) == 4


def test_each_precision_is_measured_for_itself(rig):
    rig.threads().settle(rig.engine(SMALL), "fp32", wanted)

    assert rig.threads().settle(rig.engine(LARGE), "nf4", wanted) == 4


def test_a_loaded_model_keeps_its_count_between_others(rig):
    ours, small, large = rig.threads(), rig.engine(SMALL), rig.engine(LARGE)
    large.card = type("Card", (), {"id": "large"})
    for engine in (small, large):
        ours.settle(engine, "fp32", wanted)
    calls = len(small.calls)

    assert (ours.settle(small, "fp32", wanted), torch.get_num_threads()) == (1, 1)
    assert (ours.settle(large, "fp32", wanted), torch.get_num_threads()) == (4, 4)
    assert len(small.calls) == calls
    assert (ours.of("toy"), ours.of("large"), ours.of("other")) == (1, 4, None)


def test_one_count_is_taken_as_it_is(rig):
    rig.counts = (3,)
    engine = rig.engine(LARGE)

    assert rig.threads().settle(engine, "fp32", wanted) == 3
    assert engine.calls == []
    assert torch.get_num_threads() == 3


def test_an_engine_that_cannot_be_measured_gets_all_threads(rig):
    class Foreign:
        card = Played.card

        def held_mib(self):
            return 1

        def close(self):
            return None

    assert rig.threads().settle(Foreign(), "fp32", wanted) == 4


@pytest.mark.parametrize("error", [ValueError("broken"), MemoryError()])
def test_a_measurement_that_fails_costs_no_job_and_is_not_kept(rig, error):
    engine = rig.engine(SMALL)
    good, engine.smallest_call = engine.smallest_call, lambda: (_ for _ in ()).throw(error)

    assert rig.threads().settle(engine, "fp32", wanted) == 4
    engine.smallest_call = good
    assert rig.threads().settle(engine, "fp32", wanted) == 1


@pytest.mark.parametrize("stop", [CancelRequested("enough"), Fenced("another's")])
def test_a_job_that_nobody_wants_any_more_ends_the_measurement_and_the_next_one_makes_it(rig, stop):
    def gone() -> None:
        raise stop

    ours, engine = rig.threads(), rig.engine(SMALL)
    with pytest.raises(type(stop)):
        ours.settle(engine, "fp32", gone)

    assert ours.settle(engine, "fp32", wanted) == 1


class Network(Played):
    """An engine of torch modules, each of which takes its time."""

    def smallest_call(self) -> None:
        class Slow(nn.Module):
            def forward(inner, x):
                self.clock.work(1.0)
                self.calls.append(1)
                return x

        nn.Sequential(*[Slow() for _ in range(60)])(torch.ones(1))


def test_a_single_call_that_never_ends_is_stopped_between_its_modules_and_beats_until_then(rig):
    engine, beats = Network(rig.clock, {}), []

    assert rig.threads().settle(engine, "fp32", lambda: beats.append(rig.clock.now_s)) == 4
    assert rig.clock.now_s <= MOST_S + 1.0
    assert len(beats) > MOST_S
    assert torch.get_num_threads() == 4


def test_nothing_looks_on_once_it_is_measured(rig):
    beats = []
    rig.threads().settle(Network(rig.clock, {}), "fp32", lambda: beats.append(1))
    count = len(beats)

    nn.Linear(2, 2)(torch.ones(2))

    assert len(beats) == count


def test_more_threads_must_be_worth_a_bit():
    assert 0.9 < threads.WORTH < 1
