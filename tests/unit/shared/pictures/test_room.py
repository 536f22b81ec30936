import pytest
from fakeredis import FakeRedis

from shared.errors import ArtifactStoreFull
from shared.pictures.room import Door, read_report, report, write_report
from shared.settings import Settings


def test_the_day_on_which_the_room_is_used_up_follows_from_the_rate():
    told = report(11_024, 100_000, 5_000, grown_mib=7_000, days=7, min_free_mib=1_024)

    assert (told.kept_mib_per_day, told.full_in_days) == (1_000.0, 10.0)


@pytest.mark.parametrize(("grown_mib", "free_mib", "expected"), [(0, 5_000, None), (1, 10**9, None), (700, 100, 0.0)])
def test_what_does_not_grow_is_never_full_and_what_is_full_is_full_today(grown_mib, free_mib, expected):
    assert report(free_mib, 10**9, 0, grown_mib, 7, 1_024).full_in_days == expected


def test_a_report_comes_back_until_it_is_too_old():
    client = FakeRedis()
    told = report(11_024, 100_000, 5_000, 7_000, 7, 1_024)

    write_report(client, told)

    assert read_report(client) == told
    client.flushall()
    assert read_report(client) is None


def test_the_door_closes_below_the_least_room_and_says_how_much_there_is(tmp_path):
    now = [0.0]
    door = Door(Settings(data_dir=tmp_path, min_free_mib=2**40), FakeRedis(), clock=lambda: now[0])

    with pytest.raises(ArtifactStoreFull, match=r"DARKROOM_MIN_FREE_MIB"):
        door.check()


@pytest.mark.parametrize("least", [0, 1])
def test_the_door_is_open_while_there_is_room(tmp_path, least):
    Door(Settings(data_dir=tmp_path / "not" / "there yet", min_free_mib=least), FakeRedis()).check()
