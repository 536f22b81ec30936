"""An ONNX model that looks at pictures once, as a loaded engine."""

from collections.abc import Callable
from typing import Any

from PIL.Image import Image, new

from shared.models.catalogue import ModelCard
from workers.engines.base import AnalyzeWork, Watch, WorkOutcome
from workers.engines.classifiers.classifying import Seen, classify
from workers.engines.classifiers.onnx_session import Reopened


class OnnxClassifier:
    """The loaded classifier.

    Args:
        opened: a session, or what a package wraps around one.
        held_mib: of the budget.
        look: what that sees in pictures.
    """

    def __init__(
        self, card: ModelCard, opened: Reopened, held_mib: int, look: Callable[[Any, list[Image]], list[Seen]]
    ) -> None:
        self.card = card
        self._opened = opened
        self._held_mib = held_mib
        self._look_with = look

    def held_mib(self) -> int:
        return self._held_mib

    def close(self) -> None:
        del self._opened

    def set_threads(self, threads: int) -> None:
        self._opened.set_threads(threads)

    def smallest_call(self) -> None:
        self._look([new("RGB", (8, 8))])

    def analyze(self, works: list[AnalyzeWork], watch: Watch, at_once: int) -> list[WorkOutcome]:
        """See `AnalyzeEngine.analyze`."""
        return classify(self._look, works, watch, at_once)

    def _look(self, pictures: list[Image]) -> list[Seen]:
        return self._look_with(self._opened.now, pictures)
