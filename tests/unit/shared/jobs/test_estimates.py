"""What a job will cost, by what was measured so far."""

from typing import Any

import pytest

from shared.contracts.jobs import JobRecord, State
from shared.errors import RedisUnavailable
from shared.jobs.estimates import DEFAULT_JOB_S, DEFAULT_MEGAPIXEL_STEP_S, FRESH_S, Estimates, Times, cost_s
from shared.models.measurements import JOB, LOAD, Measured

MP = 1024 * 1024 / 1e6


def generation(**params: Any) -> JobRecord:
    given = {"width": 1024, "height": 1024, "steps": 30, "n": 1}
    return JobRecord(id="j", kind="generate", model="m", state=State.QUEUED, params=given | params)


def analysis() -> JobRecord:
    return JobRecord(id="j", kind="analyze", model="m", state=State.QUEUED)


class Learned:
    """Stands for `Measurements`."""

    def __init__(self, times: Times) -> None:
        self.found, self.asked, self.is_away = times, 0, False

    def times(self, model: str) -> Times:
        self.asked += 1
        if self.is_away:
            raise RedisUnavailable("away")
        return self.found


def test_where_its_size_was_measured_a_job_costs_its_steps_by_all_workers_samples():
    times = {("a", "1024x1024"): Measured(100, 3), ("b", "1024x1024"): Measured(300, 1)}

    assert cost_s(generation(), times) == pytest.approx(30 * 0.150)
    assert cost_s(generation(n=4), times) == pytest.approx(4 * 30 * 0.150)


def test_a_size_that_nobody_measured_costs_by_its_megapixels():
    times = {("a", "512x512"): Measured(50, 1), ("a", LOAD): Measured(9000, 1), ("a", JOB): Measured(1500, 1)}

    assert cost_s(generation(), times) == pytest.approx(30 * 0.050 * 4)


def test_where_nothing_was_measured_a_card_of_12_gb_is_assumed():
    assert cost_s(generation(), {}) == pytest.approx(30 * MP * DEFAULT_MEGAPIXEL_STEP_S)
    assert cost_s(analysis(), {}) == DEFAULT_JOB_S


def test_a_picture_whose_size_will_follow_from_another_counts_as_a_megapixel():
    assert cost_s(generation(width=None, height=None), {}) == pytest.approx(30 * DEFAULT_MEGAPIXEL_STEP_S)


def test_an_analysis_costs_what_the_models_jobs_have_taken():
    assert cost_s(analysis(), {("a", JOB): Measured(700, 2), ("b", JOB): Measured(100, 2)}) == pytest.approx(0.4)


def test_a_command_costs_nothing_and_goes_before_everybodys_jobs():
    command = JobRecord(id="j", kind="unload", model="*", state=State.QUEUED)

    costed = Estimates(Learned({})).costed(command)

    assert (costed.cost_s, costed.ahead) == (0.0, True)
    assert not Estimates(Learned({})).costed(generation()).ahead


def test_what_was_learned_is_read_now_and_then_and_an_outage_uses_what_was_known():
    now, learned = [0.0], Learned({("a", "1024x1024"): Measured(100, 1)})
    estimates = Estimates(learned, lambda: now[0])

    costs = [estimates.costed(generation()).cost_s for _ in range(5)]
    now[0] += FRESH_S
    learned.is_away = True
    costs.append(estimates.costed(generation()).cost_s)

    assert (set(costs), learned.asked) == ({3.0}, 2)
