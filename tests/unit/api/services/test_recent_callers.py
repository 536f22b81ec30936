"""What was found a moment ago."""

from api.services import recent_callers
from api.services.recent_callers import RecentCallers


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_what_was_found_counts_from_when_it_was_asked_for():
    clock = Clock()
    recent = RecentCallers(0.8, clock)
    recent.keep("a", "ann", asked_at_s=99.5)

    before = recent.get("a")
    clock.now_s = 100.31

    assert (before, recent.get("a"), recent.get("b")) == ("ann", None, None)


def test_what_ends_sooner_counts_shorter():
    clock = Clock()
    recent = RecentCallers(0.8, clock)
    recent.keep("a", "ann", asked_at_s=100.0, at_most_s=0.1)

    clock.now_s = 100.11

    assert recent.get("a") is None


def test_it_has_an_end_and_the_oldest_leaves_first(monkeypatch):
    monkeypatch.setattr(recent_callers, "MOST_KEPT", 3)
    recent = RecentCallers(0.8, Clock())
    for name in "abcad":
        recent.keep(name, name, asked_at_s=100.0)

    assert len(recent) == 3
    assert [recent.get(name) for name in "abcd"] == ["a", None, "c", "d"]
