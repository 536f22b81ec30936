"""Keeps models loaded that somebody will wait for: a worker gives itself the command to load and pin them.

A child that was killed comes back with nothing loaded, and says so; the next look loads them again.
"""

import time
from collections.abc import Callable, Sequence

from shared.log import logger
from workers.control.keep_alive import OwnCommands

#: Pause between two looks.
LOOK_EVERY_S = 1.0
#: A model that did not load is tried again so much later: its files do not mend themselves.
AGAIN_AFTER_S = 60.0


class AtHand:
    """One worker's models that stay."""

    def __init__(
        self, models: Sequence[str], commands: OwnCommands, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._models = models
        self._commands = commands
        self._clock_s = clock_s
        #: Model → the command that loads it, and when it was sent.
        self._sent: dict[str, tuple[str, float]] = {}

    def look(self) -> None:
        """Call it every `LOOK_EVERY_S`. Raises what sending a job raises."""
        _, residents = self._commands.residents()
        loaded = {resident.model for resident in residents if resident.pinned}
        for model in self._models:
            if model in loaded:
                self._sent.pop(model, None)
            elif self._may_send(model):
                logger().info("model.at_hand", model=model)
                self._sent[model] = (self._commands.load(model), self._clock_s())

    def _may_send(self, model: str) -> bool:
        if model not in self._sent:
            return True
        command, sent_at_s = self._sent[model]
        return self._clock_s() - sent_at_s >= AGAIN_AFTER_S and self._commands.is_done(command)
