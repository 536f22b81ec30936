"""While a pass is made, a thread looks at the queues and claims whoever may join: between two passes the card waits for a
moment at most (`PATIENCE_S`) for what Redis says of them.

It looks every `LOOK_EVERY_S` for as long as the loop works, and at once when a seat will be free. What it saw last the loop
reads between two passes, if it was asked since the last pass began, or a moment ago; else the loop has it look, and waits for
that. So an urgent job, a command and a cancel are heard at each boundary and are at most one step, or `FRESH_LOOKS` looks, old,
however long a step takes.

Claimed ahead is only for seats that are free when the pass is over (`Standing`): who is claimed waits for the rest of one
step, and another worker could not have begun it much sooner. When the loop stops, whoever is on its way comes in first:
nobody is held that the run does not know.

What breaks a look or a claim is nobody's fault who is under way: it is logged, the next one is made `arrivals.PAUSE_S`
later, and the loop goes on with what it knew, as it does while Redis is away.

The limit we know of: a stretch that ends while Redis is away waits for the claim that waits for Redis.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from shared.log import logger
from workers.execution.stepping import arrivals
from workers.execution.stepping.admission import Admission
from workers.execution.stepping.arrivals import Arrivals, Waiting
from workers.execution.stepping.company import Company

#: Passes may be quicker than looks: an answer is good enough for so many times `LOOK_EVERY_S`.
FRESH_LOOKS = 2
#: How long the loop waits for an answer that is late, because the machine is busy; then it goes on with the one it has.
PATIENCE_S = 0.02
#: The same at the beginning of a ticket and at the end of a run, where nothing else could be done.
LONG_PATIENCE_S = 0.25


class Ahead:
    """The thread of one run that looks and claims."""

    def __init__(
        self,
        company: Company,
        looks: Arrivals,
        admission: Admission,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._company = company
        self._arrivals = looks
        self._admission = admission
        self._clock = clock
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
        self._work: Future[None] | None = None
        #: Guards all below.
        self._news = threading.Condition()
        self._is_open = False
        self._is_called = False
        self._answer: Waiting | None = None
        self._asked_at_s = float("-inf")
        #: The last answer that nobody was claimed upon, and when it was asked for.
        self._settled = Waiting()
        self._settled_at_s = float("-inf")
        self._pass_began_s = float("-inf")

    def turn_begins(self) -> None:
        """A ticket has come: nothing is known yet."""
        self._arrivals.turn_begins()
        self._answer, self._asked_at_s, self._settled_at_s = None, float("-inf"), float("-inf")
        self._settled, self._pass_began_s = Waiting(), self._clock()

    def latest(self) -> Waiting:
        """What waits, as far as this turn knows; to be asked while the loop rests."""
        if self._answer is None:
            try:
                self._answer = self._arrivals.look()
            except Exception as exc:
                _broke(exc)
        return self._answer or Waiting()

    def open(self) -> None:
        """The loop begins: whoever waits may be claimed."""
        self._company.come_in()
        self._is_open = True
        self._work = self._pool.submit(self._look_and_claim)

    def close(self) -> None:
        """The loop rests: nobody is claimed any more, and whoever was is in."""
        with self._news:
            self._is_open = False
            self._news.notify_all()
        if self._work is not None:
            wait([self._work])
        self._company.come_in()

    def pass_begins(self, *, leaves: bool = False) -> None:
        """Answers to what is asked from here on are good for the boundary after this pass.

        Args:
            leaves: whether somebody takes the last step in it: who follows is looked for at once.
        """
        self._pass_began_s = self._clock()
        if leaves:
            with self._news:
                self._is_called = True
                self._news.notify_all()

    def answer(self) -> Waiting:
        """What waits, between two passes; whoever was claimed meanwhile is on its way."""
        if self._asked_at_s == float("-inf"):
            return self.settled()
        enough_s = min(self._pass_began_s, self._clock() - FRESH_LOOKS * arrivals.LOOK_EVERY_S)
        self._wait(lambda: self._asked_at_s >= enough_s, PATIENCE_S)
        return self._answer or Waiting()

    def settled(self) -> Waiting:
        """What waits and could not be claimed, asked from now on."""
        enough_s = self._clock()
        self._wait(lambda: self._settled_at_s >= enough_s, LONG_PATIENCE_S)
        return self._settled

    def left_waiting(self) -> Waiting:
        """The same as it was last known."""
        return self._settled

    def _wait(self, is_enough: Callable[[], bool], at_most_s: float) -> None:
        with self._news:
            if not is_enough():
                self._is_called = True
                self._news.notify_all()
                self._news.wait_for(is_enough, at_most_s)

    def _look_and_claim(self) -> None:
        while self._is_open:
            try:
                self._look()
            except Exception as exc:
                _broke(exc)
                with self._news:
                    self._news.wait_for(lambda: not self._is_open, arrivals.PAUSE_S)

    def _look(self) -> None:
        self._is_called = False
        asked_at_s = self._clock()
        waiting = self._arrivals.look()
        with self._news:
            self._answer, self._asked_at_s = waiting, asked_at_s
            self._news.notify_all()
        if self._admission.admit(waiting):
            return  # who waits now?
        with self._news:
            self._settled, self._settled_at_s = waiting, asked_at_s
            self._news.notify_all()
            self._news.wait_for(lambda: self._is_called or not self._is_open, arrivals.LOOK_EVERY_S)


def _broke(why: Exception) -> None:
    logger().error("run.look_broke", exc_info=why)
