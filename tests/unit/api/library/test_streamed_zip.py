"""A zip that is sent while it is made."""

import io
import zipfile

from api.library.streamed_zip import Entry, zipped


def test_it_is_a_whole_zip():
    entries = [
        Entry("a/ä.png", b"\x89PNG" * 1000, modified_ms=1_700_000_000_000),
        Entry("rows.jsonl", b"{}\n" * 9, is_text=True),
    ]

    archive = zipfile.ZipFile(io.BytesIO(b"".join(zipped(entries))))

    assert archive.testzip() is None
    assert {info.filename: archive.read(info) for info in archive.infolist()} == {e.name: e.data for e in entries}
    assert archive.getinfo("a/ä.png").date_time == (2023, 11, 14, 22, 13, 20)


def test_a_file_is_asked_for_when_the_one_before_was_sent():
    asked = []

    def entries():
        for number in range(3):
            asked.append(number)
            yield Entry(f"{number}.bin", bytes(100_000))

    parts = zipped(entries())

    assert len(next(parts)) > 100_000
    assert asked == [0]
    assert max(map(len, parts)) < 101_000


def test_an_empty_zip_is_a_zip():
    assert zipfile.ZipFile(io.BytesIO(b"".join(zipped([])))).namelist() == []


def test_a_long_file_comes_in_parts():
    parts = list(zipped([Entry("long.txt", (b"line\n" * 20_000 for _ in range(10)), is_text=True), Entry("b", b"b")]))

    archive = zipfile.ZipFile(io.BytesIO(b"".join(parts)))
    assert archive.read("long.txt") == b"line\n" * 200_000
    assert archive.read("b") == b"b"
    assert len(parts) > 10


def test_a_moment_that_no_zip_can_tell_is_the_nearest_one():
    entries = [Entry("old", b"", modified_ms=-(10**13)), Entry("late", b"", modified_ms=10**13)]

    archive = zipfile.ZipFile(io.BytesIO(b"".join(zipped(entries))))

    assert [info.date_time[0] for info in archive.infolist()] == [1980, 2107]
