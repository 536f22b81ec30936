"""How a worker tells its launcher that it is ready: one byte through a pipe. Redis may be away, a pipe is not."""

import contextlib
import os

VARIABLE = "DARKROOM_READY_FD"


class ReadyPipe:
    """The launcher's side: make it, start the worker with it, hand it over, look."""

    def __init__(self) -> None:
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)

    def as_environment(self) -> dict[str, str]:
        return {VARIABLE: str(self.write_end)}

    def hand_over(self) -> None:
        """The worker has the writing end now."""
        os.close(self.write_end)

    def close(self) -> bool:
        """Let the pipe go after the worker's death; True if it was ever ready."""
        try:
            return bool(os.read(self._read_end, 1))
        except BlockingIOError:  # some child of it still has the writing end, and nothing was written
            return False
        finally:
            os.close(self._read_end)


def tell_ready() -> None:
    """The worker's side."""
    number = os.environ.pop(VARIABLE, "")
    if number:
        with contextlib.suppress(OSError):
            os.write(int(number), b"r")
            os.close(int(number))
