"""Calls of a network without Python between its operators.

A call of a network of a thousand small modules is to a good part Python: a third of a pass of two rows of the toy, and tens of
milliseconds of one at full size, which on a quick card is the time that it waits to be told what to do. And Python gives its
lock away at every operator, so whatever other threads do (storing, telling, looking at queues) goes from that call's time.

So the operators of a call are written down once (a TorchScript graph) and then run from C++, with the lock free. They are the
same operators on the same numbers in the same order, so what they answer is the same to the last bit. That is not taken on
trust: for each shape of inputs the network itself is called first, and the graph must answer as it did, or that shape stays
with the network. Writing a graph down takes as long as a few dozen calls gain, so it is done after as many.

Weights are inputs of the graph, looked up at each call: it holds none, and follows whatever takes a weight's place. What it
cannot follow is another course through the network's Python (hooks that come later, a scale that is a Python number):
whoever changes that begins with a new `Traced`.

The limits we know of: a call that takes `LONG_S` is not traced, because nothing would be won; the graph takes host memory (30 MiB
for the toy), most of it for where each operator came from.
"""

import time
import warnings
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from shared.errors import Signal
from shared.log import logger
from workers.engines.torch_tools.host_copy import places_of

#: Calls before the first graph is written down: what that takes, over what a call gains (the toy: 0.15 s, 4.5 ms).
AFTER = 32
#: From here on Python is no share worth naming of a call (seconds).
LONG_S = 0.5
#: Shapes that are remembered; then all are tried again.
MOST_SHAPES = 512
#: Graphs that are kept: one serves many shapes, a call of another form wants another.
MOST_GRAPHS = 4


@dataclass(frozen=True)
class Call:
    """What a network is asked, taken apart."""

    leaves: Sequence[Any]
    structure: pytree.TreeSpec

    @property
    def tensors(self) -> list[Tensor]:
        return [leaf for leaf in self.leaves if isinstance(leaf, Tensor)]

    @property
    def shape(self) -> Hashable:
        """What calls that run alike have in common."""
        kinds = ((leaf.shape, leaf.dtype, leaf.device) if isinstance(leaf, Tensor) else leaf for leaf in self.leaves)
        return self.structure, tuple(kinds)

    def of(self, network: Callable[..., Any], tensors: Sequence[Tensor]) -> Any:
        """What it answers to these tensors in the place of ours."""
        coming = iter(tensors)
        leaves = [next(coming) if isinstance(leaf, Tensor) else leaf for leaf in self.leaves]
        args, kwargs = pytree.tree_unflatten(leaves, self.structure)
        return network(*args, **kwargs)


@dataclass(frozen=True)
class Graph:
    """The operators of a call."""

    run: Callable[..., Any]
    #: How what it answers is put together.
    structure: pytree.TreeSpec


class Traced:
    """One network, to be called as it is. It must compute nothing but what it is given, and return tensors.

    Raises whatever the network does: a graph that fails is not believed, the network is asked then.
    """

    def __init__(self, network: nn.Module, after: int = AFTER) -> None:
        """
        Args:
            after: calls that the network answers before the first graph is written down.
        """
        self._network = network
        self._calls_left = after
        #: Whoever looks in between modules (`between_modules`) looks here before a graph runs.
        self._door = nn.Identity()
        self._weights = _weights_of(network)
        #: Those that answered right for some shape.
        self._graphs: list[Graph] = []
        #: None: the network itself is called.
        self._by_shape: dict[Hashable, Graph | None] = {}

    @torch.no_grad()
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the network answers to that."""
        call = Call(*pytree.tree_flatten((args, kwargs)))
        shape = call.shape
        if self._calls_left > 0:
            self._calls_left -= 1
            return self._network(*args, **kwargs)
        if shape not in self._by_shape:
            return self._first(call, shape)
        graph = self._by_shape[shape]
        if graph is None:
            return self._network(*args, **kwargs)
        self._door(None)
        try:
            return self._answered(graph, call)
        except Exception as exc:
            answer = self._network(*args, **kwargs)
            self._by_shape[shape] = None
            logger().warning("pass.not_traced", reason=_said(exc))
            return answer

    def _first(self, call: Call, shape: Hashable) -> Any:
        """The first call of a shape: the network's own; from the next one on the graph's that answers like it."""
        began_s = time.perf_counter()
        answer = call.of(self._network, call.tensors)
        is_long = time.perf_counter() - began_s >= LONG_S
        if not is_long and not all(leaf.isfinite().all() for leaf in pytree.tree_leaves(answer)):
            return answer  # what is no number equals nothing: the next call tells
        if len(self._by_shape) >= MOST_SHAPES:
            self._by_shape.clear()
        self._by_shape[shape] = None if is_long else self._graph_for(call, answer)
        return answer

    def _graph_for(self, call: Call, answer: Any) -> Graph | None:
        """A graph that answers this call so; None: there is none."""
        for graph in self._graphs:
            if self._is_right(graph, call, answer):
                return graph
        try:
            graph = Graph(self._operators(call), pytree.tree_structure(answer))
        except Signal:  # whoever looks in between modules has had enough
            raise
        except Exception as exc:  # TorchScript cannot write everything down
            logger().warning("pass.not_traced", reason=_said(exc))
            return None
        if not self._is_right(graph, call, answer):
            logger().warning("pass.not_traced", reason="it answered something else than the network")
            return None
        self._graphs = [*self._graphs, graph][-MOST_GRAPHS:]
        return graph

    def _is_right(self, graph: Graph, call: Call, answer: Any) -> bool:
        try:
            answered = self._answered(graph, call)
        except Exception:  # it was of another form, or of sizes that go another way
            return False
        pairs = zip(pytree.tree_leaves(answered), pytree.tree_leaves(answer), strict=True)
        return all(ours.stride() == theirs.stride() and torch.equal(ours, theirs) for ours, theirs in pairs)

    def _answered(self, graph: Graph, call: Call) -> Any:
        with torch.jit.optimized_execution(False):  # as they stand: operators that are fused round otherwise
            leaves = graph.run(*call.tensors, *(owner[name] for owner, name in self._weights))
        return pytree.tree_unflatten(leaves, graph.structure)

    def _operators(self, call: Call) -> Callable[..., Any]:
        """Of this call, written down. `torch.jit.trace` would keep each graph until the process ends."""
        inputs, many = (*call.tensors, *(owner[name] for owner, name in self._weights)), len(call.tensors)

        def flat(*given: Tensor) -> tuple[Any, ...]:
            return tuple(pytree.tree_leaves(call.of(self._network, given[:many])))

        # Each size that Python decides by is one; whether another call decides alike, its first answer says.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        graph, _ = torch._C._create_graph_by_tracing(flat, inputs, lambda _: "", True, False, None, [])
        torch._C._jit_pass_inline(graph)
        return torch._C._create_function_from_graph("forward", graph)


def _weights_of(network: nn.Module) -> list[tuple[dict[str, Any], str]]:
    """Where each lies; those that several parts share once."""
    found = []
    for place in places_of(network):
        assert isinstance(place.owner, nn.Module)
        lists: tuple[Any, Any] = (place.owner._parameters, place.owner._buffers)
        found.append((next(each for each in lists if place.name in each), place.name))
    return found


def _said(exc: Exception) -> str:
    return f"{type(exc).__name__}: {str(exc)[-300:]}"
