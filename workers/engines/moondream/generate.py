"""Requests to events: strands come as seats are free, take turns together, and each answer is told as it ends."""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from workers.engines.moondream.network import Network
from workers.engines.moondream.requests import Delta, Event, Finished
from workers.engines.moondream.seating import Seating
from workers.engines.moondream.strands import Strand

#: Called before every turn with its number. It may raise to stop everything, or return the indices of requests that
#: nobody waits for any more: they end as cancelled and the others go on.
OnStep = Callable[[int], Collection[int] | None]


def generate(network: Network, strands: Iterable[Strand], seats: int, on_step: OnStep | None = None) -> Iterator[Event]:
    """Words as they come and each answer as it ends; the next strand joins when one has left."""
    coming, seating = iter(strands), Seating(network, seats)
    for step in itertools.count():
        seating.sit(list(itertools.islice(coming, seating.free)))
        there = sorted(seating.seated, key=lambda one: one.index)
        if not there:
            return
        cancel(there, on_step(step) if on_step else None)
        seating.turn(there)
        for one in there:
            yield from news(one)


def cancel(strands: Sequence[Strand], unwanted: Collection[int] | None) -> None:
    for one in strands:
        if unwanted and one.index in unwanted:
            one.script.end("cancelled")


def news(one: Strand) -> Iterator[Event]:
    """What a strand has said since the last turn, and its answer if it has ended."""
    for text, is_reasoning in one.script.deltas():
        yield Delta(one.index, text, is_reasoning)
    if one.has_ended:
        yield Finished(one.index, one.script.answer(one.prompt_tokens))
