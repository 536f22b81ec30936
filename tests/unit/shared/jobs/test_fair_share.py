"""The policy by itself: shares by weight, nothing saved up, bounded debts, nobody starves."""

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.jobs.fair_share import HORIZON_S, PATIENCE, Sharer, Standing, Tags, expected_ahead, next_of, parts


def woken(*people: str, tags: Tags | None = None) -> Tags:
    tags = tags or Tags()
    for person in people:
        tags = tags.woken(person)
    return tags


def served(tags: Tags, weights: dict[str, float], jobs: int, cost_of=lambda person: 1.0) -> tuple[Tags, Counter[str]]:
    """Everybody always has a ready job in one queue; what each was given, in GPU-seconds."""
    given: Counter[str] = Counter()
    for number in range(jobs):
        chosen = next_of([Sharer(person, tags.of(person), number) for person in weights], number, 30.0)
        tags = tags.charged(chosen.person, cost_of(chosen.person), weights[chosen.person])
        given[chosen.person] += cost_of(chosen.person)
    return tags, given


@given(st.lists(st.floats(0.2, 5), min_size=2, max_size=5), st.lists(st.floats(0.5, 10), min_size=5, max_size=5))
@settings(max_examples=60, deadline=None)
def test_whoever_has_work_gets_gpu_seconds_by_weight_to_within_one_job_whatever_a_job_costs(found, costs):
    weights = {str(i): weight for i, weight in enumerate(found)}

    tags, given_s = served(woken(*weights), weights, 400, lambda person: costs[int(person)])

    # All tags lie within one charge of the least: what each was given per weight differs by no more than that.
    most = max(costs[int(person)] / weight for person, weight in weights.items())
    assert max(tags.active.values()) - min(tags.active.values()) <= most + 1e-6
    assert all(given_s[p] / w == pytest.approx(tags.active[p]) for p, w in weights.items())


def test_idleness_saves_nothing_up():
    weights = {"busy": 1.0}
    tags, _ = served(woken("busy"), weights, 1000)

    tags = tags.woken("newcomer")
    _, given_s = served(tags, {"busy": 1.0, "newcomer": 1.0}, 100)

    assert abs(given_s["newcomer"] - given_s["busy"]) <= 2


def test_a_newcomer_is_next_however_much_the_others_have_waiting():
    tags, _ = served(woken("a", "b"), {"a": 1.0, "b": 1.0}, 501)

    tags = tags.woken("newcomer")

    assert tags.of("newcomer") <= min(tags.of("a"), tags.of("b"))


def test_who_leaves_and_comes_back_at_once_is_charged_all_the_same():
    tags, _ = served(woken("a", "b"), {"a": 1.0, "b": 1.0}, 10)
    tags = tags.charged("a", 50.0, 1.0)

    again = tags.rested("a").woken("a")

    assert again.of("a") == tags.of("a")


def test_a_lost_attempt_is_paid_back_and_an_end_settles_what_was_measured():
    tags = woken("a", "b").charged("a", 10.0, 2.0)

    assert tags.settled("a", 10.0, 0.0, 2.0).of("a") == 0.0
    assert tags.settled("a", 10.0, 30.0, 2.0).of("a") == 15.0


def test_what_people_are_owed_for_gpus_they_could_not_use_is_bounded_and_among_them_nothing_changes():
    """`x` works alone on GPUs that `y` and `z` cannot use, for hours; they share another one, three to one."""
    tags, weights = woken("x", "y", "z"), {"y": 3.0, "z": 1.0}
    given_s: Counter[str] = Counter()
    for _ in range(4000):
        for _ in range(3):
            tags = tags.charged("x", 10.0, 1.0)
        chosen = min(weights, key=tags.of)
        tags = tags.charged(chosen, 10.0, weights[chosen])
        given_s[chosen] += 10.0

    assert given_s["y"] / given_s["z"] == pytest.approx(3.0, rel=0.01)
    assert tags.of("x") - tags.of("z") <= 1.2 * HORIZON_S + 30


def test_people_who_compete_owe_each_other_everything_up_to_the_horizon():
    tags = woken("large", "small").charged("large", 0.9 * HORIZON_S, 1.0)

    for _ in range(50):
        tags = tags.charged("small", 1.0, 1.0)

    assert tags.of("large") == 0.9 * HORIZON_S


def test_a_person_with_a_tiny_weight_gets_a_turn_and_that_costs_the_others_little():
    """One job after the other of 10 s; the tiny one's own share would be a job in 28 hours."""
    tags, weights, now_ms = woken("tiny", "large"), {"tiny": 0.001, "large": 10.0}, 0.0
    since: dict[str, float] = {"tiny": 0.0, "large": 0.0}
    starts: list[float] = []
    for _ in range(1000):
        chosen = next_of([Sharer(p, tags.of(p), since[p]) for p in weights], now_ms, 30.0).person
        tags = tags.charged(chosen, 10.0, weights[chosen])
        since[chosen] = now_ms
        starts += [now_ms] * (chosen == "tiny")
        now_ms += 10_000

    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert max(pauses) <= PATIENCE * 30_000 * 2 + 10_000
    assert len(starts) < 0.02 * 1000


def test_equals_are_served_in_the_order_in_which_they_wait():
    assert next_of([Sharer("late", 1.0, 5), Sharer("early", 1.0, 3)], 10, 30.0).person == "early"
    assert next_of([], 10, 30.0) is None


def test_the_time_of_a_gpu_batch_is_split_by_what_its_jobs_were_to_cost():
    assert parts([1.0, 3.0]) == [0.25, 0.75]
    assert parts([0.0, 0.0]) == [0.5, 0.5]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_the_expected_place_is_the_place_that_comes_about_if_nobody_sends_another(data):
    rng = random.Random(data.draw(st.integers(0, 10_000)))
    standings = [
        Standing(str(i), rng.uniform(0, 20), rng.randint(1, 6), rng.choice([0.5, 1.0, 4.0, 7.0])) for i in range(4)
    ]
    mine = rng.choice(standings)
    before_it = rng.randrange(mine.jobs)

    left, tags, taken = {s.person: s.jobs for s in standings}, {s.person: s.tag for s in standings}, []
    while any(left.values()):
        chosen = min((s for s in standings if left[s.person]), key=lambda s: (tags[s.person], s.person != mine.person))
        taken.append(chosen.person)
        left[chosen.person] -= 1
        tags[chosen.person] += chosen.charge_s
    mines = [place for place, person in enumerate(taken) if person == mine.person]

    assert expected_ahead(mine, before_it, standings) == mines[before_it]
