"""Whatever back end keeps the pictures, it keeps the same promises; a new one joins `STORES`, and these tests with it."""

import errno
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import pytest
from fakeredis import FakeRedis

from shared.errors import ArtifactStoreDown, ArtifactStoreFull, Gone, InvalidRequest, NotFound
from shared.pictures import folder_store
from shared.pictures.artifact_store import ID, id_of
from shared.pictures.folder_store import FolderStore
from shared.pictures.stores import STORES, open_store
from shared.redis import keys
from shared.settings import Settings

TTL_S = 3600
DATA = b"the bytes of a picture"


@pytest.fixture(params=sorted(STORES))
def store(request, tmp_path):
    settings = Settings(artifacts=request.param, artifacts_dir=tmp_path / "artifacts", artifact_ttl_s=TTL_S)
    return open_store(settings, FakeRedis())


def test_every_value_of_the_setting_has_a_store_and_there_is_no_other():
    assert set(STORES) == set(get_args(Settings.model_fields["artifacts"].annotation))


def test_what_is_put_comes_back_by_its_content(store):
    artifact_id = store.put(DATA)

    assert ID.match(artifact_id)
    assert artifact_id == id_of(DATA) == store.put(DATA)
    assert store.get(artifact_id) == DATA
    assert list(store.ids()) == [artifact_id]


def test_what_was_never_stored_is_not_found(store):
    with pytest.raises(NotFound, match="there is no picture img_"):
        store.get(id_of(b"another"))


@pytest.mark.parametrize("name", ["../etc/passwd", "img_", "img_" + "g" * 32, "img_" + "A" * 32, "store-id"])
def test_what_cannot_be_an_id_is_not_looked_for(store, name):
    with pytest.raises(NotFound, match="is no picture id"):
        store.get(name)


def test_renewing_names_what_is_not_here(store):
    here, away = store.put(DATA), id_of(b"another")

    assert store.renew([here, away]) == {away}
    assert store.renew([]) == set()


def test_asking_what_is_absent_names_it_and_is_no_use_of_the_rest(store):
    store.check_identity()
    here, away = store.put(DATA), id_of(b"another")

    assert store.absent([here, away]) == {away}
    assert store.absent([]) == set()


def test_asking_what_is_absent_does_not_keep_a_picture_alive(tmp_path):
    store = FolderStore(tmp_path, FakeRedis(), TTL_S)
    store.check_identity()
    artifact_id = store.put(DATA)
    path = tmp_path / artifact_id[4:6] / artifact_id
    os.utime(path, (1, 1))

    store.absent([artifact_id])

    assert path.stat().st_mtime == 1


def test_a_folder_that_is_not_mounted_is_away_and_not_empty(tmp_path):
    with pytest.raises(ArtifactStoreDown, match="not mounted"):
        FolderStore(tmp_path, FakeRedis(), TTL_S).absent([id_of(DATA)])


def test_what_is_deleted_is_not_there_any_more_and_may_be_deleted_twice(store):
    artifact_id = store.put(DATA)

    store.delete(artifact_id)
    store.delete(artifact_id)

    assert list(store.ids()) == []
    with pytest.raises(NotFound):
        store.get(artifact_id)


def test_sweeping_all_parts_leaves_what_was_just_used(store):
    artifact_id = store.put(DATA)

    assert sum(store.expire(part) for part in range(store.parts)) == 0
    assert list(store.ids()) == [artifact_id]


def test_a_smaller_one_lies_beside_its_picture_and_goes_with_it(tmp_path):
    store = FolderStore(tmp_path, FakeRedis(), TTL_S)
    artifact_id, other = store.put(DATA), store.put(b"another")

    store.put_smaller(artifact_id, "320-2", b"small")
    store.put_smaller(other, "320-2", b"its own")

    assert store.smaller(artifact_id, "320-2") == b"small"
    assert store.smaller(artifact_id, "640-2") is None
    assert set(store.ids()) == {artifact_id, other}
    store.delete(artifact_id)
    assert store.smaller(artifact_id, "320-2") is None
    assert store.smaller(other, "320-2") == b"its own"
    assert not list(tmp_path.glob(f"??/*{artifact_id}*"))


def test_a_smaller_one_is_made_anew_after_the_time_of_pictures_also_beside_a_kept_one(tmp_path):
    store = FolderStore(tmp_path, FakeRedis(), TTL_S)
    artifact_id = store.put(DATA)
    store.keep([artifact_id])
    store.put_smaller(artifact_id, "320-2", b"small")
    long_ago = time.time() - TTL_S - 60
    for file in (tmp_path / artifact_id[4:6]).iterdir():
        os.utime(file, (long_ago, long_ago))

    assert sum(store.expire(part) for part in range(store.parts)) == 0

    assert store.smaller(artifact_id, "320-2") is None
    assert store.get(artifact_id) == DATA


def test_smaller_ones_never_stand_in_the_way(store, tmp_path):
    artifact_id = store.put(DATA)
    shutil.rmtree(tmp_path / "artifacts", ignore_errors=True)
    (tmp_path / "artifacts").write_bytes(b"no folder")

    store.put_smaller(artifact_id, "320-2", b"small")

    assert store.smaller(artifact_id, "320-2") is None


def test_a_store_that_is_the_others_may_be_used(store):
    store.check_identity()
    store.check_identity()


def test_redis_drops_a_picture_and_says_later_that_it_is_gone(tmp_path):
    client = FakeRedis()
    store = open_store(Settings(artifacts="redis", artifact_ttl_s=TTL_S), client)
    artifact_id = store.put(DATA)

    assert 0 < client.ttl(keys.artifact(artifact_id)) <= TTL_S
    client.delete(keys.artifact(artifact_id))  # as its time does
    with pytest.raises(Gone, match=f"kept {TTL_S} s"):
        store.get(artifact_id)


def test_a_folder_drops_what_was_not_used_for_long_and_says_that_it_is_gone(tmp_path):
    store = FolderStore(tmp_path, FakeRedis(), TTL_S)
    old, fresh = store.put(DATA), store.put(b"another")
    long_ago = time.time() - TTL_S - 60
    os.utime(tmp_path / old[4:6] / old, (long_ago, long_ago))

    assert sum(store.expire(part) for part in range(store.parts)) == 1

    assert list(store.ids()) == [fresh]
    with pytest.raises(Gone, match=f"kept {TTL_S} s"):
        store.get(old)


def test_another_folder_than_the_others_use_is_refused(tmp_path):
    client = FakeRedis()
    FolderStore(tmp_path / "ours", client, TTL_S).check_identity()

    with pytest.raises(InvalidRequest, match="DARKROOM_ARTIFACTS_DIR"):
        FolderStore(tmp_path / "another", client, TTL_S).check_identity()


def test_processes_that_start_at_once_on_a_new_folder_agree_on_its_mark(tmp_path, monkeypatch):
    """Each looks before any has written; the last to write must not turn away those before it."""
    client, both_looked = FakeRedis(), threading.Barrier(2, timeout=60)
    make = folder_store.uuid.uuid4

    def together():
        both_looked.wait()
        return make()

    class Uuids:
        uuid4 = staticmethod(together)

    monkeypatch.setattr(folder_store, "uuid", Uuids)
    with ThreadPoolExecutor(2) as pool:
        starts = [pool.submit(FolderStore(tmp_path / "new", client, TTL_S).check_identity) for _ in range(2)]

        assert [start.result(60) for start in starts] == [None, None]


def test_a_folder_that_knows_no_hard_links_gets_its_mark_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(folder_store.os, "link", refuse)
    client = FakeRedis()

    for _ in range(2):
        FolderStore(tmp_path / "new", client, TTL_S).check_identity()

    assert [path.name for path in (tmp_path / "new").iterdir()] == [folder_store.MARK]


def test_a_full_disk_leaves_no_half_written_file(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder_store.os, "fsync", full)
    store = FolderStore(tmp_path, FakeRedis(), TTL_S)

    with pytest.raises(ArtifactStoreFull, match="no room for 22 bytes"):
        store.put(DATA)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_is_kept_outlives_its_time_until_it_is_let_go(tmp_path):
    store = FolderStore(tmp_path, FakeRedis(), TTL_S)
    kept = store.put(DATA)
    assert store.keep([kept]) == set()
    age(store, kept)

    assert sum(store.expire(part) for part in range(store.parts)) == 0
    store.let_go([kept])
    assert sum(store.expire(part) for part in range(store.parts)) == 1


def test_redis_gives_what_is_kept_no_end_whatever_else_is_done_with_it():
    client = FakeRedis()
    store = open_store(Settings(artifacts="redis", artifact_ttl_s=TTL_S), client)
    kept = store.put(DATA)
    store.keep([kept])

    store.get(kept)
    store.put(DATA)
    assert store.renew([kept]) == set()

    assert client.ttl(keys.artifact(kept)) == -1
    store.let_go([kept])
    assert 0 < client.ttl(keys.artifact(kept)) <= TTL_S


def test_what_is_kept_is_told_and_cannot_be_deleted(store):
    kept, loose = store.put(DATA), store.put(b"another")
    assert store.keep([kept]) == set()

    assert store.kept([kept, loose]) == {kept} == set(store.kept_ids())
    store.delete(kept)
    assert store.get(kept) == DATA
    store.let_go([kept])
    store.delete(kept)
    assert set(store.ids()) == {loose}


def test_keeping_names_what_is_not_here(store):
    here, away = store.put(DATA), id_of(b"another")

    assert store.keep([here, away]) == {away}
    assert store.keep([]) == set()


def test_a_picture_that_is_kept_while_it_is_removed_stays(tmp_path, monkeypatch):
    store = FolderStore(tmp_path, FakeRedis(), TTL_S)
    picture = store.put(DATA)
    age(store, picture)
    rename = folder_store.Path.rename

    def kept_meanwhile(path, target):
        if path.name == picture:  # between the sweep's look and its removal
            monkeypatch.setattr(folder_store.Path, "rename", rename)
            store.keep([picture])
        return rename(path, target)

    monkeypatch.setattr(folder_store.Path, "rename", kept_meanwhile)
    for part in range(store.parts):
        store.expire(part)

    assert store.get(picture) == DATA


def age(store: FolderStore, artifact_id: str) -> None:
    """As if nobody had used it for longer than its time."""
    long_ago = time.time() - TTL_S - 60
    os.utime(store.folder / artifact_id[4:6] / artifact_id, (long_ago, long_ago))
