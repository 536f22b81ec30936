"""Sidecars keep their pictures' names and folders, and never meet, wherever they are unpacked."""

import io
import zipfile

import pytest

from api.responses.exports import Row, sidecars
from api.responses.sidecar_names import sidecar_names


def names(*files):
    return [
        name.removesuffix(".xmp") for name in sidecar_names([(i, file, f"img_{i}") for i, file in enumerate(files)])
    ]


def test_equal_names_in_two_folders_keep_their_folders():
    assert names("2023/IMG_1.jpg", "2024/IMG_1.jpg") == ["2023/IMG_1.jpg", "2024/IMG_1.jpg"]


def test_a_number_in_front_never_takes_another_pictures_name():
    files = ["a.png", "b.png", "2-a.png", "x.png", "y.png", "a.png", "5-a.png", "5-2-a.png", "a.png"]

    found = names(*files)

    assert found[:5] == files[:5]
    assert found[5] not in files
    assert (found[6], found[7]) == ("5-a.png", "5-2-a.png")
    assert len(set(found)) == len(files)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("IMG_1.JPG", "img_1.jpg"),
        ("caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("Straße.jpg", "STRASSE.jpg"),
        ("2023/a.jpg", "2023\\a.jpg"),
        ("a:b.jpg", "a?b.jpg"),
        ("a\0b.jpg", "a_b.jpg"),
        ("x" * 300 + ".jpg", "x" * 301 + ".jpg"),
        ("a.jpg ", "a.jpg."),
    ],
)
def test_names_that_some_system_takes_for_one_are_told_apart(first, second):
    one, other = names(first, second)

    assert one.casefold() != other.casefold()
    assert other.rpartition("/")[2].startswith("1-")


@pytest.mark.parametrize("name", ["con.jpg", "NUL", "aux.tar.png", "Com1.png", "lpt9", "sub/prn.png", "con/a.png"])
def test_no_part_is_a_device_of_windows(name):
    parts = names(name)[0].split("/")

    assert any(part.startswith("_") for part in parts)
    assert not {part.split(".")[0].lower() for part in parts} & {"con", "nul", "aux", "com1", "lpt9", "prn"}


def test_a_file_does_not_stand_where_anothers_folder_does():
    found = [name + ".xmp" for name in names("a.jpg", "a.jpg.xmp/b.jpg")]

    assert found[1] == "a.jpg.xmp/b.jpg.xmp"
    assert found[0] != "a.jpg.xmp"


@pytest.mark.parametrize("file", ["../../etc/x.png", "/etc/x.png", "C:\\dir\\x.png", "c:x.png/../x.png", "a//x.png"])
def test_no_name_leads_out_of_the_folder(file):
    assert names(file) == ["x.png"]


def test_a_picture_without_a_name_has_its_id():
    assert names("", "..", ".", "a/") == ["img_0", "img_1", "img_2", "img_3"]


@pytest.mark.parametrize("name", ["天" * 400 + ".jpg", "x" * 4000, "." + "y" * 600, "z" * 300 + "." + "e" * 300])
def test_every_part_can_be_made_on_a_disk(name, tmp_path):
    for part in sidecar_names([(0, name, "img"), (99_999, name, "img")]):
        (tmp_path / part).write_text("")


def test_a_zip_holds_every_caption_once_and_unpacks_whole(tmp_path):
    files = [
        "2023/IMG_1.jpg",
        "2024/IMG_1.jpg",
        "a.png",
        "a.png",
        "A.PNG",
        "4-A.PNG",
        "a\0.png",
        "con.png",
        "😀/😀.png",
    ]
    rows = [Row(index=i, file=f, image=None, state="succeeded", caption=f"no. {i}") for i, f in enumerate(files)]

    with zipfile.ZipFile(io.BytesIO(sidecars(rows))) as packed:
        packed.extractall(tmp_path)
        listed = packed.namelist()

    texts = [path.read_text() for path in tmp_path.rglob("*.xmp")]
    assert len(set(listed)) == len(texts) == len(files)
    assert all(any(f"no. {i}<" in text for text in texts) for i in range(len(files)))
