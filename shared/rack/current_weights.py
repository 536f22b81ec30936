"""Which weights each model would answer with now, as living workers tell it.

Reuse of an answer hangs on it: a model whose workers disagree, or do not know, has no current weights, and then it is
asked again. Weights that are swapped under a worker that has the old ones loaded count from its next load.
"""

import time
from collections.abc import Callable, Iterable, Mapping

from shared.rack.worker_registry import REPORT_EVERY_S, WorkerRegistry


class CurrentWeights:
    """Raises `RedisUnavailable` where it must look and the server does not answer."""

    def __init__(self, registry: WorkerRegistry, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._clock_s = clock_s
        self._known: Mapping[str, str] = {}
        self._look_at_s = float("-inf")

    def of(self, models: Iterable[str]) -> dict[str, str]:
        """Model → hash, of those that have one. What is known is believed for a report's pace."""
        wanted = set(models)
        if self._clock_s() >= self._look_at_s or not wanted <= self._known.keys():
            self._known = agreed(self._registry.weights())
            self._look_at_s = self._clock_s() + REPORT_EVERY_S
        return {model: self._known[model] for model in wanted if model in self._known}


def agreed(told: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """What all workers that know a model's weights say of them. Pure."""
    said: dict[str, set[str]] = {}
    for weights in told:
        for model, weights_hash in weights.items():
            said.setdefault(model, set()).add(weights_hash)
    return {model: found for model, hashes in said.items() if len(hashes) == 1 and (found := next(iter(hashes)))}
