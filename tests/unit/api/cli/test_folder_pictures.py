"""Which files of a folder are sent, and under which names."""

import os

import pytest

from api.cli.folder_pictures import name_of, oversized, pictures_in
from shared.contracts.batches import MAX_NAME_CHARS
from shared.errors import InvalidRequest


def touch(folder, *names):
    for name in names:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(b"x")


def test_what_a_mac_and_programs_leave_behind_is_no_picture(tmp_path):
    touch(tmp_path, "a.jpg", "._a.jpg", ".DS_Store", ".hidden.png", ".thumbs/b.jpg", "c/.git/d.png", "__MACOSX/._a.jpg")
    touch(tmp_path, "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "notes.txt", "b.jpg.gz", "c/E.WEBP", "d.heic", "e.avif")

    assert [found.name for found in pictures_in(tmp_path)] == ["a.jpg", "c/E.WEBP", "d.heic", "e.avif"]


def test_a_hidden_folder_that_is_named_is_read(tmp_path):
    touch(tmp_path, ".photos/a.jpg")

    assert [found.name for found in pictures_in(tmp_path / ".photos")] == ["a.jpg"]


def test_a_name_that_is_not_utf8_can_be_sent_and_differs_from_its_neighbours(tmp_path):
    touch(tmp_path, b"caf\xe9.jpg", b"caf\xe8.jpg", "café.jpg".encode(), b"\xff/x.jpg")

    names = [found.name for found in pictures_in(tmp_path)]

    assert set(names) == {"caf%E9.jpg", "caf%E8.jpg", "café.jpg", "%FF/x.jpg"}
    assert all(name.encode() for name in names)


def test_a_deep_path_is_accepted_and_one_that_is_too_long_is_refused_alone(tmp_path, monkeypatch):
    deep = "/".join(["d" * 100] * 5) + "/a.jpg"
    touch(tmp_path, deep, "b.jpg")
    assert [found.error for found in pictures_in(tmp_path)] == [None, None]

    monkeypatch.setattr("api.cli.folder_pictures.MAX_NAME_CHARS", 255)
    refused = {found.name: found.error for found in pictures_in(tmp_path)}

    assert refused["b.jpg"] is None
    assert "510 characters, the limit is 255" in refused[deep].message
    assert len(deep) < MAX_NAME_CHARS


def test_a_link_that_leads_nowhere_and_a_file_that_is_too_large_are_refused_with_their_reason(tmp_path):
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "nowhere")
    touch(tmp_path, "a.jpg")
    os.truncate(tmp_path / "a.jpg", 2001)

    large, lost = (oversized(found, 2000) for found in pictures_in(tmp_path))

    assert "2,001 bytes, the limit is 2,000" in large.error.message
    assert "No such file" in lost.error.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_told(tmp_path):
    touch(tmp_path, "a.jpg", "locked/b.jpg")
    (tmp_path / "locked").chmod(0)

    errors = {found.name: found.error for found in pictures_in(tmp_path)}
    (tmp_path / "locked").chmod(0o700)

    assert "cannot be read" in errors["locked"].message


def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")

    with pytest.raises(InvalidRequest, match="no pictures"):
        pictures_in(tmp_path)


def test_a_name_is_the_path_below_the_folder(tmp_path):
    assert name_of(tmp_path / "a" / "b.jpg", tmp_path) == "a/b.jpg"
