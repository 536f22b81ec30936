"""`darkroom batch` and `darkroom.batches` against the real app; feeder and workers are played."""

import argparse
import csv
import json
import threading
import zipfile

import httpx
import pytest

from api import batch_command
from api.client import Darkroom
from shared.errors import InvalidRequest, NotFound
from tests.batches_played import STEP, fails_where, run_all
from tests.pictures import jpeg, png


@pytest.fixture
def darkroom(web, monkeypatch):
    """A client of the app in this process, also for the command."""
    transport = httpx.WSGITransport(app=web.application)
    monkeypatch.setattr(batch_command, "Darkroom", lambda url, key: Darkroom(url, key=key, transport=transport))
    with Darkroom("http://darkroom", transport=transport) as client:
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
    options = argparse.Namespace(**(defaults | {"folder": folder, "out": None, "url": "http://darkroom"} | given))
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

    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert rows[0]["file"] == "0.png"
    assert rows[0]["nsfw"] == "0.25"
    assert "six.jpg.xmp" in zipfile.ZipFile(tmp_path / "a.zip").namelist()


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
