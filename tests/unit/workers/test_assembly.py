"""A worker's parts get what the settings, the table of modes and the measurements say."""

import pytest

from shared.models.catalogue import load_catalogue
from shared.queue.broker import make_app
from shared.settings import Settings
from tests.unit.workers.devices.test_gpu import FakeGpu, FakeNvml
from workers import assembly
from workers.control.queue_order import Reads, set_provider
from workers.control.tickets import set_stale
from workers.devices import gpu
from workers.devices.slot import Slot
from workers.engines.base import LoadPlan
from workers.memory.budget import MODES
from workers.memory.needs import key_of
from workers.memory.shapes import asking_shape, default_shape

SLOT = Slot(name="a", gpu="cpu", device="cpu", budget_mib=4000, total_mib=4000, models=("sdxl-toy", "moondream-toy"))


class Measured:
    """Peaks that were measured."""

    def __init__(self, peaks=None):
        self.peaks, self.added = peaks or {}, []

    def of(self, model):
        return self.peaks.get(model, {})

    def add(self, *what):
        self.added.append(what)


@pytest.fixture
def catalogue(tmp_path):
    return load_catalogue(Settings(data_dir=tmp_path))


@pytest.mark.parametrize("mode", list(MODES))
def test_residency_keeps_as_many_large_models_as_the_mode_says(catalogue, mode):
    settings = Settings(vram_mode=mode)

    residency = assembly.residency_of(
        settings, SLOT, catalogue, assembly.plans_of(settings, SLOT, catalogue, Measured())
    )

    assert residency._max_large == MODES[mode].max_large_residents


def test_plans_reckon_with_measured_peaks_and_learn_new_ones(catalogue):
    card = catalogue.get("sdxl-toy")
    settings, measured = Settings(), Measured()
    computed = assembly.plans_of(settings, SLOT, catalogue, measured)
    key = key_of(computed.of(card), default_shape(card))
    measured.peaks = {"sdxl-toy": {key: 777}}

    plans = assembly.plans_of(settings, SLOT, catalogue, measured)
    plans.add_peak(card, default_shape(card), 800)

    assert plans.need(card, default_shape(card)).peak_mib == 777
    assert measured.added == [("sdxl-toy", key, 800)]


def test_a_model_measured_too_large_since_the_launch_keeps_a_plan(catalogue):
    card = catalogue.get("sdxl-toy")
    bare = assembly.plans_of(Settings(), SLOT, catalogue, Measured())
    huge = {key_of(bare.of(card), default_shape(card)): 50_000}

    plans = assembly.plans_of(Settings(), SLOT, catalogue, Measured({"sdxl-toy": huge}))

    assert plans.of(card).device == "cpu"
    assert set(plans.rack.planned) == set(SLOT.models)


def test_nobody_yields_on_a_cpu_or_unasked(catalogue):
    on_gpu = SLOT.model_copy(update={"gpu": "GPU-a", "device": "cuda:0"})

    for settings, slot in ((Settings(yield_to_others=True), SLOT), (Settings(), on_gpu)):
        assert assembly.yielding_of(settings, slot, list, None, print) is None
    assert assembly.yielding_of(Settings(yield_to_others=True), on_gpu, list, None, print) is not None


def test_a_worker_reports_ghost_memory_and_energy_or_that_nobody_tells():
    owned = FakeGpu("GPU-a", processes=[(10, 900), (11, 300)])  # of 1,288 MiB in use
    driver = gpu.Driver(FakeNvml([owned, FakeGpu("GPU-b", is_talkative=False)]))

    told, untold = driver.snapshot("GPU-a").facts(), driver.snapshot("GPU-b").facts()

    assert (told.ghost_mib, told.energy_j, told.utilisation_percent) == (88, 9000.5, 87)
    assert (untold.ghost_mib, untold.energy_j, untold.utilisation_percent) == (None, None, None)


def test_what_an_asked_model_was_measured_at_is_what_it_is_planned_with(catalogue):
    card = catalogue.get("moondream-toy")

    assert key_of(LoadPlan(), default_shape(card)) == key_of(LoadPlan(), asking_shape(1))


def test_a_cpu_worker_measures_its_threads_unless_a_setting_says_how_many_and_a_gpus_never_does(catalogue):
    many = SLOT.model_copy(update={"threads": 4})
    on_gpu = many.model_copy(update={"gpu": "GPU-a", "device": "cuda:0"})

    measured = assembly.threads_of(Settings(cpu_threads=0), many, catalogue)
    told = assembly.threads_of(Settings(cpu_threads=4), many, catalogue)
    of_gpu = assembly.threads_of(Settings(cpu_threads=0), on_gpu, catalogue)

    assert measured._counts == (1, 2, 4)
    assert told._counts == of_gpu._counts == (4,)


@pytest.fixture
def hooks():
    """What is set once a process, put back."""
    yield
    set_provider(None)
    set_stale(None)


@pytest.mark.usefixtures("hooks")
def test_a_main_process_is_put_together_without_a_server_and_has_each_duty_once(tmp_path):
    settings = Settings(redis_url="redis://127.0.0.1:1", data_dir=tmp_path)

    main = assembly.main_process(settings, SLOT, make_app(settings, for_worker=False), lambda: None)

    assert sorted(duty.act.__qualname__ for duty in main.duties._due_s) == [
        "ChildWatch.look",
        "Feeder.feed",
        "KeepAlive.look",
        "LauncherWatch.look",
        "Recovery.sweep",
        "Reports.tell",
        "SeriesNotes.note",
        "Standing.look",
        "Standing.tell",
        "Turns.look",
        "Webhooks.look",
    ]
    assert [thread.name for thread in main.others] == ["feed-bell", "housekeeping"]


@pytest.mark.usefixtures("hooks")
def test_who_yields_lets_its_run_hear_of_it_at_once(tmp_path):
    settings = Settings(redis_url="redis://127.0.0.1:1", data_dir=tmp_path, yield_to_others=True)
    on_gpu = SLOT.model_copy(update={"gpu": "GPU-a", "device": "cuda:0"})
    main = assembly.main_process(settings, on_gpu, make_app(settings, for_worker=False), lambda: None)
    [yielding] = [duty.act.__self__ for duty in main.duties._due_s if duty.act.__qualname__ == "Yielding.look"]

    yielding._limit_reading(Reads.COMMANDS)

    assert main.duties._urgent == {main.standing.tell}
