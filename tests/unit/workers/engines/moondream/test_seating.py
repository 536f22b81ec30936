"""Whoever joins, leaves, rests or is cancelled when: every answer is the one it would have been alone."""

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from workers.engines.moondream.config import TINY
from workers.engines.moondream.model import Moondream
from workers.engines.moondream.network import Network, initialise
from workers.engines.moondream.requests import (
    CaptionRequest,
    DetectRequest,
    PointRequest,
    Prefix,
    QueryRequest,
    Sampling,
)
from workers.engines.moondream.seating import Seating
from workers.engines.moondream.strands import Strand, read_together
from workers.engines.moondream.tokenizer import small_tokenizer
from workers.engines.moondream.toy import prefer_letters

GREEDY = Sampling(temperature=0.0, max_tokens=20)
REFS = ((0.2, 0.7), (0.1, 0.2, 0.5, 0.9))


def a_model(seed: int, **sizes: int) -> Moondream:
    network, tokenizer = Network(replace(TINY, text=replace(TINY.text, **sizes))), small_tokenizer()
    initialise(network.requires_grad_(False), seed)
    prefer_letters(network, tokenizer)
    return Moondream(network, tokenizer)


def requests_of(model: Moondream) -> list:
    """Of every kind, with prompts and answers of different lengths, the likeliest words and drawn ones."""
    shades = [Image.new("RGB", size, (70 * n, 90, 200 - 60 * n)) for n, size in enumerate([(60, 50), (150, 90)])]
    one, other = model.encode(shades)
    asked = []
    for seed, sampling in enumerate([GREEDY, Sampling(1.0, 1.0, 30, seed=5), Sampling(1.5, 0.9, 7, seed=2**40 + 1)]):
        asked += [
            CaptionRequest(one, "short", replace(sampling, max_tokens=3 + 9 * seed)),
            CaptionRequest(other, "long", sampling),
            QueryRequest(other, "What colour is the sky above the harbour?" * (1 + seed), sampling=sampling),
            QueryRequest(one, "Why?", reasoning=True, sampling=sampling),
            QueryRequest(one, "And here?", spatial_refs=REFS, sampling=sampling),
            QueryRequest(None, "Who are you, and who is there beside you?", sampling=sampling),
        ]
    return [*asked, DetectRequest(other, "cat", max_objects=3), PointRequest(one, "a red lamp", max_objects=5)]


class Alone:
    """A model, what is asked of it, and the answers it gives to each alone."""

    def __init__(self, model: Moondream) -> None:
        self.model, self.requests = model, requests_of(model)
        self.answers = [model.answer([request])[0] for request in self.requests]

    def strand(self, number: int) -> Strand:
        return self.model.strand(self.requests[number], number)


@pytest.fixture(scope="module")
def models() -> list[Alone]:
    """With as many heads for keys as for questions, and with fewer."""
    torch.set_num_threads(1)
    return [Alone(a_model(seed=0)), Alone(a_model(seed=1, kv_heads=2, layers=2))]


def answer_of(strand: Strand):
    return strand.script.answer(strand.prompt_tokens)


class Table:
    """Strands that come, take turns, rest and go as they are told; a number names whom."""

    def __init__(self, alone: Alone, numbers: list[int], seats: int) -> None:
        self.seating = Seating(alone.model.network, seats)
        self.outside = [alone.strand(number) for number in numbers]
        self.inside: list[Strand] = []
        self.all = list(self.outside)
        self.dropped: set[Strand] = set()

    def join(self, many: int) -> None:
        """Without a seat yet."""
        coming, self.outside = self.outside[:many], self.outside[many:]
        self.inside += coming

    def sit(self, many: int) -> None:
        coming = self.outside[: min(many, self.seating.free)]
        self.seating.sit(coming)
        self.join(len(coming))

    def turns(self, many: int) -> None:
        """Of some, who are other ones each time."""
        self.inside = self.inside[many % (len(self.inside) or 1) :] + self.inside[: many % (len(self.inside) or 1)]
        for _ in range(many):
            self.turn(1 + many % self.seating.seats)

    def turn(self, rows: int) -> None:
        self.seating.turn(self.inside[: min(rows, self.seating.seats)])
        self.inside = [one for one in self.inside if not one.has_ended]

    def rest(self, seats: int) -> None:
        """Everybody; then there are so many seats."""
        self.seating.take_out(self.seating.seated)
        self.seating.seats = 1 + seats % 5

    def cancel(self, whom: int) -> None:
        """Ended, and found out at its next turn."""
        if self.inside:
            gone = self.inside[whom % len(self.inside)]
            gone.script.end("cancelled")
            self.dropped.add(gone)

    def leave(self, whom: int) -> None:
        """Taken away."""
        if self.inside:
            gone = self.inside.pop(whom % len(self.inside))
            gone.script.end("cancelled")
            self.dropped.add(gone)
            self.seating.leave([gone])


ACTIONS = ("join", "sit", "turns", "turns", "turns", "rest", "cancel", "leave")


@settings(max_examples=80, deadline=None)
@given(
    model=st.integers(0, 1),
    numbers=st.lists(st.integers(0, 19), min_size=1, max_size=9),
    seats=st.integers(1, 5),
    does=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(1, 9)), max_size=25),
)
def test_in_any_company_every_answer_is_the_one_it_is_alone(models, model, numbers, seats, does):
    alone = models[model]
    table = Table(alone, numbers, seats)

    for action, number in does:
        getattr(table, action)(number)
        assert len(table.seating.seated) <= table.seating.seats
        assert not any(one.has_ended and one not in table.dropped for one in table.seating.seated)
    table.join(len(numbers))
    while table.inside:
        table.turn(table.seating.seats)

    table.seating.leave(list(table.dropped))
    assert not table.seating.seated
    assert table.seating.nbytes == 0
    for one in table.all:
        if one in table.dropped:
            assert answer_of(one).ended == "cancelled"
        else:
            assert answer_of(one) == alone.answers[one.index]


@settings(max_examples=30, deadline=None)
@given(
    model=st.integers(0, 1),
    numbers=st.lists(st.integers(0, 19), min_size=1, max_size=4),
    seed=st.integers(0, 10**6),
)
def test_a_turn_that_breaks_off_anywhere_can_be_made_again(models, model, numbers, seed):
    """By running out of memory in a pass, before the words are chosen, or before places are."""
    alone = models[model]
    network = alone.model.network
    strands = [alone.strand(number) for number in numbers]
    seating, chance = Seating(network, len(strands)), random.Random(seed)

    def refusing(does):
        def maybe(*args):
            if chance.random() < 0.15:
                raise MemoryError
            return does(*args)

        return maybe

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in [(network.text, "forward"), (network.text, "logits"), (network.region, "decode_coord")]:
            patch.setattr(owner, name, refusing(getattr(owner, name)))
        while going := [one for one in strands if not one.has_ended]:
            try:
                seating.turn(going)
            except MemoryError:
                if chance.random() < 0.3:
                    seating.take_out(seating.seated)

    assert [answer_of(one) for one in strands] == [alone.answers[number] for number in numbers]


def test_a_seat_of_what_was_not_finite_is_clean_for_who_comes_next(models):
    alone = models[0]
    sick = CaptionRequest(Prefix(torch.full_like(alone.requests[0].prefix.kv, torch.nan)), sampling=GREEDY)
    ill, long = alone.model.strand(sick), alone.strand(1)
    seating = Seating(alone.model.network, 2)
    seating.turn([long, ill])
    text_only = alone.strand(5)

    while not (long.has_ended and text_only.has_ended):
        seating.turn([one for one in (long, text_only) if not one.has_ended])

    assert answer_of(ill).ended == "not_finite"
    assert answer_of(long) == alone.answers[1]
    assert answer_of(text_only) == alone.answers[5]


def test_the_next_one_joins_at_the_turn_behind_the_one_that_left(models):
    alone = models[0]
    lengths = [20, 3, 5, 4]
    asked = [CaptionRequest(alone.requests[0].prefix, sampling=Sampling(1.0, 1.0, most, seed=3)) for most in lengths]
    turns: list[int] = []

    answers = alone.model.answer(asked)
    events = alone.model.generate(asked, turns.append, seats=2)
    ends = {event.index: len(turns) for event in events if hasattr(event, "answer")}

    spoken = [answer.completion_tokens for answer in answers]
    assert spoken == lengths
    assert ends == {1: 3, 2: 8, 3: 12, 0: 20}


def test_the_cache_is_as_large_as_its_seats_and_never_longer_than_the_context(models):
    alone = models[0]
    text = alone.model.config.text
    asked = [QueryRequest(None, "x" * 200, sampling=Sampling(1.0, 1.0, 100, seed=n)) for n in range(9)]
    asked += [CaptionRequest(alone.requests[0].prefix, sampling=GREEDY)]
    seating = Seating(alone.model.network, 4)
    waiting = [alone.model.strand(each) for each in asked]
    largest = 0

    while waiting or seating.seated:
        coming, waiting = waiting[: seating.free], waiting[seating.free :]
        seating.turn([*seating.seated, *coming])
        largest = max(largest, seating.nbytes)

    of_position = 2 * text.layers * text.kv_heads * text.head_dim * 4
    assert largest <= 4 * text.max_context * of_position
    assert seating.nbytes == 0


def test_a_short_text_and_a_long_one_are_not_padded_beyond_the_context(models):
    alone = models[0]
    limit = alone.model.config.text.max_context
    long = alone.model.strand(QueryRequest(None, "x" * (limit - 20)))
    pictures = [alone.strand(number) for number in (0, 1, 3)]

    groups = read_together([long, *pictures], limit)

    assert [len(group) for group in groups] == [3, 1]


def test_only_those_who_take_part_are_rows_of_a_pass(models, monkeypatch):
    alone = models[0]
    strands = [alone.strand(number) for number in (1, 2, 3, 7)]
    seating, rows = Seating(alone.model.network, 4), []
    seating.turn(strands)
    run = Seating._run
    monkeypatch.setattr(Seating, "_run", lambda self, x, *args: rows.append(len(x)) or run(self, x, *args))

    seating.turn(strands[1:3])
    seating.turn(strands)

    assert rows == [2, 4]
