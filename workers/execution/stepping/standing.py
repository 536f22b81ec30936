"""How a company will stand when the pass that is made just now is over: what admission goes by. Pure."""

from dataclasses import dataclass

from workers.execution.stepping.members import Member


@dataclass(frozen=True)
class Standing:
    """A company after a pass, with those who are on their way to it."""

    #: Samples that may have steps to take at once.
    seats: int
    #: Samples that will have.
    seated: int
    #: The jobs whose samples these are, in the order in which they came.
    holders: tuple[Member, ...]
    #: Whether a job that takes nobody with it is there.
    is_alone: bool

    @property
    def free(self) -> int:
        """Seats that nobody has; below 0: so many jobs wait for one with what they have."""
        return self.seats - self.seated

    def may_preempt(self, level: int) -> bool:
        """Whether a job of this level may come although all seats are taken: somebody less urgent gives one up, nobody
        does so more than `MOST_PREEMPTED` times, and no more wait than there are seats."""
        able = any(member.seat_level > level and not member.is_paused for member in self.holders)
        return able and -self.free < self.seats
