"""Shares on a small rack: everybody's part within a derived bound, a newcomer is next, and the rack does as much as before."""

import json
from functools import cache

import pytest

from tests.bench import simulate_shares
from tests.bench.rack_simulation import Outcome
from tests.bench.sim_jobs import job
from tests.bench.simulate_shares import (
    GPUS,
    MODELS,
    MOST_EFFORT,
    WINDOW_S,
    WORKLOADS,
    busy_times,
    late,
    newcomers,
    simulate,
    worst_share_error,
)
from workers.control.affinity import OWED

CARDS = simulate_shares.gpus_of(GPUS)
#: GPU-seconds of the longest job, on the slowest card.
LONGEST_S = MOST_EFFORT * max(model.job_s for model in MODELS) / min(gpu.speed for gpu in CARDS)


@cache
def run(workload: str, policy: str) -> Outcome:
    return simulate(workload, policy, seed=5, many=1500, hours=0.55, gpus=CARDS)


def bound(workload: str) -> float:
    """The furthest that the least weighty of those who want can be from their part of a window.

    At both ends of it everybody's account is off by less than one job per GPU and what a switch needs to be owed: a job and
    OWED × max_wait_s for each GPU. Of one with the part f, by weight, f × that much is off their f × the window's GPU-seconds,
    a tenth of which may be gone in switches.
    """
    off_s = len(CARDS) * (2 * LONGEST_S + OWED * simulate_shares.MAX_WAIT_S)
    return 2 * off_s / (0.9 * len(CARDS) * WINDOW_S)


@pytest.mark.parametrize("workload", sorted(WORKLOADS))
def test_everybody_gets_their_weights_part_of_any_ten_minutes_in_which_they_have_work(workload):
    assert worst_share_error(run(workload, "shares").jobs) <= bound(workload)
    assert worst_share_error(run(workload, "today").jobs) > 0.4


@pytest.mark.parametrize("workload", sorted(WORKLOADS))
def test_a_newcomer_is_next_on_each_gpu_that_holds_the_model_or_starts_within_max_wait(workload):
    jobs = run(workload, "shares").jobs

    assert len(newcomers(jobs)) > 5
    assert late(jobs) == []


@pytest.mark.parametrize("workload", sorted(WORKLOADS))
def test_the_rack_does_as_much_and_switches_as_seldom_as_without_shares(workload):
    ours, before, fifo = (run(workload, policy) for policy in ("shares", "today", "fifo"))

    assert ours.makespan_s <= fifo.makespan_s / 0.99
    assert ours.switches <= 1.1 * before.switches + len(CARDS)


def test_every_job_is_served_once_under_every_policy():
    for policy in simulate_shares.POLICY_PAIRS:
        jobs = run("all of all", policy).jobs

        assert all(one.arrival_s <= one.taken_s <= one.started_s <= one.ended_s for one in jobs)


def test_spans_of_waiting_are_those_in_which_something_waited():
    jobs = [job("m", 0.0), job("m", 5.0), job("m", 30.0)]
    for one, taken_s in zip(jobs, (10.0, 20.0, 31.0), strict=True):
        one.taken_s = taken_s

    assert busy_times(jobs) == [(0.0, 20.0), (30.0, 31.0)]


def test_the_error_is_measured_in_gpu_seconds_of_those_who_always_wanted():
    jobs = []
    for person, took_s in (("ann", 15.0), ("ben", 5.0)):
        for number in range(60):
            one = job("m", 0.0)
            one.person, one.taken_s, one.started_s = person, 20.0 * number, 20.0 * number
            one.ended_s = one.started_s + took_s
            jobs.append(one)

    assert worst_share_error(jobs) == pytest.approx(0.5)


def test_the_command_line_writes_what_it_shows(tmp_path, capsys):
    out = tmp_path / "shares.json"

    status = simulate_shares.main(["--many", "40", "--hours", "0.1", "--gpus", "24,12:0.5", "--json", str(out)])

    rows = json.loads(out.read_text())["rows"]
    assert status == 0
    assert len(rows) == len(WORKLOADS) * len(simulate_shares.POLICY_PAIRS)
    assert "round robin" in capsys.readouterr().out
