"""The reader's order: each rule alone, then the promise that nobody starves, for any load."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.jobs.routing import PROMOTE, queues_of, split
from workers.control.affinity import JUMP, OWED, TURN, WORTH, QueueState, View, is_left_to_others, order

MAX_WAIT_S, SWITCH_S, JOB_S = 30.0, 8.0, 4.0
TRIP_S = 2 * SWITCH_S
NOW_MS = 10_000_000


def view(
    waits_s: dict[str, float],
    residents: tuple[str, ...] = ("a",),
    *,
    depth: dict[str, int] | None = None,
    switched_ago_s: float = 1000.0,
    served_ago_s: dict[str, float] | None = None,
    elsewhere: dict[str, int] | None = None,
    job_s: dict[str, float] | None = None,
    tags: dict[str, float] | None = None,
    filing: tuple[str, ...] = (),
) -> View:
    """Queues by how long their oldest job has waited; one job each if `depth` does not say otherwise."""
    return View(
        now_ms=NOW_MS,
        max_wait_s=MAX_WAIT_S,
        queues={
            q: QueueState((depth or {}).get(q, 1), NOW_MS - round(1000 * w), (tags or {}).get(q, 0.0))
            for q, w in waits_s.items()
        },
        residents=residents,
        switched_ms=NOW_MS - round(1000 * switched_ago_s),
        served_ms={q: NOW_MS - round(1000 * ago) for q, ago in (served_ago_s or {}).items()},
        elsewhere=elsewhere or {},
        switch_s=dict.fromkeys("abc", SWITCH_S),
        job_s=dict.fromkeys("abc", JOB_S) | (job_s or {}),
        filing=filing,
    )


def first(seen: View) -> str:
    return order(list(seen.queues), seen)[0]


def test_what_is_loaded_comes_first_even_if_others_wait_longer():
    assert first(view({"a.normal": 1, "b.normal": 29})) == "a.normal"


def test_filing_waits_behind_low_work_however_little_its_people_were_given():
    waits, tags = {"a.low": 1, "b.low": 20}, {"a.low": 500.0}

    assert first(view(waits, ("a", "b"), tags=tags)) == "b.low"
    assert first(view(waits, ("a", "b"), tags=tags, filing=("b",))) == "a.low"


def test_filing_is_not_left_for_ever_and_its_urgent_queries_never_wait():
    neglected = {"a.low": 1, "b.low": PROMOTE * MAX_WAIT_S + 1}

    assert first(view(neglected, ("a", "b"), filing=("b",))) == "b.low"
    assert first(view({"a.normal": 1, "b.high": 1}, ("a", "b"), filing=("b",))) == "b.high"


def test_a_queue_neglected_for_longer_than_max_wait_comes_before_what_is_loaded():
    assert first(view({"a.normal": 1, "b.normal": 31})) == "b.normal"


def test_the_most_neglected_comes_first_among_the_neglected():
    assert first(view({"a.normal": 1, "b.normal": 31, "c.normal": 40})) == "c.normal"


def test_a_neglected_queue_waits_until_the_last_switch_has_paid_off():
    waits = {"a.normal": 1, "b.normal": 31}

    assert first(view(waits, switched_ago_s=TURN * TRIP_S - 1)) == "a.normal"
    assert first(view(waits, switched_ago_s=TURN * TRIP_S)) == "b.normal"


def test_the_way_back_counts_all_loaded_models_with_work_for_one_may_send_them_all_away():
    waits = {"a.normal": 1, "b.normal": 1, "c.normal": 31}
    both = TURN * 3 * SWITCH_S

    assert first(view(waits, ("a", "b"), switched_ago_s=both - 1)) != "c.normal"
    assert first(view(waits, ("a", "b"), switched_ago_s=both)) == "c.normal"


def test_old_jobs_in_a_queue_that_is_being_served_are_no_neglect():
    """Under overload every job is old; that alone must not make a worker switch back and forth."""
    seen = view({"a.normal": 500, "b.normal": 500}, served_ago_s={"a.normal": 2, "b.normal": 20})

    assert first(seen) == "a.normal"


def test_higher_priority_comes_first_among_the_loaded():
    assert first(view({"a.low": 20, "a.normal": 10, "a.high": 1})) == "a.high"


def test_higher_priority_comes_first_even_if_it_must_be_loaded():
    assert first(view({"a.normal": 10, "b.high": 1})) == "b.high"


def test_urgent_jobs_do_not_make_a_worker_load_all_the_time():
    waits = {"a.normal": 10, "b.high": 1}

    assert first(view(waits, switched_ago_s=JUMP * TRIP_S - 1)) == "a.normal"


def test_low_priority_rises_with_neglect():
    waits = {"a.normal": 1, "b.low": 2 * PROMOTE * MAX_WAIT_S + 1}

    assert first(view(waits)) == "b.low"


def test_what_has_risen_by_neglect_interrupts_after_a_turn_and_not_after_a_jump():
    """Its level says how long it waited, not that its callers were in a hurry."""
    waits = {"a.normal": 1, "b.normal": PROMOTE * MAX_WAIT_S + 1}

    assert first(view(waits, switched_ago_s=TURN * TRIP_S - 1)) == "a.normal"
    assert first(view(waits, switched_ago_s=TURN * TRIP_S)) == "b.normal"


def test_and_so_does_what_its_callers_wanted_sooner_only_on_their_own_level():
    waits = {"a.low": 1, "b.normal": PROMOTE * MAX_WAIT_S + 1}

    assert first(view(waits, switched_ago_s=JUMP * TRIP_S)) == "b.normal"


def test_low_priority_does_not_count_as_neglected_before_normal_work():
    assert first(view({"a.normal": 1, "b.low": 31})) == "a.normal"


def test_many_short_jobs_outweigh_a_switch():
    depth = {"a.normal": 100, "b.normal": 400}

    assert first(view({"a.normal": 5, "b.normal": 5}, depth=depth, job_s={"b": 0.1})) == "b.normal"


def test_a_few_short_jobs_do_not_outweigh_a_switch():
    depth = {"a.normal": 100, "b.normal": 4}

    assert first(view({"a.normal": 5, "b.normal": 5}, depth=depth, job_s={"b": 0.1})) == "a.normal"
    assert 4 / (SWITCH_S + 4 * 0.1) < WORTH / JOB_S


def test_with_nothing_loaded_workers_take_the_larger_share_first():
    seen = view(
        {"a.normal": 5, "b.normal": 5}, residents=(), depth={"a.normal": 30, "b.normal": 20}, elsewhere={"a": 1}
    )

    assert first(seen) == "b.normal"


def test_a_few_jobs_are_left_to_the_worker_that_holds_their_model():
    seen = view({"b.normal": 1}, elsewhere={"b": 1})

    assert order(["b.normal", "a.normal"], seen) == ["a.normal"]


def test_but_not_for_longer_than_a_switch_would_take():
    assert order(["b.normal"], view({"b.normal": SWITCH_S + 1}, elsewhere={"b": 1})) == ["b.normal"]


def test_and_not_when_the_backlog_is_worth_a_second_worker():
    assert order(["b.normal"], view({"b.normal": 1}, depth={"b.normal": 50}, elsewhere={"b": 1})) == ["b.normal"]


def test_a_job_that_nobody_holds_the_model_of_is_left_to_nobody():
    assert not is_left_to_others("b.normal", view({"b.normal": 1}))


def test_a_workers_own_queue_counts_as_loaded_and_comes_first_on_its_level():
    seen = view({"a.high": 20, "@me.high": 1, "a.normal": 5})

    assert order(list(seen.queues), seen) == ["@me.high", "a.high", "a.normal"]


def test_a_workers_own_queue_does_not_starve_the_others():
    seen = view({"@me.normal": 1, "b.normal": 31})

    assert first(seen) == "b.normal"


def test_empty_queues_are_listed_too():
    """A job may come while the worker listens."""
    assert set(order(["a.normal", "b.normal"], view({}))) == {"a.normal", "b.normal"}


# -- for any load ----------------------------------------------------------------------------------------------------

MODELS = ("a", "b", "c")
QUEUES = queues_of(list(MODELS), "me")
#: What the module's docstring promises, for three models and the own queues.
BOUND_S = 2 * PROMOTE * MAX_WAIT_S + (len(MODELS) - 1) * (max(MAX_WAIT_S, TURN * TRIP_S) + SWITCH_S + JOB_S)

arrivals = st.lists(st.tuples(st.floats(0, 600), st.sampled_from(QUEUES), st.integers(1, 40)), min_size=1, max_size=20)


def neglects(bursts: list[tuple[float, str, int]], filing: tuple[str, ...] = ()) -> list[float]:
    """Serve all bursts (second, queue, jobs) with one worker that holds one model; the neglect met at each service."""
    waiting: dict[str, list[float]] = {}
    pending = sorted(bursts)
    now_s, loaded, switched_s, found = 0.0, "", 0.0, []
    served: dict[str, float] = {}
    while pending or waiting:
        if not waiting:
            now_s = max(now_s, pending[0][0])
        while pending and pending[0][0] <= now_s:
            at_s, queue, count = pending.pop(0)
            waiting.setdefault(queue, []).extend([at_s] * count)
        seen = View(
            now_ms=round(now_s * 1000),
            max_wait_s=MAX_WAIT_S,
            queues={q: QueueState(len(jobs), round(jobs[0] * 1000)) for q, jobs in waiting.items()},
            residents=(loaded,),
            switched_ms=round(switched_s * 1000),
            served_ms={q: round(s * 1000) for q, s in served.items()},
            switch_s=dict.fromkeys(MODELS, SWITCH_S),
            job_s=dict.fromkeys(MODELS, JOB_S),
            filing=filing,
        )
        queue = next(q for q in order(QUEUES, seen) if q in waiting)
        found.append(max(seen.neglect_s(q) for q in waiting))
        waiting[queue].pop(0)
        waiting = {q: jobs for q, jobs in waiting.items() if jobs}
        model = split(queue)[0]
        if not model.startswith("@") and model != loaded:
            now_s, loaded = now_s + SWITCH_S, model
            switched_s = now_s
        now_s += JOB_S
        served[queue] = now_s
    return found


@pytest.mark.timeout(900)
@settings(max_examples=40, deadline=None)
@given(arrivals)
def test_nobody_starves_whatever_comes(bursts):
    assert max(neglects(bursts)) <= BOUND_S


@pytest.mark.parametrize(("gap_s", "jobs"), [(12, 1), (20, 3), (32, 6)])
@pytest.mark.parametrize("beside", [(), ("a.low", "c.low"), ("a.normal", "c.normal")])
def test_urgent_work_that_goes_to_and_fro_between_two_models_does_not_starve_a_third(gap_s, jobs, beside):
    """Each switch begins the round trips anew that a queue which has risen needs to interrupt."""
    to_and_fro = [(float(gap_s * turn), ("a.high", "c.high")[turn % 2], jobs) for turn in range(60)]

    assert max(neglects([(0.0, "b.low", 1), *((0.0, queue, 40) for queue in beside), *to_and_fro])) <= BOUND_S


@settings(max_examples=40, deadline=None)
@given(arrivals)
def test_filing_does_not_starve_either(bursts):
    assert max(neglects(bursts, filing=("b",))) <= BOUND_S + PROMOTE * MAX_WAIT_S


@settings(max_examples=40, deadline=None)
@given(arrivals)
def test_all_that_came_is_served(bursts):
    assert len(neglects(bursts)) == sum(count for _, _, count in bursts)


def test_the_bound_is_met_by_a_hostile_load():
    """An endless flood of urgent work for one model, and one lonely job of the lowest priority for another."""
    flood = [(0.0, "b.low", 1), *((t, "a.high", 30) for t in range(0, 1200, 60))]

    worst = max(neglects(flood))

    assert worst > PROMOTE * MAX_WAIT_S
    assert worst <= BOUND_S


@given(
    st.dictionaries(st.sampled_from(QUEUES), st.tuples(st.integers(1, 500), st.floats(0, 2000)), max_size=12),
    st.sets(st.sampled_from(MODELS)),
    st.dictionaries(st.sampled_from(MODELS), st.integers(0, 4)),
)
def test_an_order_lists_queues_once_and_leaves_out_only_what_others_hold(states, residents, elsewhere):
    seen = View(
        now_ms=NOW_MS,
        max_wait_s=MAX_WAIT_S,
        queues={q: QueueState(depth, NOW_MS - round(1000 * wait)) for q, (depth, wait) in states.items()},
        residents=residents,
        elsewhere=elsewhere,
    )

    listed = order(QUEUES, seen)

    assert Counter(listed).keys() <= set(QUEUES)
    assert len(listed) == len(set(listed))
    assert all(elsewhere.get(split(queue)[0], 0) > 0 for queue in set(QUEUES) - set(listed))


# -- the hook into kombu ---------------------------------------------------------------------------------------------


# -- shares --------------------------------------------------------------------------------------------------------------


def test_of_what_is_loaded_the_queue_whose_people_were_given_least_comes_first():
    waits = {"a.normal": 20, "b.normal": 1}

    assert first(view(waits, ("a", "b"), tags={"a.normal": 50.0, "b.normal": 20.0})) == "b.normal"
    assert first(view(waits, ("a", "b"), tags={"a.normal": 20.0, "b.normal": 20.0})) == "a.normal"


def test_a_share_does_not_come_before_a_priority():
    waits = {"a.normal": 1, "b.high": 1}

    assert first(view(waits, ("a", "b"), tags={"b.high": 500.0})) == "b.high"


def test_people_who_are_owed_enough_justify_a_switch_after_a_whole_turn():
    waits, enough = {"a.normal": 1, "b.normal": 5}, OWED * MAX_WAIT_S + JOB_S

    def chosen(owed_s: float, trips: float) -> str:
        return first(view(waits, tags={"a.normal": 100.0 + owed_s, "b.normal": 100.0}, switched_ago_s=trips * TRIP_S))

    assert chosen(enough + 1, TURN) == "b.normal"
    assert chosen(enough - 1, TURN) == "a.normal"
    assert chosen(enough + 1, TURN - 0.1) == "a.normal"


def test_each_worker_that_is_on_their_model_already_raises_what_must_be_owed():
    waits, enough = {"a.normal": 1, "b.normal": 5}, 2 * OWED * MAX_WAIT_S + JOB_S

    def chosen(owed_s: float) -> str:
        tags = {"a.normal": 100.0 + owed_s, "b.normal": 100.0}
        return first(view(waits, tags=tags, elsewhere={"b": 1}, depth={"b.normal": 100}))

    assert (chosen(enough - 1), chosen(enough + 1)) == ("a.normal", "b.normal")


def test_a_job_that_goes_before_everybodys_makes_its_queue_the_first_of_what_is_loaded():
    waits = {"a.normal": 1, "b.normal": 1}

    assert first(view(waits, ("a", "b"), tags={"a.normal": 0.0, "b.normal": float("-inf")})) == "b.normal"


def test_a_worker_whose_models_others_hold_too_turns_to_people_who_are_owed_after_a_jumps_round_trip():
    waits = {"a.normal": 1, "b.normal": 5}

    def chosen(elsewhere: dict[str, int], trips: float) -> str:
        tags = {"a.normal": 500.0, "b.normal": 100.0}
        return first(view(waits, tags=tags, elsewhere=elsewhere, switched_ago_s=trips * TRIP_S))

    assert chosen({"a": 1}, JUMP) == "b.normal"
    assert chosen({}, JUMP) == "a.normal"
    assert chosen({"a": 1}, JUMP - 0.1) == "a.normal"
