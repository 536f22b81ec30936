"""Tasks of many jobs on their way through one model, in the seats of one cache."""

from collections import deque
from collections.abc import Callable, Sequence

from shared.errors import OutOfVram
from workers.engines.base import Watch
from workers.engines.moondream.asking import Asked, Ticks, turns_expected
from workers.engines.moondream.model import Moondream
from workers.engines.moondream.seating import Seating
from workers.engines.torch_tools.out_of_vram import free_cache, named_out_of_vram


class Talking:
    """Who talks, and who is there without a turn."""

    def __init__(self, model: Moondream, seats: int) -> None:
        self._model = model
        self._seating = Seating(model.network, seats)
        self._here: list[Asked] = []

    @property
    def seats(self) -> int:
        """How many may have their keys and values on the device."""
        return self._seating.seats

    def has_room_for(self, seats: int) -> None:
        """So many seats from here on; who is there beyond them, and all where there are fewer than before, waits in host
        memory for its next turn."""
        if seats < self.seats:
            self.rest()
        self._seating.seats = seats

    def begin(self, asked: Sequence[Asked]) -> None:
        """Read the prompts of as many as there are free seats; the others' are read when they get one.

        If it raises (no memory), none of them has a seat.
        """
        self._drop_unwanted()
        sitting = asked[: self._seating.free]
        self._seating.sit([each.strand for each in sitting])
        self._here += sitting

    def step(self, asked: Sequence[Asked]) -> None:
        """One turn of these, no more than there are seats. Who has said nothing begins again with the next one.

        If it raises, see `Seating.turn`.
        """
        self._here += [each for each in asked if each not in self._here]
        self._drop_unwanted()
        going = [each for each in asked if not each.is_done]
        self._seating.turn([each.strand for each in going])
        for each in going:
            each.look()
            if each.strand.has_ended and not each.is_done:
                each.strand = self._model.strand(each.request)
        self._forget_who_has_no_seat()

    def rest(self) -> None:
        """Everybody's keys and values leave the device, and the cache with them."""
        self._seating.take_out(self._seating.seated)
        self._here = []

    def _drop_unwanted(self) -> None:
        gone = [each for each in self._here if not each.is_done and not each.work.is_wanted()]
        for each in gone:
            each.strand.script.end("cancelled")
            each.look()
        self._seating.leave([each.strand for each in gone])
        self._forget_who_has_no_seat()

    def _forget_who_has_no_seat(self) -> None:
        self._here = [each for each in self._here if each.strand in self._seating.seated]


def ask_all(model: Moondream, asked: Sequence[Asked], watch: Watch, at_once: int, forget: Callable[[], None]) -> None:
    """Answer all, so many at a time; whoever ends makes room for the next.

    Args:
        forget: gives up what is kept on the device for later, when memory is short.

    Raises:
        OutOfVram: not even one fits.
    """
    ticks = Ticks(watch, turns_expected([each.steps for each in asked], at_once))
    talking, waiting, going = Talking(model, at_once), deque(asked), list[Asked]()
    while going or waiting:
        going += [waiting.popleft() for _ in range(min(len(waiting), talking.seats - len(going)))]
        ticks.tick()
        refusal = _refusal(talking, going)
        if refusal is not None:
            if len(going) == 1:
                raise OutOfVram(refusal)
            watch.degrade("batch_split")
            talking.has_room_for(-(-len(going) // 2))
            forget()
            free_cache()
            waiting.extendleft(reversed(going[talking.seats :]))
            going = going[: talking.seats]
        going = [each for each in going if not each.is_done]


def _refusal(talking: Talking, going: Sequence[Asked]) -> str | None:
    """One turn; what was said where it did not fit. Its own frame: what it holds goes with it."""
    try:
        with named_out_of_vram(f"{len(going)} answers at once"):
            talking.step(going)
    except OutOfVram as exc:
        return exc.message
    return None
