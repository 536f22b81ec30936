"""A traced network answers what the network does, to the last bit, and its Python is not run for it."""

import gc
import weakref

import pytest
import torch
from torch import nn

from shared.errors import CancelRequested
from workers.engines.torch_tools import traced
from workers.engines.torch_tools.torch_threads import between_modules
from workers.engines.torch_tools.traced import Traced


class Halves(nn.Module):
    """Two ways through it, chosen by a size; it counts how often its Python is run."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(8, 8)
        self.register_buffer("shift", torch.linspace(-1, 1, 8))
        self.calls = 0

    def forward(self, x, more=None, *, is_doubled=False):
        self.calls += 1
        mixed = torch.tanh(self.mix(x)) + self.shift
        if x.shape[0] % 2:
            mixed = mixed.flip(0)
        if more is not None:
            mixed = mixed * more["by"]
        return (2 * mixed if is_doubled else mixed, x)


@pytest.fixture
def network() -> Halves:
    return halves()


def halves() -> Halves:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return Halves().eval()


def rows(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 8, generator=torch.Generator().manual_seed(seed))


def python_runs(network: Halves, call) -> int:
    before = network.calls
    call()
    return network.calls - before


@torch.no_grad()
def assert_alike(network: Halves, graph: Traced, *args, **kwargs) -> None:
    for ours, its in zip(graph(*args, **kwargs), network(*args, **kwargs), strict=True):
        assert torch.equal(ours, its)


def test_from_the_second_call_on_no_python_is_run(network):
    graph = Traced(network, after=0)
    graph(rows(4))

    assert python_runs(network, lambda: graph(rows(4, seed=1))) == 0
    assert_alike(network, graph, rows(4, seed=2))


def test_the_network_answers_the_first_calls_of_all(network):
    graph = Traced(network, after=3)

    assert python_runs(network, lambda: [graph(rows(4)) for _ in range(3)]) == 3
    graph(rows(4))
    assert python_runs(network, lambda: graph(rows(4))) == 0


def test_one_graph_serves_all_sizes_that_go_the_same_way(network):
    graph = Traced(network, after=0)
    graph(rows(4))

    assert python_runs(network, lambda: graph(rows(6))) == 1, "its first answer is the network's own"
    assert python_runs(network, lambda: graph(rows(6))) == 0
    assert_alike(network, graph, rows(6, seed=3))


def test_sizes_that_go_another_way_are_not_answered_by_that_graph(network):
    graph = Traced(network, after=0)
    for n in (4, 3, 4, 3):
        assert_alike(network, graph, rows(n, seed=n))

    assert python_runs(network, lambda: graph(rows(3))) == 0


def test_what_is_no_tensor_makes_another_call(network):
    graph = Traced(network, after=0)
    for more in (None, {"by": torch.tensor(3.0)}):
        for is_doubled in (False, True, False):
            assert_alike(network, graph, rows(4), more, is_doubled=is_doubled)


def test_it_follows_weights_that_are_changed_or_replaced(network):
    graph = Traced(network, after=0)
    graph(rows(4))

    with torch.no_grad():
        network.mix.weight.mul_(0.5)
    assert_alike(network, graph, rows(4))
    network.mix.weight = nn.Parameter(torch.eye(8))
    network.shift = torch.zeros(8)
    assert_alike(network, graph, rows(4))

    assert python_runs(network, lambda: graph(rows(4))) == 0


def test_what_a_graph_cannot_tell_stays_with_the_network():
    class Drawing(nn.Module):
        def forward(self, x):
            return x + torch.rand(1)

    graph = Traced(Drawing(), after=0)
    first, *later = (graph(torch.zeros(1)).item() for _ in range(4))

    assert len({first, *later}) == 4


def test_what_answers_no_numbers_is_tried_again(network):
    graph = Traced(network, after=0)
    broken = torch.full((4, 8), float("nan"))
    for _ in range(2):
        assert python_runs(network, lambda: graph(broken)) == 1

    graph(rows(4))

    assert python_runs(network, lambda: graph(rows(4))) == 0


def test_a_graph_that_breaks_is_not_believed(network, monkeypatch):
    graph = Traced(network, after=0)
    graph(rows(4))
    monkeypatch.setattr(graph, "_answered", lambda *_: 1 / 0)

    assert torch.equal(graph(rows(4))[1], rows(4))
    assert python_runs(network, lambda: graph(rows(4))) == 1


def test_what_the_network_refuses_is_raised(network):
    graph = Traced(network, after=0)
    graph(rows(4))

    for _ in range(2):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            graph(torch.zeros(4, 7))


def test_who_looks_in_between_modules_may_stop_what_is_being_written_down(network):
    graph, looks = Traced(network, after=0), iter(range(9))

    def look() -> None:
        if next(looks) == 2:  # the network's own answer takes two
            raise CancelRequested("enough")

    with pytest.raises(CancelRequested), between_modules(look):
        graph(rows(4))

    graph(rows(4))
    assert python_runs(network, lambda: graph(rows(4))) == 0


def test_long_calls_are_not_traced(network, monkeypatch):
    monkeypatch.setattr(traced, "LONG_S", 0.0)
    graph = Traced(network, after=0)
    graph(rows(4))

    assert python_runs(network, lambda: graph(rows(4))) == 1


def test_shapes_are_forgotten_before_they_are_too_many(network, monkeypatch):
    monkeypatch.setattr(traced, "MOST_SHAPES", 2)
    graph = Traced(network, after=0)
    for n in (2, 4, 6):
        graph(rows(n))

    assert python_runs(network, lambda: graph(rows(6))) == 0
    assert python_runs(network, lambda: graph(rows(2))) == 1


def test_nothing_is_kept_of_a_network_that_is_gone():
    network = halves()
    graph, weights = Traced(network, after=0), weakref.ref(network.mix.weight)
    for _ in range(2):
        graph(rows(4))

    del network, graph
    gc.collect()

    assert weights() is None
