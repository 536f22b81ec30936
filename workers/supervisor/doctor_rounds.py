"""Every hour a host looks at itself and tells the rack what it found: `darkroom doctor --publish`, as a process of its own.

A process, because it tries the GPUs: whatever the driver does to it, the launcher and its workers go on. It is the last to get
the processor. One that hangs is ended when the next is due.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from shared.log import logger
from shared.processes import dies_with_parent

#: The first look waits until the workers have started: it would only slow them down.
FIRST_AFTER_S = 60.0
#: As nice as processes can be.
NICEST = 19
COMMAND = (sys.executable, "-m", "workers.cli.doctor", "--json", "--publish")


class DoctorRounds:
    """Call `look` as often as you like; `stop` at the end."""

    def __init__(
        self,
        every_s: float,
        command: Sequence[str] = COMMAND,
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._every_s = every_s
        self._command = command
        self._environment = os.environ if environment is None else environment
        self._clock = clock
        self._due_s = clock() + FIRST_AFTER_S
        self._process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Begin a round that is due; see how the last one ended."""
        self._see()
        if not self._every_s or self._clock() < self._due_s:
            return
        self.stop()
        self._due_s = self._clock() + self._every_s
        self._process = subprocess.Popen(
            self._command,
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_nice(dies_with_parent()),
        )

    def stop(self) -> None:
        """End a round that is under way."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process = None

    def _see(self) -> None:
        if self._process is None or self._process.poll() is None:
            return
        if self._process.returncode:
            logger().warning("doctor.failed", status=self._process.returncode)
        self._process = None


def _nice(before: Callable[[], None] | None) -> Callable[[], None]:
    def prepare() -> None:
        os.nice(NICEST)
        if before is not None:
            before()

    return prepare
