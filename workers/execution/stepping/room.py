"""How much memory a run is given, and how many samples of a kind fit into it: arithmetic of needs and the budget.

A stretch of a run has the room of one shape: the largest picture under way, as many times as there are or may come. Who
needs more joins in the next stretch, which asks for it.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from shared.models.catalogue import ModelCard
from workers.execution.runtime import Runtime
from workers.execution.stepping.members import Member
from workers.execution.stepping.pace import Pace
from workers.execution.stepping.seats import Room
from workers.execution.stepping.trades import trade_of
from workers.memory.shapes import Shape


class PassRoom:
    """The room of one model's passes."""

    def __init__(self, runtime: Runtime, card: ModelCard, pace: Pace) -> None:
        self._runtime = runtime
        self._card = card
        self._trade = trade_of(card)
        self._pace = pace
        #: What this stretch was given.
        self.reserved = Shape(8, 8)
        self._asked_for = 1
        #: The largest pass that was made in it; None: none was.
        self.used: Shape | None = None

    def begin(self, members: list[Member], *, seats: int) -> Shape:
        """What a stretch is to be given for these members, and as many as `seats` pictures at once."""
        largest = max((member.shape for member in members), key=lambda shape: shape.megapixels)
        guided = any(member.shape.is_guided for member in members)
        img2img = any(member.shape.is_img2img for member in members)
        one = replace(largest, is_guided=guided, is_img2img=img2img)
        wanted = [self._trade.together(one, n) for n in range(max(1, seats), 0, -1)]
        budget_mib = self._runtime.residency.budget_mib
        self._asked_for = len(wanted)
        self.reserved = next((shape for shape in wanted if self._need_mib(shape) <= budget_mib), wanted[-1])
        self.used = None
        return self.reserved

    @property
    def may_grow(self) -> bool:
        """Whether another stretch might be given more: it was not the memory that ended this one's room."""
        most = self._trade.most_seats(self._runtime.settings)
        return self.reserved.batch == self._asked_for and self._asked_for < most

    def largest(self, members: list[Member]) -> list[Member]:
        """Those that need the most, for whose sake the room was too small."""
        needs = {id(member): self._need_mib(member.shape) for member in members}
        most = max(needs.values(), default=0)
        return [member for member in members if needs[id(member)] == most]

    def fits(self, member: Member) -> bool:
        """Whether a member may work in this stretch. One that the room was made for may, however much it needs."""
        asked = self.reserved
        is_within = member.shape.megapixels <= asked.megapixels and member.shape.is_guided <= asked.is_guided
        return is_within or self._need_mib(member.shape) <= self._need_mib(asked)

    def of(self, sample: Any, shape: Shape, rows: Collection[int]) -> Room:
        """What a pass may hold that a sample leads.

        Args:
            shape: what a pass of the one among those that may be in it takes that takes the most.
            rows: that those who may be in it take of it, for each of whom it is to stay quick; none: it may take long.
        """
        most = self._pace.most_samples(sample.key, self._trade.most_seats(self._runtime.settings))
        limit_mib = self._need_mib(self.reserved)
        fitting = (n for n in range(most, 1, -1) if self._need_mib(self._trade.together(shape, n)) <= limit_mib)
        quick = {own: self._pace.most_rows_beside(sample.key, own) for own in rows if own != sample.rows}
        if rows:
            quick[sample.rows] = self._pace.most_rows(sample.key, sample.rows)
        return Room(next(fitting, 1), quick or None)

    def note_use(self, shape: Shape, samples: int) -> None:
        """A pass of so many samples was made."""
        used = self._trade.together(shape, samples)
        if self.used is None or self._need_mib(used) > self._need_mib(self.used):
            self.used = used

    def _need_mib(self, shape: Shape) -> int:
        return self._runtime.need_mib(self._card, shape)
