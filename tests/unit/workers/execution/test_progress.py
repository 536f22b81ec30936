"""How a batch tells its progress: beats at a pace, previews that are owed, and no step that waits for one."""

import itertools
import threading
from types import SimpleNamespace

import pytest
from PIL import Image

from shared.errors import CancelRequested, RedisUnavailable
from workers.execution.progress import BEAT_EVERY_S, Claim, GpuBatchWatch
from workers.execution.side_thread import SideThread

STEP_S = 0.06


class Store:
    """Remembers beats: job, step, whether it brought a preview, whether there was one before."""

    def __init__(self):
        self.beats, self.answer, self.is_away = [], "fine", False

    def beat(self, job_id, token, progress, degradations, preview=b""):
        if self.is_away:
            raise RedisUnavailable("away")
        self.beats.append((job_id, progress.step, bool(preview), progress.has_preview))
        return self.answer


class AtOnce:
    """A preview thread whose work is done when it is asked; `is_free` as the test says."""

    is_free = True

    def __init__(self):
        self._real = SideThread("previews")

    def take(self, show):
        self._real.take(show)
        self._real._last.result(30)


class Batch:
    """A batch of jobs and its watch, on a clock that each step moves."""

    def __init__(self, *, jobs=1, every=4, thread=None):
        self.store, self.now_s, self.stopped, self.begun = Store(), 100.0, [], 0
        self.thread = thread or AtOnce()
        claims = [Claim(SimpleNamespace(id=f"job{n}", degradations=()), "pen") for n in range(jobs)]
        self.watch = GpuBatchWatch(
            self.store,
            claims,
            preview_every=every,
            side_thread=self.thread,
            on_stop=lambda claim, why: self.stopped.append((claim.record.id, type(why))),
            clock=lambda: self.now_s,
        )
        self.jobs = jobs

    def previews(self):
        self.begun += 1
        return lambda: [Image.new("RGB", (2, 2))] * self.jobs

    def run(self, steps, step_s=STEP_S):
        for step in range(1, steps + 1):
            self.now_s += step_s
            self.watch.step(step, steps, self.previews)

    def previewed(self):
        return [(job, step) for job, step, is_preview, _ in self.store.beats if is_preview]


@pytest.mark.parametrize("step_s", [0.01, 0.06, 0.08, 0.1, 0.3])
def test_a_picture_of_six_steps_shows_one_preview(step_s):
    batch = Batch()

    batch.run(6, step_s)

    assert batch.previewed() == [("job0", 4)]
    assert batch.store.beats[-1][1:] == (6, False, True)


def test_a_preview_that_a_beat_was_too_early_for_is_owed_to_the_next():
    batch = Batch()

    batch.run(30, BEAT_EVERY_S / 3)

    shown = [step for _, step in batch.previewed()]
    assert shown[0] == 4
    assert len(shown) == 7
    assert all(later // 4 > earlier // 4 for earlier, later in itertools.pairwise(shown))


def test_no_preview_is_begun_that_is_not_owed():
    short, unwanted = Batch(), Batch(every=0)

    short.run(4)
    unwanted.run(30)

    assert (short.begun, unwanted.begun) == (0, 0)


def test_every_job_of_the_batch_gets_its_own():
    batch = Batch(jobs=2)

    batch.run(6)

    assert batch.previewed() == [("job0", 4), ("job1", 4)]


def test_while_the_last_preview_is_not_done_the_next_is_not_begun_and_stays_owed():
    batch = Batch()
    batch.thread.is_free = False
    batch.run(10)
    assert batch.begun == 0

    batch.thread.is_free = True
    batch.now_s += BEAT_EVERY_S
    batch.watch.step(11, 20, batch.previews)

    assert batch.begun == 1


def test_no_step_waits_for_a_preview():
    thread, go_on = SideThread("previews"), threading.Event()
    batch = Batch(thread=thread)
    batch.previews = lambda: lambda: go_on.wait(30) and [Image.new("RGB", (2, 2))]

    batch.run(12)
    steps_done = batch.store.beats[-1][1]
    go_on.set()
    thread._last.result(30)

    assert steps_done == 12
    assert [is_preview for _, _, is_preview, _ in batch.store.beats].index(True) == len(batch.store.beats) - 1


def test_a_preview_that_fails_fails_nothing_else():
    thread = SideThread("previews")
    batch = Batch(thread=thread)
    batch.previews = lambda: lambda: 1 / 0

    batch.run(8)
    thread._last.result(30)

    assert thread.is_free
    assert batch.store.beats[-1][1:] == (8, False, False)


def test_a_job_that_nobody_wants_leaves_at_the_beat_and_the_last_one_stops_the_work():
    batch = Batch()
    batch.store.answer = "cancel"

    with pytest.raises(CancelRequested):
        batch.run(6)

    assert batch.stopped == [("job0", CancelRequested)]


def test_without_redis_the_steps_go_on():
    batch = Batch()
    batch.store.is_away = True

    batch.run(12)

    assert batch.store.beats == []
    assert batch.stopped == []


def test_a_pulse_beats_at_the_pace_of_steps():
    batch = Batch()

    for _ in range(10):
        batch.now_s += BEAT_EVERY_S / 4
        batch.watch.pulse()

    assert len(batch.store.beats) == 3


def test_a_pulse_of_a_job_that_was_cancelled_ends_the_work():
    batch = Batch()
    batch.store.answer = "cancel"

    with pytest.raises(CancelRequested):
        batch.watch.pulse()


# -- beats by another thread -------------------------------------------------------------------------------------------


class Beside(Batch):
    """A batch whose beats wait until the test sends them."""

    def __init__(self, **about):
        super().__init__(**about)
        self.waiting = []
        self.watch._beside = self.waiting.append

    def send(self):
        for beat in self.waiting:
            beat()
        self.waiting.clear()


def test_a_beat_beside_the_work_says_what_is_newest_when_it_is_sent():
    batch = Beside()
    batch.watch.step(1, 20)
    batch.watch.step(2, 20)

    batch.send()

    assert [step for _, step, _, _ in batch.store.beats] == [2]


def test_what_a_beat_heard_beside_the_work_is_acted_on_by_the_work():
    batch = Beside(jobs=2)
    batch.watch.step(1, 20)
    batch.store.answer = "cancel"

    batch.send()

    assert batch.stopped == []
    with pytest.raises(CancelRequested):
        batch.watch.heed()
    assert [job for job, _ in batch.stopped] == ["job0", "job1"]


def test_whoever_asks_at_once_hears_at_once():
    batch = Beside()
    batch.store.answer = "cancel"

    with pytest.raises(CancelRequested):
        batch.watch.hear()

    assert batch.stopped == [("job0", CancelRequested)]


def test_whose_end_is_written_sends_no_beat_that_was_waiting():
    batch = Beside()
    batch.watch.step(1, 20)

    batch.watch.fall_silent()
    batch.send()

    assert batch.store.beats == []
    batch.watch.heed()
