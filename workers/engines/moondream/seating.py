"""A running generation: strands take seats, make turns together in whatever company there is, and leave between any two.

A *seat* is a row of the cache, and there are so many at the most: that bounds its memory. Rows of those who left are given to
the last ones, so a pass has exactly as many rows as strands that take part in it. One turn: a pass of the text model reads
the feed of every strand that has one; the heads read the last hidden states, and the scripts choose what is fed next.

Whoever rests has its seat as long as nobody wants it; then its keys and values wait in host memory and come back bit by bit
as they were. Captions, questions, detections and points share passes, and neither that nor who joins and leaves changes
what they say beyond rounding: every strand has its own positions, and a mask that ends at its own end.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from workers.engines.moondream.config import GROWTH
from workers.engines.moondream.network import Network
from workers.engines.moondream.strands import Strand, read_together
from workers.engines.moondream.text import KVCache, causal_mask
from workers.engines.moondream.turns import choose_feeds, embed


class Seating:
    """The strands with a seat, and the cache their rows are in; no cache while there are none."""

    def __init__(self, network: Network, seats: int) -> None:
        self.network = network
        self.seats = seats
        #: By row.
        self.seated: list[Strand] = []
        self._cache: KVCache | None = None

    @property
    def free(self) -> int:
        """Seats that nobody has."""
        return max(0, self.seats - len(self.seated))

    @property
    def nbytes(self) -> int:
        """What the cache takes on the device."""
        return 0 if self._cache is None else self._cache.nbytes

    # -- coming ------------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def sit(self, strands: Sequence[Strand]) -> None:
        """Give strands a free seat each; prompts that nobody has read yet are read, as many as go together in a pass.

        If it raises (no memory), none of them has one and all are as they were.
        """
        back = [one for one in strands if one.is_read]
        groups = read_together([one for one in strands if not one.is_read], self.network.config.text.max_context)
        before = len(self.seated)
        try:
            for one in [*back, *itertools.chain(*groups)]:
                self._take_row(one)
            for group in groups:
                self._read(group)
        except BaseException:
            del self.seated[before:]
            for one in itertools.chain(*groups):
                one.length, one.hidden = 0, None
            self._close_if_empty()
            raise
        for one in strands:
            one.taken_out, one.prefix = None, None

    def _take_row(self, one: Strand) -> None:
        text, row = self.network.config.text, len(self.seated)
        begun = one.taken_out if one.is_read else one.prefix.kv if one.prefix is not None else None
        begins_at = one.length if one.is_read else one.begins_at
        if self._cache is None:
            capacity = min(max(one.prompt_tokens, begins_at) + GROWTH, text.max_context)
            self._cache = KVCache(text, 1, capacity, like=self.network.text.wte)
        if row == self._cache.batch:
            self._cache.add_rows(max(row + 1, min(2 * row, self.seats)))
        self._cache.grow(begins_at, text.max_context)
        self._cache.fill(row, begun)
        self.seated.append(one)

    def _read(self, group: Sequence[Strand]) -> None:
        """Run their prompts at once; they have neighbouring rows.

        Shorter prompts are padded on the right. What the padding writes behind a sequence's end is overwritten by the
        tokens that come to stand there, before anything looks at it.
        """
        counts = [len(one.prompt) for one in group]
        embedded = embed(self.network, [feed for one in group for feed in one.prompt]).split(counts)
        starts = [one.begins_at for one in group]
        first = self.seated.index(group[0])
        hidden = self._run(torch.nn.utils.rnn.pad_sequence(list(embedded), batch_first=True), starts, first)
        for one, states, count in zip(group, hidden, counts, strict=True):
            one.length, one.hidden = one.prompt_tokens, states[count - 1]

    # -- turns -------------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def turn(self, strands: Sequence[Strand]) -> None:
        """One turn of these strands, no more than there are seats; those without a seat get one, if need be of those who do
        not take part. Who has ended leaves.

        If it raises (no memory, or `NotFinite`), every strand is where it was or one turn further, and may go on with fewer.
        """
        going_on = [one for one in strands if not one.has_ended]
        self._seat(going_on)
        self._feed([one for one in going_on if one.pending is not None])
        choosing = [one for one in going_on if one.hidden is not None]
        if choosing:
            like = self.network.text.wte
            hidden = torch.stack([one.hidden.to(like) for one in choosing if one.hidden is not None])
            choose_feeds(self.network, choosing, hidden)
        for one in choosing:
            one.hidden, one.turns = None, one.turns + 1
            if not one.has_ended and one.length >= self.network.config.text.max_context:
                one.script.end("length")  # no position is left
        self.leave([one for one in strands if one.has_ended])

    def _seat(self, strands: Sequence[Strand]) -> None:
        standing = [one for one in strands if one not in self.seated]
        resting = [one for one in self.seated if one not in strands]
        self.take_out(resting[: max(0, len(standing) - self.free)])
        if standing:
            self.sit(standing)

    def _feed(self, strands: Sequence[Strand]) -> None:
        """One more position for each: its hidden state."""
        if not strands:
            return
        self._to_front(strands)
        there = self.seated[: len(strands)]
        feeds = [one.pending for one in there if one.pending is not None]
        hidden = self._run(embed(self.network, feeds)[:, None], [one.length for one in there], 0)
        for one, states in zip(there, hidden, strict=True):
            one.length, one.hidden, one.pending = one.length + 1, states[0], None

    def _to_front(self, strands: Sequence[Strand]) -> None:
        """Let these have the first rows."""
        wrong = [row for row, one in enumerate(self.seated[: len(strands)]) if one not in strands]
        behind = [row for row, one in enumerate(self.seated) if row >= len(strands) and one in strands]
        for row, other in zip(wrong, behind, strict=True):
            self.cache.swap(row, other)
            self.seated[row], self.seated[other] = self.seated[other], self.seated[row]

    def _run(self, x: Tensor, starts: list[int], first: int) -> Tensor:
        """(B, T, D) embeddings → (B, T, D) hidden states, at the positions that follow each of B rows from `first` on."""
        needed = max(starts) + x.shape[1]
        positions = torch.tensor(starts, device=x.device)[:, None] + torch.arange(x.shape[1], device=x.device)
        self.cache.grow(needed, self.network.config.text.max_context)
        rows = self.cache.part(first, first + len(starts))
        return self.network.text(x, positions, causal_mask(positions, needed), rows)

    # -- going -------------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def leave(self, strands: Sequence[Strand]) -> None:
        """Their seats are free; nothing is kept of their keys and values. Who has none is passed over."""
        for one in strands:
            if one not in self.seated:
                continue
            row, last = self.seated.index(one), len(self.seated) - 1
            if row != last:
                self.cache.move(last, to=row)
                self.seated[row] = self.seated[last]
            self.seated.pop()
        self._close_if_empty()

    @torch.inference_mode()
    def take_out(self, strands: Sequence[Strand]) -> None:
        """Their seats are free, and they can take another one at any time, here or at another network of these weights."""
        for one in list(strands):
            one.taken_out = self.cache.taken_out(self.seated.index(one), one.length)
            one.hidden = None if one.hidden is None else one.hidden.cpu()
            self.leave([one])

    def _close_if_empty(self) -> None:
        if not self.seated:
            self._cache = None

    @property
    def cache(self) -> KVCache:
        """Of those who are seated."""
        if self._cache is None:
            raise LookupError("nobody is seated")
        return self._cache
