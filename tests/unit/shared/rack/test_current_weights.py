"""What workers tell of their weights, and how long it is believed."""

from shared.rack.current_weights import CurrentWeights, agreed
from shared.rack.worker_registry import REPORT_EVERY_S


class Registry:
    """Counts how often it is asked."""

    def __init__(self, told):
        self.told, self.looks = told, 0

    def weights(self):
        self.looks += 1
        return self.told


def test_only_what_all_who_know_it_agree_on_counts():
    told = [{"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2"}, {"d": ""}]

    assert agreed(told) == {"a": "1", "c": "1"}


def test_what_is_known_is_believed_for_a_reports_pace():
    now, registry = [0.0], Registry([{"a": "1"}])
    weights = CurrentWeights(registry, clock_s=lambda: now[0])
    weights.of(["a"])
    registry.told = [{"a": "2"}]

    assert weights.of(["a"]) == {"a": "1"}
    now[0] = REPORT_EVERY_S
    assert weights.of(["a"]) == {"a": "2"}
    assert registry.looks == 2


def test_what_is_not_known_is_looked_up_each_time():
    registry = Registry([])
    weights = CurrentWeights(registry, clock_s=lambda: 0.0)

    assert weights.of(["a"]) == {}
    registry.told = [{"a": "1"}]
    assert weights.of(["a"]) == {"a": "1"}
