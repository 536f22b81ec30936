"""Files that other programs read: every row whole, every name harmless."""

import csv
import io
import json
import zipfile
from xml.etree import ElementTree

from api.library import xmp
from api.library.xmp import Described
from api.responses.exports import COLUMNS, Row, csv_of, jsonl, row_of, sidecars
from shared.batches.members import MemberRow
from shared.contracts.batch_records import Member, MemberState
from shared.contracts.jobs import Failure, JobRecord, State

HARD = 'a "fox" & <hen>,\nünder 天 \x00\x0b'
NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
}


def row(**fields):
    return Row(**({"index": 0, "file": "a.png", "image": "img_1", "state": "succeeded"} | fields))


def job(**fields):
    return JobRecord(**({"id": "job_1", "kind": "analyze", "model": "m", "state": State.SUCCEEDED} | fields))


def test_a_row_takes_caption_tags_and_rating_from_the_jobs():
    answers = [
        {"task": "caption", "ok": True, "answer": {"text": "a fox"}},
        {"task": "tags", "ok": True, "answer": {"tags": [{"name": "fox", "score": 0.9}, {"name": "snow"}]}},
        {"task": "rating", "ok": True, "answer": {"nsfw": 0.1, "is_nsfw": False}},
        {"task": "detect", "ok": False, "error": {"code": "engine_failed"}},
    ]
    made = job(kind="generate", result={"images": [{"id": "img_2"}]})
    member = MemberRow(3, MemberState.SUCCEEDED, Member(name="fox.png", image="img_1"), 0)

    found = row_of(member, [job(result={"answers": answers}), made])

    assert (found.caption, found.tags, found.nsfw, found.is_nsfw) == ("a fox", ["fox", "snow"], 0.1, False)
    assert found.pictures == ["img_2"]
    assert [answer["task"] for answer in found.answers] == ["caption", "tags", "rating"]


def test_a_failed_member_keeps_what_it_had_and_tells_why():
    error = Failure(code="engine_failed", message="no")
    member = MemberRow(0, MemberState.FAILED, Member(name="a"), 0)

    found = row_of(member, [job(result={"answers": []}), job(state=State.FAILED, error=error)])

    assert found.error == {"code": "engine_failed", "message": "no", "retryable": False}


def test_each_line_is_one_object_whatever_a_caption_holds():
    lines = jsonl([row(caption=HARD), row(index=1)]).splitlines()

    assert [json.loads(line)["caption"] for line in lines] == [HARD, None]


def test_the_table_reads_back():
    table = list(csv.DictReader(io.StringIO(csv_of([row(caption='x, "y"\nz', tags=["a", "b c"], nsfw=0.5)]))))

    assert tuple(table[0]) == COLUMNS
    assert (table[0]["caption"], table[0]["tags"], table[0]["nsfw"]) == ('x, "y"\nz', "a; b c", "0.5")


def test_no_cell_is_a_formula():
    table = csv_of([row(file="=HYPERLINK(1)", caption="@cmd", prompt="-1+2")])

    assert "'=HYPERLINK(1)" in table
    assert "'@cmd" in table
    assert "'-1+2" in table


def test_a_sidecar_is_xml_that_holds_caption_and_tags():
    tree = ElementTree.fromstring(xmp.write(Described(HARD, ("<b>", "snow"), nsfw=0.25, is_nsfw=False)))

    assert tree.find(".//dc:description/rdf:Alt/rdf:li", NAMESPACES).text == 'a "fox" & <hen>,\nünder 天 '
    assert [item.text for item in tree.findall(".//dc:subject/rdf:Bag/rdf:li", NAMESPACES)] == ["<b>", "snow"]


def test_sidecars_are_named_like_their_pictures_and_never_leave_the_folder():
    names = ["a.jpg", "a.png", "a.png", "../../etc/x.png", "C:\\y.png", "", ".."]
    rows = [row(index=i, file=name, image=f"img_{i}", caption="x") for i, name in enumerate(names)]

    packed = zipfile.ZipFile(io.BytesIO(sidecars([*rows, row(caption=None)])))

    assert packed.namelist() == [
        *("a.jpg.xmp", "a.png.xmp", "2-a.png.xmp", "x.png.xmp", "y.png.xmp", "img_5.xmp", "img_6.xmp"),
    ]
