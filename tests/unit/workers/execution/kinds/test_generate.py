"""What a finished generation says beside its pictures: its energy, where the card counts it."""

import io
import json
from types import SimpleNamespace

import pytest
from PIL import Image

from shared.contracts.generation import GenerationParams
from shared.contracts.jobs import JobRecord, State
from shared.models.catalogue import load_catalogue
from shared.settings import Settings
from workers.devices.snapshot import Snapshot
from workers.engines.base import GenerateWork
from workers.execution.kinds import generate
from workers.execution.timing import Stopwatch
from workers.memory.budget import budget_for
from workers.memory.current_plans import CurrentPlans
from workers.memory.planner import plan_rack
from workers.memory.residency import Residency

PARAMS = GenerationParams(
    prompt="a lamp",
    negative_prompt="",
    width=64,
    height=64,
    steps=1,
    guidance_scale=5.0,
    scheduler="euler",
    seed=1,
    n=2,
)


class Painter:
    """Paints two black pictures."""

    def __init__(self, card):
        self.card = card

    def held_mib(self):
        return 1

    def close(self):
        return None

    noise_version = 2

    def generate(self, works, watch):
        return [[Image.new("RGB", (8, 8))] * work.params.n for work in works]


class Runtime(SimpleNamespace):
    """The parts of a worker's runtime that a generation asks."""

    def __init__(self, readings_j, weights_hash=""):
        self.stored = []
        catalogue = load_catalogue(Settings())
        readings = iter(readings_j)
        self.stored = []
        super().__init__(
            catalogue=catalogue,
            residency=Residency(Painter, 12_288, hash_of=lambda card: weights_hash),
            plans=CurrentPlans(plan_rack([catalogue.get("sdxl-toy")], budget_for(12_288))),
            artifacts=SimpleNamespace(put=self._put),
            store=SimpleNamespace(announce=lambda artifact_id, job_id: None),
            threads=SimpleNamespace(settle=lambda engine, precision, still_wanted: 3),
            tell_residents=lambda: None,
            gpu_now=lambda: Snapshot("GPU-a", "card", 0, 12_288, energy_j=next(readings)),
        )

    def _put(self, data):
        self.stored.append(data)
        return "an id"


def result_of(readings_j, runtime=None):
    record = JobRecord(id="job_1", kind="generate", model="sdxl-toy", state=State.RUNNING, params=PARAMS.model_dump())
    watch = SimpleNamespace(phase=lambda phase: None, pulse=lambda: None, alive=[SimpleNamespace(record=record)])
    [outcome] = generate.run([record], runtime or Runtime(readings_j), watch, Stopwatch())
    return outcome.result


@pytest.mark.parametrize("readings_j", [(None, None), (5.0, None)])
def test_where_the_card_counts_no_energy_nothing_is_said_of_it(readings_j):
    assert "energy_per_picture_j" not in result_of(readings_j)


def test_result_and_png_name_the_version_of_the_noise():
    runtime = Runtime((None, None))

    result = result_of((None, None), runtime)

    written = [json.loads(Image.open(io.BytesIO(data)).text["darkroom"]) for data in runtime.stored]
    assert result["noise_version"] == 2
    assert [about["noise_version"] for about in written] == [2, 2]


def test_a_picture_costs_its_share_of_what_the_card_used():
    assert result_of((1000.0, 1900.0))["energy_per_picture_j"] == 450.0


def test_the_record_says_what_was_seen_of_the_starting_picture():
    wide = Image.new("RGB", (200, 100))

    outcomes = [generate._fit(GenerateWork(PARAMS, image)) for image in (None, wide, Image.new("RGB", (64, 64)))]

    assert outcomes == [
        {},
        {"fit": {"from": (200, 100), "crop": (50, 0, 150, 100)}},
        {"fit": {"from": (64, 64), "crop": None}},
    ]


def test_it_says_with_how_many_threads_the_cpu_computed():
    assert result_of((None, None))["cpu_threads"] == 3


def test_threads_are_settled_while_it_still_counts_as_loading_and_beat_through_the_watch():
    events = []
    record = JobRecord(id="job_1", kind="generate", model="sdxl-toy", state=State.RUNNING, params=PARAMS.model_dump())
    runtime = Runtime((None, None))
    runtime.threads = SimpleNamespace(settle=lambda engine, precision, still_wanted: [still_wanted(), 1][1])
    watch = SimpleNamespace(
        phase=events.append, pulse=lambda: events.append("pulse"), alive=[SimpleNamespace(record=record)]
    )

    generate.run([record], runtime, watch, Stopwatch())

    assert events == ["pulse", "running", "storing"]


def test_result_and_pictures_name_the_weights_they_were_made_with():
    runtime = Runtime((None, None), weights_hash="0123456789abcdef" * 4)

    result = result_of((None, None), runtime)

    assert result["weights_hash"] == "0123456789abcdef" * 4
    assert len(runtime.stored) == 2
    for data in runtime.stored:
        with Image.open(io.BytesIO(data)) as picture:
            assert json.loads(picture.text["darkroom"])["model_hash"] == result["weights_hash"]
            assert "Model hash: 0123456789," in picture.text["parameters"]


def test_weights_without_a_hash_are_not_named():
    runtime = Runtime((None, None))

    result_of((None, None), runtime)

    with Image.open(io.BytesIO(runtime.stored[0])) as picture:
        assert "model_hash" not in json.loads(picture.text["darkroom"])
        assert "Model hash" not in picture.text["parameters"]
