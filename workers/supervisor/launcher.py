"""One pinned worker process per GPU: find, fit, start, watch, restart with back-off, drain.

`python -m workers.supervisor.launcher` runs until SIGTERM or SIGINT. A second signal stops at once. Then: workers take no more
jobs, a running job may finish within `drain_s`, what is left goes back to the queue, exit 0.

A lock per GPU keeps a second launcher away from it. A worker that dies is started again (see `slot_process`); its jobs
go back to the queue at once, because the launcher, unlike the broker, knows that it is dead.
"""

import argparse
import os
import signal
import sys
import threading
from types import FrameType

import redis

from shared import log, settings
from shared.errors import DarkroomError, InvalidRequest
from shared.jobs.store import JobStore
from shared.models.measurements import Measurements
from shared.pictures.stores import open_store
from shared.queue.broker import make_app
from shared.queue.dispatch import Dispatcher
from shared.redis.client import connect, until_redis_answers
from shared.settings import Settings
from workers.devices.slot import Slot
from workers.engines.torch_tools.cuda_probe import refusal_of
from workers.memory.measured_peaks import MeasuredPeaks
from workers.recovery.recovery import Recovery
from workers.supervisor.doctor_rounds import DoctorRounds
from workers.supervisor.placing import place
from workers.supervisor.query_slots import query_slots
from workers.supervisor.slot_process import SlotProcess

TICK_S = 0.2


class Launcher:
    """All workers of one host."""

    def __init__(self, config: Settings, slots: list[Slot]) -> None:
        client = _redis(config)
        store = JobStore(client, config)
        artifacts = open_store(config, client)
        until_redis_answers(artifacts.check_identity)
        app = make_app(config, for_worker=False)
        recovery = Recovery(store, Dispatcher(store, app), config)
        self._drain_s = config.drain_s
        self._processes = [SlotProcess(slot, client, recovery) for slot in slots]
        self._doctor = DoctorRounds(config.doctor_every_s)
        self._stop = threading.Event()
        self._stop_now = threading.Event()

    def run(self) -> int:
        """Serve until told to stop; returns the exit status: 0 after a clean stop, 1 when no worker can be kept alive."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        while not self._stop.wait(TICK_S):
            for process in self._processes:
                process.tend()
            self._doctor.look()
            if all(process.gave_up for process in self._processes):
                log.logger().error("launcher.gave_up", workers=len(self._processes))
                return 1
        self._drain()
        return 0

    def _drain(self) -> None:
        self._doctor.stop()
        log.logger().info("launcher.drains", limit_s=self._drain_s)
        stoppers = [
            threading.Thread(target=process.stop, args=(self._drain_s, self._stop_now)) for process in self._processes
        ]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._stop.is_set():
            self._stop_now.set()
        self._stop.set()


def _redis(config: Settings) -> "redis.Redis":
    return connect(config.required_redis_url(), config.worker_redis_timeout_s)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="darkroom worker", description="One worker per GPU of this host.")
    parser.add_argument("--gpus", help="all, none, or indexes/UUIDs, comma-separated (DARKROOM_GPUS)")
    parser.add_argument("--redis", help="Redis URL (DARKROOM_REDIS_URL)")
    parser.add_argument("--mode", help="low, balanced or high (DARKROOM_VRAM_MODE)")
    given = parser.parse_args(arguments)
    # Into the environment, because the workers' own processes read their settings there too.
    named = {"DARKROOM_GPUS": given.gpus, "DARKROOM_REDIS_URL": given.redis, "DARKROOM_VRAM_MODE": given.mode}
    os.environ.update({name: value for name, value in named.items() if value is not None})
    try:
        config = settings.from_environment()
        log.configure(json_lines=config.log_json)
        slots = place(config, peaks=MeasuredPeaks(Measurements(_redis(config))).of, refusal_of=refusal_of)
        if not slots:
            raise InvalidRequest(f"no GPU matches {config.gpus!r}: see `darkroom doctor`", field="DARKROOM_GPUS")
        return Launcher(config, [*slots, *query_slots(config)]).run()
    except DarkroomError as error:
        print(f"darkroom worker: {error.message}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
