"""Every ended job's pictures become assets, once, whatever dies in between; on SQLite and on PostgreSQL."""

import threading

import pytest
import redis
from sqlalchemy import func, select
from sqlalchemy.orm import SessionTransaction

from api.library import ingest as ingest_module
from api.library.newcomers import job_asset_id
from api.library.tables import Asset, AssetParent, AssetText, Position, Prompt
from api.services import Services, build_services
from shared.contracts.jobs import State
from shared.errors import LibraryUnavailable
from shared.redis import keys
from shared.settings import Settings
from tests.library_played import analysed, ended, library_of, result_of


@pytest.fixture
def services(library_settings: Settings) -> Services:
    return build_services(library_settings)


def test_a_job_that_ended_becomes_an_asset_with_everything_that_is_known(services: Services):
    record = ended(services, params={"prompt": "a lamp", "negative_prompt": "blur", "steps": 4, "guidance_scale": 2.5})

    assert services.library.ingest.look() == 1

    asset, text = only(services)
    row = record.result["images"][0]
    assert (asset.id, asset.owner, asset.picture) == (job_asset_id(record.id, 0), "anna", row["id"])
    assert (asset.origin, asset.kind, asset.model, asset.job) == ("job", "generate", "sdxl-toy", record.id)
    assert (asset.seed, asset.steps, asset.guidance_scale) == (7, 4, 2.5)
    assert (asset.width, asset.height, asset.thumbhash) == (24, 16, row["thumbhash"])
    assert asset.dhash is not None
    assert asset.created_ms == record.ended_at_ms
    assert (text.prompt, text.negative_prompt) == ("a lamp", "blur")
    assert services.artifacts.kept([asset.picture]) == {asset.picture}


def test_a_job_of_several_pictures_becomes_a_stack_with_one_on_top(services: Services):
    ended(services, result_of(services, 3), params={"n": 3})

    services.library.ingest.look()

    with services.library.database.reading() as session:
        rows = session.execute(select(Asset.job_index, Asset.on_top).order_by(Asset.job_index)).all()
    assert [tuple(row) for row in rows] == [(0, True), (1, False), (2, False)]


def test_a_picture_made_from_another_names_it(services: Services):
    first = ended(services)
    ended(services, params={"image": first.result["images"][0]["id"]})

    services.library.ingest.look()

    with services.library.database.reading() as session:
        assert list(session.scalars(select(AssetParent.picture))) == [first.result["images"][0]["id"]]


@pytest.mark.parametrize(
    ("by_default", "said", "stays"),
    [(True, None, True), (True, False, False), (False, None, False), (False, True, True)],
)
def test_a_job_keeps_its_pictures_as_it_says_or_else_as_the_rack_does(library_settings, by_default, said, stays):
    services = build_services(library_settings.model_copy(update={"keep": by_default}))
    record = ended(services, keep=said)

    services.library.ingest.look()

    assert count(services) == int(stays)
    assert bool(services.artifacts.kept([record.result["images"][0]["id"]])) == stays


def test_jobs_without_pictures_leave_their_prompts_only(services: Services):
    ended(services, state=State.FAILED, params={"prompt": "lost"})
    ended(services, state=State.CANCELLED, params={"prompt": "lost"})

    services.library.ingest.look()

    assert count(services) == 0
    with services.library.database.reading() as session:
        assert session.execute(select(Prompt.prompt, Prompt.uses, Prompt.owner)).all() == [("lost", 2, "anna")]


def test_records_of_addresses_belong_to_the_local_person(services: Services):
    for caller in ("127.0.0.1", "::1", "anonymous"):
        ended(services, caller=caller)

    services.library.ingest.look()

    with services.library.database.reading() as session:
        assert set(session.scalars(select(Asset.owner))) == {"local"}


# -- once, and never lost --------------------------------------------------------------------------------------------


STEPS = ("get_many", "keep", "add", "remember", "move_on", "commit", "trim")


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_neither_loses_nor_doubles_an_asset(services: Services, monkeypatch, step: str):
    records = [ended(services) for _ in range(3)]
    with monkeypatch.context() as patch:
        crash_at(step, services, patch)
        with pytest.raises(Crash):
            services.library.ingest.look()
    ended(services)
    after = library_of(services)

    while after.ingest.look():
        pass

    assert count(services) == 4
    pictures = [record.result["images"][0]["id"] for record in records]
    assert services.artifacts.kept(pictures) == set(pictures)
    with services.library.database.reading() as session:
        assert session.scalar(select(Prompt.uses)) == 4


def test_two_processes_that_read_at_once_take_in_each_job_once(services: Services):
    for _ in range(40):
        ended(services)
    libraries = [library_of(services) for _ in range(4)]
    failed: list[Exception] = []

    def read(library) -> None:
        try:
            while library.ingest.look():
                pass
        except Exception as exc:
            failed.append(exc)

    threads = [threading.Thread(target=read, args=(library,)) for library in libraries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert count(services) == 40
    with services.library.database.reading() as session:
        assert session.scalar(select(Prompt.uses)) == 40


def test_the_stream_is_trimmed_only_as_far_as_the_library_has_committed(services: Services, monkeypatch):
    monkeypatch.setattr(ingest_module, "AT_ONCE", 2)
    for _ in range(5):
        ended(services)

    services.library.ingest.look()

    with services.library.database.reading() as session:
        position = session.get_one(Position, ingest_module.STREAM).value
    left = [entry.decode() for entry, _ in services.store.redis.xrange(keys.ENDED)]
    assert left[0] == position
    assert len(left) == 4  # the one that was read last, and three that were not


def test_a_redis_that_lost_its_memory_is_read_from_its_new_start(services: Services, redis_url: str):
    ended(services)
    services.library.ingest.look()
    with services.library.database.writing() as session:  # from a clock that was ahead
        session.get_one(Position, ingest_module.STREAM).value = "99999999999999-0"
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    ended(services)

    services.library.ingest.look()
    services.library.ingest.look()

    assert count(services) == 2


def test_an_asset_deleted_for_good_is_not_brought_back_by_its_record(services: Services):
    from api.library.sweep import purge

    record = ended(services)
    services.library.ingest.look()
    with services.library.database.writing() as session:
        purge(session, list(session.scalars(select(Asset.no))), services.store.now_ms())

    services.library.ingest.take_in_again([record])

    assert count(services) == 0


def test_pictures_from_before_there_was_a_library_become_assets_once(services: Services):
    old = [ended(services) for _ in range(3)]
    analysed(services, old[0].result["images"][0]["id"], {"caption": {"text": "a lamp on a table"}})
    services.artifacts.delete(old[1].result["images"][0]["id"])
    services.store.redis.delete(keys.ENDED)  # earlier versions told nobody

    while services.library.ingest.look_at_old_records():
        pass
    while library_of(services).ingest.look_at_old_records():
        pass

    assert count(services) == 2
    with services.library.database.reading() as session:
        assert "a lamp on a table" in set(session.scalars(select(AssetText.caption)))


def test_a_record_that_cannot_be_read_keeps_no_other_out(services: Services, monkeypatch):
    odd, good = ended(services), ended(services)
    read = ingest_module.left_by

    def fails(record, **how):
        if record.id == odd.id:
            raise ValueError("odd")
        return read(record, **how)

    monkeypatch.setattr(ingest_module, "left_by", fails)

    services.library.ingest.look()

    assert only(services)[0].job == good.id


def test_while_the_database_is_away_jobs_go_on_and_their_assets_follow(services: Services, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(services.library.database, "make_ready", away)
        record = ended(services)
        with pytest.raises(LibraryUnavailable):
            services.library.ingest.look()
        assert services.library.ingest.waiting() is None

    assert services.library.ingest.waiting() == 1
    services.library.ingest.look()

    assert only(services)[0].job == record.id
    assert services.library.ingest.waiting() == 0


# -- analyses --------------------------------------------------------------------------------------------------------


def test_an_analysis_enriches_the_assets_of_whoever_asked(services: Services):
    picture = ended(services).result["images"][0]["id"]
    services.library.ingest.look()
    answers = {
        "caption": {"text": " a lamp on a table "},
        "tags": {"tags": [{"name": "Table Lamp", "score": 0.9}, {"name": "desk", "score": None}]},
        "rating": {"nsfw": 0.02},
    }
    analysed(services, picture, answers, caller="somebody else")
    services.library.ingest.look()
    assert only(services)[1].caption == ""

    analysed(services, picture, answers)
    services.library.ingest.look()

    asset, text = only(services)
    assert (text.caption, sorted(text.tags.split("\n"))) == ("a lamp on a table", ["desk", "table lamp"])
    assert (asset.nsfw, asset.has_caption, asset.analysis) == (0.02, True, "done")


def test_a_task_that_failed_is_named(services: Services):
    picture = ended(services).result["images"][0]["id"]
    analysed(services, picture, {"caption": {"text": "a lamp"}, "tags": "no such engine"})

    services.library.ingest.look()

    asset, text = only(services)
    assert (asset.analysis, text.analysis_reason) == ("done", "tags: engine_failed: no such engine")


def test_a_persons_caption_is_never_overwritten(services: Services):
    picture = ended(services).result["images"][0]["id"]
    services.library.ingest.look()
    with services.library.database.writing() as session:
        text = session.scalars(select(AssetText)).one()
        text.caption, text.caption_source = "mine", "user"

    analysed(services, picture, {"caption": {"text": "theirs"}})
    services.library.ingest.look()

    assert only(services)[1].caption == "mine"


# -- tools -----------------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process dies here: nothing below it is run, nothing catches it."""


def crash_at(step: str, services: Services, patch: pytest.MonkeyPatch) -> None:
    def crash(*_args, **_more):
        raise Crash(step)

    ingest = services.library.ingest
    places = {
        "get_many": (services.store, "get_many"),
        "keep": (services.artifacts, "keep"),
        "add": (ingest_module.newcomers, "add"),
        "remember": (ingest_module.prompts, "remember"),
        "move_on": (ingest, "_move_on"),
        "trim": (ingest, "_trim"),
    }
    if step == "commit":
        patch.setattr(SessionTransaction, "commit", crash)
    else:
        patch.setattr(*places[step], crash)


def away() -> None:
    raise LibraryUnavailable("away")


def only(services: Services) -> tuple[Asset, AssetText]:
    with services.library.database.reading() as session:
        row = session.execute(select(Asset, AssetText).join(AssetText, AssetText.asset_no == Asset.no)).one()
        session.expunge_all()
        return row.tuple()


def count(services: Services) -> int:
    with services.library.database.reading() as session:
        return session.scalar(select(func.count(Asset.no))) or 0
