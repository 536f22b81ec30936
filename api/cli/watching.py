"""A folder that is watched: what is new in it comes into the library once nobody writes it any more.

We look again and again, for no way of being told works on every file system (network folders tell nothing). A file is
taken when its size and its time were the same for a while; what is refused is tried again when it has changed. Nothing is
kept of what was seen: after a restart every file is read once more, and passed over where it is an asset already.
"""

import time
from collections.abc import Callable
from pathlib import Path

from api.cli.import_sources import FileSource, Refused, in_folder
from api.cli.importing import Importer
from shared.errors import OurError

#: A look may take this part of the time, at most.
MOST_OF_THE_TIME = 0.1

Seen = tuple[int, int]


class Watch:
    """`look` looks once; `run` does so until it is interrupted."""

    def __init__(
        self,
        folder: Path,
        importer: Importer,
        say: Callable[[str], None],
        *,
        settle_s: float,
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            say: is told a line for people at each change.
            settle_s: a file is whole when it has been the same so long.
            every_s: between two looks, at least.
        """
        self._folder = folder
        self._importer = importer
        self._say = say
        self._settle_s = settle_s
        self._every_s = every_s
        self._clock = clock
        #: What waits to be whole: since when it has been as it is.
        self._growing: dict[Path, tuple[Seen, float]] = {}
        self._done: dict[Path, Seen] = {}
        self._told: set[str] = set()

    def look(self) -> int:
        """Take in what is whole now; returns how many files that was.

        Raises:
            InvalidRequest: the folder is gone. OurError: something is away; the next look tries the same files again.
        """
        now_s = self._clock()
        found = list(in_folder(self._folder))
        files = {each.path: each for each in found if isinstance(each, FileSource)}
        self._tell_once([each for each in found if isinstance(each, Refused)])
        self._done = {path: seen for path, seen in self._done.items() if path in files}
        whole = self._whole(files, now_s)
        self._importer.bring(whole)
        self._done |= {each.path: _seen(each) for each in whole}
        for each in self._importer.report.refused:
            self._say(f"{each.name}: {each.error.message}")
        self._importer.report.refused.clear()
        self._importer.describe()
        return len(whole)

    def run(self) -> None:
        """Look until interrupted. Raises InvalidRequest: the folder is gone."""
        while True:
            began_s = self._clock()
            pause_s = self._every_s
            try:
                self._tell(self.look())
            except OurError as error:
                self._say(f"waits: {error.message}")
                pause_s = max(pause_s, error.retry_after_s or 0)
            time.sleep(max(pause_s, (self._clock() - began_s) / MOST_OF_THE_TIME))

    def _whole(self, files: dict[Path, FileSource], now_s: float) -> list[FileSource]:
        growing: dict[Path, tuple[Seen, float]] = {}
        for path, file in files.items():
            seen = _seen(file)
            if self._done.get(path) == seen:
                continue
            was, since_s = self._growing.get(path, (None, now_s))
            growing[path] = (seen, since_s if was == seen else now_s)
        self._growing = growing
        return [files[path] for path, (_, since_s) in growing.items() if now_s - since_s >= self._settle_s]

    def _tell_once(self, refused: list[Refused]) -> None:
        for each in refused:
            line = f"{each.name}: {each.error.message}"
            if line not in self._told:
                self._told.add(line)
                self._say(line)

    def _tell(self, taken: int) -> None:
        if taken:
            report = self._importer.report
            self._say(f"{report.added} added, {report.known} known so far")


def _seen(file: FileSource) -> Seen:
    return file.size_bytes, file.written_ms
