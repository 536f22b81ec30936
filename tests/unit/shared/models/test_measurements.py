"""What runs teach, in a Redis with Lua of its own."""

import fakeredis
import pytest

from shared.models.measurements import JOB, LOAD, Measurements
from shared.redis import keys


@pytest.fixture
def client():
    return fakeredis.FakeRedis()


@pytest.fixture
def learned(client):
    return Measurements(client)


def test_the_first_run_is_believed(learned):
    samples = learned.add_peak("sdxl", "1024x1024x1g:fp16+fp32:none@rtx-4090", 9400)

    assert samples == 1
    assert learned.peaks_mib("sdxl") == {"1024x1024x1g:fp16+fp32:none@rtx-4090": 9400}


def test_a_higher_peak_counts_at_once_and_a_lower_one_slowly(learned):
    for peak in (9000, 10_000, 9000):
        learned.add_peak("sdxl", "key", peak)

    measured = learned.peaks("sdxl")["key"]

    assert measured.value == pytest.approx(9900)
    assert measured.samples == 3


def test_an_outlier_is_half_forgotten_after_seven_runs(learned):
    for peak in (20_000, *[10_000] * 7):
        learned.add_peak("sdxl", "key", peak)

    assert 14_000 < learned.peaks_mib("sdxl")["key"] < 15_000


def test_times_are_a_moving_average(learned):
    for took_ms in (100, 200):
        learned.add_time("sdxl", "attic-gpu0", JOB, took_ms)

    assert learned.time_ms("sdxl", JOB, "attic-gpu0") == pytest.approx(120)


def test_a_worker_trusts_its_own_time_and_else_that_of_the_others_by_their_samples(learned):
    learned.add_time("sdxl", "fast", LOAD, 1000)
    learned.add_time("sdxl", "slow", LOAD, 4000)
    learned.add_time("sdxl", "slow", LOAD, 4000)

    assert learned.time_ms("sdxl", LOAD, "fast") == 1000
    assert learned.time_ms("sdxl", LOAD, "new") == pytest.approx(3000)


def test_what_nobody_measured_is_unknown(learned):
    assert learned.time_ms("sdxl", LOAD) is None
    assert learned.peaks("sdxl") == {}


def test_models_do_not_learn_from_one_another(learned):
    learned.add_peak("sdxl", "key", 9000)

    assert learned.peaks("sdxl-anime") == {}


def test_what_was_learned_expires_when_nobody_refreshes_it(learned, client):
    learned.add_peak("sdxl", "key", 9000)

    assert 0 < client.ttl(keys.peak("sdxl")) <= keys.LIVE_TTL_S


def test_peaks_of_an_earlier_version_which_did_not_say_of_which_card_are_left_to_expire(learned, client):
    client.hset("darkroom:need:sdxl", "1024x1024x1g:bf16:none", "9400.000 3")

    assert learned.peaks("sdxl") == {}
