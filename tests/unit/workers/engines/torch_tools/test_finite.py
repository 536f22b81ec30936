"""Numbers that are none never become a result, wherever they come from."""

import math

import fakeredis
import pytest
import torch

from shared import errors
from shared.contracts.base import non_finite_in
from shared.models.measurements import JOB, Measurements
from shared.redis import keys
from workers.devices.snapshot import Snapshot, joules_between
from workers.engines.torch_tools.finite import refuse_non_finite
from workers.execution.kinds.base import Outcome

NONE = (math.nan, math.inf, -math.inf)


def test_they_are_found_wherever_they_hide():
    value = {"a": [1.0, {"b": math.nan}], "c": (math.inf,), "d": "nan", "e": None, "f": 1e308, "g": True}

    assert list(non_finite_in(value)) == ["a[1].b", "c[0]"]


def test_rows_with_them_are_named_and_the_precision_too():
    values = torch.zeros(3, 2, dtype=torch.float16)
    values[1, 1] = math.inf

    with pytest.raises(errors.NotFinite, match=r"the latents of seed 8 are not finite .* in float16"):
        refuse_non_finite(values, "the latents", ["seed 7", "seed 8", "seed 9"])


@pytest.mark.parametrize("number", NONE)
def test_a_result_with_one_is_a_failure_that_says_where(number):
    outcome = Outcome({"images": [], "score": number}, artifacts=("img_1",)).honest

    assert outcome.result is None
    assert (outcome.error.code, outcome.error.retryable) == ("engine_failed", False)
    assert "score of the result is not finite" in outcome.error.message


def test_a_result_without_one_stays_as_it_is():
    outcome = Outcome({"images": [1, 2.5]})

    assert outcome.honest is outcome


def test_the_code_of_a_failure_finds_its_class_whatever_stands_below_it():
    assert errors.class_of("engine_failed") is errors.EngineFailed


@pytest.mark.parametrize("number", NONE)
def test_no_such_number_is_learned_or_believed(number):
    client = fakeredis.FakeRedis()
    learned = Measurements(client)
    learned.add_time("sdxl", "gpu0", JOB, 1000)

    with pytest.raises(ValueError, match="no measurement"):
        learned.add_time("sdxl", "gpu0", JOB, number)
    client.hset(keys.speed("sdxl"), "gpu1|job", f"{number} 3")

    assert learned.time_ms("sdxl", JOB) == 1000


@pytest.mark.parametrize("number", NONE)
def test_a_card_that_counts_nonsense_counts_no_energy(number):
    before, after = (Snapshot("GPU-a", "card", 0, 12_288, energy_j=joules) for joules in (5.0, number))

    assert joules_between(before, after) is None
    assert joules_between(after, before) is None
