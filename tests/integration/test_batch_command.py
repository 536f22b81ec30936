"""`darkroom batch` and `darkroom.batches` against the real app; feeder and workers are played."""

import argparse
import csv
import io
import json
import os
import threading
import zipfile

import httpx
import pytest

from api.app import create_app
from api.cli import batch as batch_command
from api.client import Darkroom
from api.services import build_services
from shared.errors import InvalidRequest, NotFound, OurError
from tests.batches_played import STEP, fails_where, run_all
from tests.pictures import jpeg, png


@pytest.fixture
def darkroom(web, monkeypatch):
    """A client of the app in this process, also for the command."""
    transport = httpx.WSGITransport(app=web.application)
    monkeypatch.setattr(batch_command, "Darkroom", lambda url, key: Darkroom(url, key=key, transport=transport))
    with Darkroom("http://localhost", transport=transport) as client:
        yield client


@pytest.fixture
def folder(tmp_path):
    pictures = tmp_path / "pictures"
    (pictures / "below").mkdir(parents=True)
    for number in range(5):
        (pictures / f"{number}.png").write_bytes(png(8, 8, (number, 0, 0)))
    (pictures / "below" / "six.jpg").write_bytes(jpeg())
    (pictures / "broken.png").write_bytes(png()[:70])
    (pictures / "notes.txt").write_text("no picture")
    return pictures


def command(folder, **given):
    """The command with these options; a worker works beside it."""
    defaults = {"caption": True, "tags": True, "rate": False, "length": "normal", "model": None, "fresh": False}
    options = argparse.Namespace(**(defaults | {"folder": folder, "out": None, "url": "http://localhost"} | given))
    return batch_command.run(options)


class Worker:
    """Works until told to stop."""

    def __init__(self, services, *outcome):
        self._stop = threading.Event()
        self._services, self._outcome = services, outcome
        self.ran = []
        self._thread = threading.Thread(target=self._work)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _work(self):
        while not self._stop.wait(0.02):
            self.ran += run_all(self._services, *self._outcome)


def test_a_folder_is_captioned_and_a_broken_file_is_named(darkroom, services, folder, tmp_path, capsys):
    out = tmp_path / "captions.jsonl"
    with Worker(services):
        status = command(folder, out=out)

    rows = {row["file"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert status == 1
    assert set(rows) == {"0.png", "1.png", "2.png", "3.png", "4.png", "below/six.jpg", "broken.png"}
    assert rows["below/six.jpg"]["caption"].startswith("seen: img_")
    assert rows["below/six.jpg"]["tags"] == ["red, round", "ball"]
    assert rows["broken.png"]["error"]["code"] == "bad_picture"
    assert "7 pictures: 6 done, 1 failed" in capsys.readouterr().err


def test_the_same_command_again_uploads_nothing_and_asks_nothing_again(
    darkroom, services, folder, tmp_path, monkeypatch
):
    with Worker(services):
        command(folder, out=tmp_path / "a.jsonl")
    uploads = []
    monkeypatch.setattr(Darkroom, "upload", lambda self, data: uploads.append(data) or "")
    (folder / "broken.png").unlink()

    with Worker(services) as worker:
        status = command(folder, out=tmp_path / "b.jsonl")

    assert (status, uploads, worker.ran) == (0, [], [])
    kept = [line for line in (tmp_path / "a.jsonl").read_text().splitlines() if "broken" not in line]
    assert (tmp_path / "b.jsonl").read_text().splitlines() == kept


def test_the_same_command_again_resumes_what_failed(darkroom, services, folder, tmp_path):
    (folder / "broken.png").unlink()
    with Worker(services, fails_where(lambda job: job.member == 2)):
        first = command(folder, out=tmp_path / "a.jsonl")
    with Worker(services) as worker:
        second = command(folder, out=tmp_path / "a.jsonl")

    assert (first, second) == (1, 0)
    assert [job.member for job in worker.ran] == [2]


def test_tables_and_sidecars_are_written_by_the_files_ending(darkroom, services, folder, tmp_path):
    with Worker(services):
        command(folder, out=tmp_path / "a.csv", rate=True)
        command(folder, out=tmp_path / "a.zip", rate=True)

    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbffile,")
    rows = list(csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8-sig", newline="")))
    assert rows[0]["file"] == "0.png"
    assert rows[0]["nsfw"] == "0.25"
    assert (rows[-1]["file"], rows[-1]["state"]) == ("broken.png", "failed")
    assert rows[-1]["error"].startswith("bad_picture: ")
    assert "below/six.jpg.xmp" in zipfile.ZipFile(tmp_path / "a.zip").namelist()


def test_a_folder_without_pictures_and_a_strange_ending_are_refused_before_anything_is_sent(darkroom, folder, tmp_path):
    with pytest.raises(InvalidRequest, match="no pictures"):
        command(empty(tmp_path))
    with pytest.raises(InvalidRequest, match="no folder"):
        command(tmp_path / "nowhere")
    with pytest.raises(InvalidRequest, match=r"\.jsonl"):
        command(folder, out=tmp_path / "a.xlsx")


def empty(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_a_name_that_is_not_utf8_neither_stops_the_batch_nor_loses_results(darkroom, services, folder, tmp_path):
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(png(8, 8, (9, 9, 9)))
    (folder / os.fsdecode(b"brok\xe9.png")).write_bytes(b"no picture")
    renamed = folder.rename(folder.with_name(os.fsdecode(b"pictures \xff\n" + b"x" * 200)))

    found = {}
    for form in ("jsonl", "csv", "zip"):
        with Worker(services):
            assert command(renamed, out=tmp_path / f"a.{form}") == 1
        found[form] = (tmp_path / f"a.{form}").read_bytes()

    rows = {row["file"]: row for row in map(json.loads, found["jsonl"].decode().splitlines())}
    assert rows["caf%E9.png"]["state"] == "succeeded"
    assert rows["brok%E9.png"]["error"]["code"] == "bad_picture"
    assert b"\r\ncaf%E9.png,img_" in found["csv"]
    assert b"\r\nbrok%E9.png,," in found["csv"]
    assert "caf%E9.png.xmp" in zipfile.ZipFile(io.BytesIO(found["zip"])).namelist()


def test_a_path_longer_than_a_file_name_may_be_is_a_member_like_any_other(darkroom, services, folder, tmp_path):
    deep = folder.joinpath(*["d" * 100] * 4)
    deep.mkdir(parents=True)
    (deep / "a.png").write_bytes(png(8, 8, (7, 7, 7)))

    with Worker(services):
        command(folder, out=tmp_path / "a.jsonl")

    rows = {row["file"]: row["state"] for row in map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines())}
    assert rows["/".join(["d" * 100] * 4) + "/a.png"] == "succeeded"


@pytest.fixture
def uploads(monkeypatch):
    """What is uploaded from now on."""
    sent = []
    upload = Darkroom.upload
    monkeypatch.setattr(Darkroom, "upload", lambda self, data: sent.append(data) or upload(self, data))
    return sent


def test_what_the_server_would_refuse_is_refused_before_anything_is_uploaded(
    darkroom, settings, folder, tmp_path, uploads, monkeypatch
):
    with pytest.raises(NotFound, match="unknown model 'nobody'"):
        command(folder, model="nobody")
    with pytest.raises(InvalidRequest, match="cannot be written"):
        command(folder, out=tmp_path / "nowhere" / "a.csv")
    small = create_app(build_services(settings.model_copy(update={"max_batch_members": 3})))
    transport = httpx.WSGITransport(app=small)
    monkeypatch.setattr(batch_command, "Darkroom", lambda url, key: Darkroom(url, key=key, transport=transport))
    with pytest.raises(InvalidRequest, match="3 members here, this one has 7"):
        command(folder)

    assert uploads == []


def test_a_file_with_too_many_bytes_is_refused_alone_and_never_sent(darkroom, services, folder, tmp_path, uploads):
    large = folder / "large.png"
    large.write_bytes(png())
    os.truncate(large, services.picture_limits.max_bytes + 1)

    with Worker(services):
        command(folder, out=tmp_path / "a.jsonl")

    rows = {row["file"]: row for row in map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines())}
    assert "the limit is" in rows["large.png"]["error"]["message"]
    assert rows["0.png"]["state"] == "succeeded"
    assert max(map(len, uploads)) < 10_000


@pytest.mark.parametrize("form", ["jsonl", "csv", "zip"])
def test_a_folder_of_refused_files_alone_gives_a_whole_file_all_the_same(darkroom, tmp_path, form):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "a.png").write_bytes(b"no picture")

    assert command(bad, out=tmp_path / f"a.{form}") == 1

    written = (tmp_path / f"a.{form}").read_bytes()
    if form == "zip":
        assert zipfile.ZipFile(io.BytesIO(written)).namelist() == []
    else:
        assert written.count(b"a.png") == 1
        assert written.startswith(b"{" if form == "jsonl" else b"\xef\xbb\xbffile,")


def test_a_picture_that_breaks_the_server_fails_alone(darkroom, services, folder, tmp_path, monkeypatch):
    upload, breaks = Darkroom.upload, (folder / "3.png").read_bytes()

    def uploading(self, data):
        if data == breaks:
            raise OurError("something broke")
        return upload(self, data)

    monkeypatch.setattr(Darkroom, "upload", uploading)
    monkeypatch.setattr(batch_command.time, "sleep", lambda s: None)
    with Worker(services):
        command(folder, out=tmp_path / "a.jsonl")

    rows = {row["file"]: row["state"] for row in map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines())}
    assert (rows["3.png"], rows["4.png"]) == ("failed", "succeeded")


def test_a_dry_run_checks_everything_and_keeps_nothing(darkroom, services):
    checked = darkroom.batches.check(prompts=["a", "b"], steps=[STEP])

    assert (checked.total, checked.steps[0].kind) == (2, "generate")
    assert checked.pictures.max_bytes == services.picture_limits.max_bytes
    assert services.batches.page(10, None)[0] == []


def test_the_client_does_everything_with_a_batch(darkroom, services):
    batch = darkroom.batches.start(prompts=["a", "b"], steps=[STEP])
    seen = []
    with Worker(services, fails_where(lambda job: job.member == 1)):
        ended = darkroom.batches.wait(batch.id, lambda now: seen.append(now.percent), limit_s=30)

    assert (ended.state, ended.counts["failed"], seen[-1]) == ("finished", 1, 100)
    assert [member.index for member in darkroom.batches.members(batch.id, "failed")] == [1]
    assert darkroom.batches.resume(batch.id).counts["waiting"] == 1
    assert darkroom.batches.cancel(batch.id).state == "cancelled"
    assert len(darkroom.batches.export(batch.id, "csv").splitlines()) == 3
    darkroom.batches.delete(batch.id)
    with pytest.raises(Exception, match="deleted"):
        darkroom.batches.get(batch.id)
    with pytest.raises(NotFound):
        darkroom.batches.get("bat_" + "0" * 24)
