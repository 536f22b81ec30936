"""Assets to take away: a whole zip, sent while it is made, of what one may see and nothing else."""

import io
import json
import socket
import threading
import zipfile

import pytest
from werkzeug.serving import make_server

from api.app import create_app
from api.library import xmp
from api.library.newcomers import NewAsset, add
from api.services import Services, build_services
from shared.contracts.access import Role
from shared.pictures.pixels import to_png
from shared.settings import Settings
from tests.library_played import Caller, owned, picture
from tests.rig import wait_for


@pytest.fixture
def services(library_settings: Settings) -> Services:
    return build_services(library_settings)


@pytest.fixture
def anna(services: Services) -> Caller:
    return Caller(services, "anna")


@pytest.fixture
def bert(services: Services) -> Caller:
    return Caller(services, "bert")


def uploaded(services: Services, owner: str, *names: str) -> list[str]:
    """Assets of files with these names."""
    ids = []
    for name in names:
        made = picture()
        data = to_png(made)
        asset = NewAsset(
            id=f"ast_{len(ids):024x}",
            owner=owner,
            picture=services.artifacts.put(data),
            origin="upload",
            kind="upload",
            width=made.width,
            height=made.height,
            created_ms=services.store.now_ms(),
            size_bytes=len(data),
            file_name=name,
        )
        with services.library.database.writing() as session:
            add(session, [asset], services.store.now_ms())
        ids.append(asset.id)
    return ids


def opened(data: bytes) -> tuple[zipfile.ZipFile, list[dict]]:
    """A zip that is whole, and its lines."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    names = archive.namelist()
    assert len({name.casefold() for name in names}) == len(names)
    return archive, [json.loads(line) for line in archive.read("assets.jsonl").splitlines()]


def test_it_has_each_picture_a_sidecar_and_a_line_with_everything(services, anna):
    ids = owned(services, "anna", 3)
    said = {"stars": 4, "caption": "A lamp", "add_tags": ["lamp", "brass"], "note": "for Bert"}
    anna.patch("/v1/assets", json={"ids": ids[:1], "changes": said})

    archive, lines = opened(anna.get("/v1/assets/export"))

    assert [line["id"] for line in lines] == ids[::-1]
    line = lines[-1]
    assert anna.get(f"/v1/images/{line['picture']}") == archive.read(line["file"])
    assert (line["caption"], line["note"], line["stars"], line["missing"]) == ("A lamp", "for Bert", 4, None)
    told = xmp.read(archive.read(line["sidecar"]).decode())
    assert (told.caption, told.stars, set(told.tags)) == ("A lamp", 4, {"lamp", "brass"})
    assert len(archive.namelist()) == 3 * 2 + 1


def test_a_filter_or_ids_say_which(services, anna):
    ids = owned(services, "anna", 4)
    anna.patch("/v1/assets", json={"ids": ids[:2], "changes": {"stars": 5}})

    ways = [
        anna.get("/v1/assets/export?stars_min=4"),
        anna.get("/v1/assets/export", query_string={"q": "stars:>=4"}),
        anna.post("/v1/assets/export", json={"filter": {"stars_min": 4}}),
        anna.post("/v1/assets/export", json={"ids": ids[:2]}),
    ]

    assert [{line["id"] for line in opened(data)[1]} for data in ways] == [set(ids[:2])] * 4


def test_an_asset_whose_bytes_are_gone_is_listed_and_the_rest_is_there(services, anna):
    ids = owned(services, "anna", 3)
    lost = anna.get(f"/v1/assets/{ids[1]}")["picture"]
    services.artifacts.let_go([lost])
    services.artifacts.delete(lost)

    archive, lines = opened(anna.get("/v1/assets/export"))

    told = {line["id"]: line for line in lines}
    assert told[ids[1]]["file"] is None
    assert lost in told[ids[1]]["missing"]
    assert all(archive.read(told[each]["file"]) for each in (ids[0], ids[2]))


NAMES = [
    "../../etc/passwd",
    "a/b.png",
    "b.png",
    "B.PNG",
    "CON.png",
    "nul\x00.png",
    "🎨" * 60 + ".png",
    "x" * 255,
    "assets.jsonl",
    "b.png.xmp",
    "e\u0301.png",
    "\u00e9.png",
    ".",
    " ",
]


def test_names_are_clean_and_no_two_are_alike(services, anna):
    uploaded(services, "anna", *(name.replace("\x00", "\x01") for name in NAMES))

    archive, lines = opened(anna.get("/v1/assets/export"))

    assert len(lines) == len(NAMES)
    for name in archive.namelist():
        assert ".." not in name.split("/")
        assert "/" not in name
        assert not set(name) & set('\\:*?"<>|\x00\x01')
        assert len(name.encode()) <= 255


def test_what_is_anothers_is_not_taken_away(services, anna, bert):
    (hers,) = owned(services, "anna")
    (seen,) = owned(services, "anna")
    anna.patch(f"/v1/assets/{seen}", json={"visibility": "rack"})

    assert opened(bert.get("/v1/assets/export"))[1] == []
    assert [line["id"] for line in opened(bert.get("/v1/assets/export?scope=all"))[1]] == [seen]
    bert.post("/v1/assets/export", json={"ids": [seen, hers]}, expect=404)
    assert opened(bert.post("/v1/assets/export", json={"ids": [seen]}))[1][0]["missing"] is None


def test_viewers_may_take_away_what_is_theirs(services):
    vera = Caller(services, "vera", Role.VIEWER)

    assert opened(vera.get("/v1/assets/export"))[1] == []


def test_a_client_that_goes_away_frees_everything(services, anna, monkeypatch):
    for _ in range(40):
        owned(services, "anna")
    read, asked = services.artifacts.get, []

    def slowly_read(picture_id):
        asked.append(picture_id)
        return read(picture_id) + bytes(2**20)  # more than sockets hold by themselves

    monkeypatch.setattr(services.artifacts, "get", slowly_read)
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            head = "".join(f"{name}: {value}\r\n" for name, value in anna._headers.items())
            connection.sendall(f"GET /v1/assets/export HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
            assert connection.recv(1000).startswith(b"HTTP/1.")
        wait_for(lambda: not any("process_request" in each.name for each in threading.enumerate()), what="its end")
    finally:
        server.shutdown()
        thread.join()

    assert 0 < len(asked) < 40
    assert services.library.database.engine.pool.checkedout() == 0
    assert len(opened(anna.get("/v1/assets/export"))[1]) == 40
