"""A watched folder: what is whole comes in once, what is still written waits, what failed is tried again."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from api.cli.import_sources import FileSource, Refused
from api.cli.importing import Report
from api.cli.watching import Watch
from shared.errors import BadPicture, InvalidRequest, LibraryUnavailable
from tests.pictures import png


class Collects:
    """Takes everything in, but for what is empty."""

    def __init__(self) -> None:
        self.report = Report()
        self.names: list[str] = []
        self.is_away = False

    def bring(self, sources: Iterable[FileSource | Refused]) -> None:
        for each in sources:
            if self.is_away:
                raise LibraryUnavailable("away")
            self.names.append(each.name)
            if isinstance(each, FileSource) and not each.size_bytes:
                self.report.refused.append(Refused(each.name, BadPicture("empty")))

    def describe(self) -> None:
        pass


@pytest.fixture
def importer() -> Collects:
    return Collects()


@pytest.fixture
def watch(tmp_path: Path, importer: Collects) -> Watch:
    return Watch(tmp_path, importer, said.append, settle_s=2, every_s=1, clock=lambda: now[0])  # type: ignore[arg-type]


said: list[str] = []
now = [0.0]


def look_at(watch: Watch, second: float) -> int:
    now[0] = second
    return watch.look()


def write(path: Path, data: bytes, second: int) -> None:
    path.write_bytes(data)
    os.utime(path, (second, second))


def test_a_file_comes_in_once_it_was_the_same_for_a_while_and_never_again(tmp_path, watch, importer):
    write(tmp_path / "a.png", png(), 1)
    assert look_at(watch, 0) == 0
    assert look_at(watch, 1.9) == 0
    assert look_at(watch, 2) == 1
    assert look_at(watch, 9) == 0

    write(tmp_path / "b.png", png(), 1)
    look_at(watch, 10)
    look_at(watch, 12)

    assert importer.names == ["a.png", "b.png"]


def test_a_file_that_grows_waits(tmp_path, watch, importer):
    path = tmp_path / "a.png"
    for second in range(5):
        write(path, png()[: 20 + second], 100)
        look_at(watch, second)
    assert importer.names == []

    write(path, png(), 100)
    look_at(watch, 5)
    look_at(watch, 6.9)
    assert importer.names == []
    look_at(watch, 7)

    assert importer.names == ["a.png"]


def test_a_file_that_changed_comes_again(tmp_path, watch, importer):
    write(tmp_path / "a.png", b"", 1)
    said.clear()
    look_at(watch, 0)
    look_at(watch, 2)
    assert said == ["a.png: empty"]

    write(tmp_path / "a.png", png(), 2)
    look_at(watch, 3)
    look_at(watch, 5)

    assert importer.names == ["a.png", "a.png"]


def test_what_met_an_outage_is_tried_again(tmp_path, watch, importer):
    write(tmp_path / "a.png", png(), 1)
    look_at(watch, 0)
    importer.is_away = True
    with pytest.raises(LibraryUnavailable):
        look_at(watch, 2)
    importer.is_away = False

    assert look_at(watch, 3) == 1


def test_links_are_told_once(tmp_path, watch, importer):
    (tmp_path / "a.png").symlink_to("/etc/passwd")
    said.clear()

    look_at(watch, 0)
    look_at(watch, 5)

    assert len(said) == 1
    assert "links are not followed" in said[0]
    assert importer.names == []


def test_a_folder_that_is_gone_ends_it(tmp_path, watch):
    tmp_path.rmdir()

    with pytest.raises(InvalidRequest, match="is no folder"):
        look_at(watch, 0)
