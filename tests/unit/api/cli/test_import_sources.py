"""What imported pictures come from can do no harm: links, pipes, growing files, archives made to hurt, names of any kind."""

import os
import struct
import zipfile
from pathlib import Path

import pytest

from api.cli.import_archives import clean_parts, in_archive, opened
from api.cli.import_sources import FileSource, Refused, in_folder
from shared.errors import InvalidRequest, TooLarge
from tests.pictures import png

MOST = 2**20


def named(found: object) -> dict[str, object]:
    return {each.name: each for each in found}  # type: ignore[attr-defined]


# -- folders ---------------------------------------------------------------------------------------------------------


def test_pictures_below_a_folder_are_found_and_links_are_told_and_not_followed(tmp_path: Path):
    outside, folder = tmp_path / "outside", tmp_path / "in"
    for each in (outside, folder / "below", folder / ".hidden", folder / "@eaDir"):
        each.mkdir(parents=True)
        (each / "a.png").write_bytes(png())
    (folder / "link.png").symlink_to(outside / "a.png")
    (folder / "gone.png").symlink_to(outside / "none.png")
    (folder / "linked").symlink_to(outside)
    (folder / "words.txt").write_text("no picture")
    os.mkfifo(folder / "pipe.png")

    found = named(in_folder(folder))

    assert {name: type(each) for name, each in found.items()} == {
        "below/a.png": FileSource,
        "link.png": Refused,
        "gone.png": Refused,
        "linked": Refused,
    }
    assert "links are not followed" in found["linked"].error.message
    assert found["below/a.png"].read(MOST) == png()


def test_a_folder_that_is_none_is_told(tmp_path: Path):
    with pytest.raises(InvalidRequest, match="is no folder"):
        list(in_folder(tmp_path / "none"))


def test_a_file_that_becomes_a_link_or_a_pipe_after_it_was_found_is_not_opened(tmp_path: Path):
    path, secret = tmp_path / "a.png", tmp_path / "secret"
    path.write_bytes(png())
    secret.write_bytes(b"secret")
    (found,) = in_folder(tmp_path)
    path.unlink()
    path.symlink_to(secret)

    with pytest.raises(InvalidRequest, match="cannot be read"):
        found.read(MOST)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InvalidRequest, match="is no file any more"):
        found.read(MOST)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"0" * 11)
    (found,) = in_folder(tmp_path)

    with pytest.raises(TooLarge, match="has 11 bytes, the limit is 10"):
        found.read(10)


def test_names_are_text_whatever_the_disk_has(tmp_path: Path):
    for name in (b"\xe9.png", "\U0001f9ea.png".encode(), b"a\n\x1b[31m.png", b"x" * 250 + b".png"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(png())

    names = set(named(in_folder(tmp_path)))

    assert {"%E9.png", "\U0001f9ea.png", "x" * 250 + ".png"} < names
    assert not any("\x1b" in name for name in names)


def test_files_beside_a_picture_are_read_up_to_their_limit_and_never_through_links(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "a.txt").write_text("a lamp")
    (tmp_path / "b.png").write_bytes(png())
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    (tmp_path / "c.png").write_bytes(png())
    (tmp_path / "c.txt").write_bytes(b"0" * (MOST + 1))
    found = named(in_folder(tmp_path))

    assert found["a.png"].beside().caption == "a lamp"
    assert found["b.png"].beside().caption is None
    with pytest.raises(TooLarge, match=r"c.txt has 1,048,577 bytes, the limit is 1,048,576"):
        found["c.png"].beside()


# -- archives --------------------------------------------------------------------------------------------------------


def zipped(path: Path, entries: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name) if how == zipfile.ZIP_STORED else name, data)
    return path


def test_pictures_of_an_archive_are_read_with_clean_names_and_what_stands_beside(tmp_path: Path):
    entries = {
        "../../etc/a.png": png(),
        "/abs.png": png(),
        "b/c.png": png(),
        "b/c.txt": b"a lamp",
        "__MACOSX/b/._c.png": b"x",
        ".hidden.png": png(),
        "words.md": b"x",
    }

    with opened(zipped(tmp_path / "a.zip", entries)) as archive:
        found = named(in_archive(archive))
        assert sorted(found) == ["abs.png", "b/c.png", "etc/a.png"]
        assert found["b/c.png"].read(MOST) == png()
        assert found["b/c.png"].beside().caption == "a lamp"
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/../../b.png", ["a", "b.png"]),
        ("C:\\x\\y.png", ["C:", "x", "y.png"]),
        ("a\x1b[0m\0.png", ["a[0m.png"]),
        ("..", []),
    ],
)
def test_no_name_leads_anywhere(name: str, parts: list[str]):
    assert clean_parts(name) == parts


def test_a_link_in_an_archive_is_told(tmp_path: Path):
    info = zipfile.ZipInfo("link.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")

    with opened(tmp_path / "a.zip") as archive:
        (found,) = in_archive(archive)
    assert isinstance(found, Refused)


def test_an_entry_that_unpacks_to_far_more_is_refused_before_it_is_unpacked(tmp_path: Path):
    path = zipped(tmp_path / "a.zip", {"bomb.png": bytes(50 * 2**20)}, zipfile.ZIP_DEFLATED)

    with opened(path) as archive:
        (found,) = in_archive(archive)
        with pytest.raises(TooLarge, match="no picture does"):
            found.read(100 * 2**20)
        with pytest.raises(TooLarge, match=r"has 52,428,800 bytes unpacked, the limit is 1,048,576"):
            found.read(MOST)


def test_an_archive_that_lies_about_sizes_is_stopped_at_the_limit(tmp_path: Path):
    data = os.urandom(4000)
    path = zipped(tmp_path / "a.zip", {"a.png": data * 300}, zipfile.ZIP_DEFLATED)
    raw = bytearray(path.read_bytes())
    at = raw.rindex(b"PK\x01\x02") + 24
    raw[at : at + 4] = struct.pack("<I", 1000)
    path.write_bytes(raw)

    with opened(path) as archive:
        (found,) = in_archive(archive)
        with pytest.raises(InvalidRequest, match="cannot be unpacked"):
            found.read(MOST)


def test_entries_that_overlap_are_refused(tmp_path: Path):
    path = zipped(tmp_path / "a.zip", {"a.png": os.urandom(3000), "b.png": b"x"})
    raw = bytearray(path.read_bytes())
    first, second = raw.index(b"PK\x01\x02"), raw.rindex(b"PK\x01\x02")
    raw[second + 16 : second + 28] = raw[first + 16 : first + 28]  # checksum and sizes
    raw[second + 42 : second + 46] = raw[first + 42 : first + 46]  # and the place
    path.write_bytes(raw)

    with pytest.raises(InvalidRequest, match="overlap"), opened(path):
        pass


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip", b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_no_archive_is_told(tmp_path: Path, data: bytes):
    (tmp_path / "a.zip").write_bytes(data)

    with pytest.raises(InvalidRequest, match="no zip that can be read"), opened(tmp_path / "a.zip"):
        pass


def test_an_encrypted_or_damaged_entry_is_an_error_of_its_own(tmp_path: Path):
    path = zipped(tmp_path / "a.zip", {"a.png": png(), "b.png": png(30, 30)})
    raw = bytearray(path.read_bytes())
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    raw[60] ^= 0xFF
    path.write_bytes(raw)

    with opened(path) as archive:
        first, second = in_archive(archive)
        with pytest.raises(InvalidRequest, match="cannot be unpacked"):
            first.read(MOST)
        with pytest.raises(InvalidRequest, match="encrypted"):
            second.read(MOST)
