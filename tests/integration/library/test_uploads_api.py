"""`POST /v1/uploads`: what comes in becomes assets and is described; one bad file spoils nothing; on both databases."""

import io
import json
from typing import Any

import pytest
from PIL import Image

from api.services import Services, build_services
from shared.errors import LibraryUnavailable, TooManyRequests
from shared.jobs import lifecycle
from shared.jobs.chains import Chains
from shared.pictures.artifact_store import id_of
from shared.pictures.pixels import to_png
from shared.settings import Settings
from tests import batches_played, workers_played
from tests.batches_played import fails_where, run_all
from tests.library_played import Caller, owned, picture
from tests.pictures import bomb, jpeg, png, saved


@pytest.fixture
def services(library_settings: Settings) -> Services:
    made = build_services(library_settings)
    made.artifacts.check_identity()
    return made


@pytest.fixture
def anna(services: Services) -> Caller:
    return Caller(services, "anna")


@pytest.fixture
def bert(services: Services) -> Caller:
    return Caller(services, "bert")


def made(**how: Any) -> bytes:
    """A picture that is like no other."""
    return saved(picture(**how), "PNG")


def form(*files: tuple[str, bytes], **wishes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"files": [(io.BytesIO(body), name) for name, body in files]}
    if wishes:
        data["upload"] = json.dumps(wishes)
    return {"data": data, "content_type": "multipart/form-data"}


def take_in(services: Services) -> None:
    while services.library.ingest.look():
        pass


def state_of(caller: Caller, asset: str) -> str:
    return str(caller.get(f"/v1/assets/{asset}")["analysis"]["state"])


# -- what comes in ---------------------------------------------------------------------------------------------------


def test_files_become_assets_of_whoever_sends_them(services, anna, bert):
    album = anna.post("/v1/albums", 201, json={"name": "holidays"})["id"]
    sent = [("a.png", made()), ("b.jpg", jpeg())]

    told = anna.post("/v1/uploads", 201, **form(*sent, album=album, tags=["Sea "], visibility="rack"))

    assert (told["added"], told["known"], told["refused"]) == (2, 0, 0)
    rows = told["pictures"]
    assert [(row["name"], row["picture"], row["is_new"]) for row in rows] == [
        (name, id_of(data), True) for name, data in sent
    ]
    asset = anna.get(f"/v1/assets/{rows[0]['asset']}")
    assert (asset["owner"], asset["origin"], asset["kind"], asset["file_name"]) == ("anna", "upload", "upload", "a.png")
    assert (asset["visibility"], asset["thumbhash"] != "", asset["size_bytes"]) == ("rack", True, len(sent[0][1]))
    assert [(tag["name"], tag["source"]) for tag in asset["tags"]] == [("sea", "user")]
    assert [each["id"] for each in asset["albums"]] == [album]
    assert services.artifacts.kept([row["picture"] for row in rows]) == {row["picture"] for row in rows}
    assert bert.get("/v1/assets")["total"] == 0


def test_one_bad_file_never_fails_the_others(services, anna):
    whole = jpeg(640, 480)
    bad = [("cut.jpg", whole[:2000]), ("text.txt", b"hello"), ("none.png", b"")]

    told = anna.post("/v1/uploads", 201, **form(("good.png", made()), *bad, ("more.png", made())))

    assert [row["error"] is None for row in told["pictures"]] == [True, False, False, False, True]
    assert told["pictures"][1]["error"]["field"] == "files.1"
    assert "cut short" in told["pictures"][1]["error"]["message"]
    assert told["refused"] == sum(row["error"] is not None for row in told["pictures"])
    assert anna.get("/v1/assets")["total"] == told["added"]


def test_a_picture_beyond_the_limits_is_told_with_both_numbers(library_settings):
    services = build_services(library_settings.model_copy(update={"max_image_megapixels": 1}))

    told = Caller(services, "anna").post("/v1/uploads", 200, **form(("bomb.png", bomb())))

    error = told["pictures"][0]["error"]
    assert (error["code"], error["field"]) == ("too_large", "files.0")
    assert "48,000,000 pixels, the limit is 1,000,000" in error["message"]


HOSTILE = ["../../etc/passwd.png", "a\0b.png", "\U0001f9ea.png", "x" * 300 + ".png", "..", "a\tb.png", "C:\\x\\y.png"]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_taken_and_stored_clean(services, anna, name):
    told = anna.post("/v1/uploads", 201, **form((name, made())))

    kept = anna.get(f"/v1/assets/{told['pictures'][0]['asset']}")["file_name"]
    assert len(kept) <= 255
    assert not set(kept) & set("/\\\0\n")
    assert kept != ".."


def test_the_same_bytes_again_are_the_asset_that_is_there(services, anna, bert):
    data = made()
    first = anna.post("/v1/uploads", 201, **form(("a.png", data), ("again.png", data)))
    asset = first["pictures"][0]["asset"]
    anna.delete(f"/v1/assets/{asset}")

    again = anna.post("/v1/uploads", 200, **form(("b.png", data)))
    others = bert.post("/v1/uploads", 201, **form(("c.png", data)))

    assert [row["is_new"] for row in first["pictures"]] == [True, False]
    assert [row["asset"] for row in [*first["pictures"], *again["pictures"]]] == [asset] * 3
    assert (again["known"], again["added"]) == (1, 0)
    assert others["pictures"][0]["asset"] != asset
    assert anna.get(f"/v1/assets/{asset}")["trashed_at"] is None


def test_stored_pictures_are_taken_by_id(services, anna):
    stored = anna.post("/v1/images", 201, data=made(), content_type="image/png")["id"]

    told = anna.post("/v1/uploads", 201, json={"ids": [stored, stored]})

    assert [(row["name"], row["picture"]) for row in told["pictures"]] == [(stored, stored)]
    assert services.artifacts.kept([stored]) == {stored}


def test_pictures_of_others_are_not_there_and_nothing_is_done(services, anna, bert):
    theirs = bert.post("/v1/images", 201, data=made(), content_type="image/png")["id"]
    mine = anna.post("/v1/images", 201, data=made(), content_type="image/png")["id"]

    error = anna.post("/v1/uploads", 404, json={"ids": [mine, theirs]})["error"]

    assert (error["code"], error["field"]) == ("not_found", "ids.1")
    assert error["message"] == f"there is no picture {theirs}"
    assert anna.get("/v1/assets")["total"] == 0
    assert not services.artifacts.kept([mine, theirs])


def test_what_other_programs_wrote_is_read_into_fields(services, anna):
    text = "a lamp\nNegative prompt: blur\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 8x8"

    told = anna.post("/v1/uploads", 201, **form(("a.png", to_png(Image.new("RGB", (8, 8)), parameters=text))))

    asset = anna.get(f"/v1/assets/{told['pictures'][0]['asset']}")
    assert (asset["prompt"], asset["negative_prompt"], asset["steps"], asset["seed"]) == ("a lamp", "blur", 20, 5)
    assert asset["details"] == {"program": "a1111"}


# -- what is refused as a whole --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wishes", "status", "field"),
    [
        ({"album": "alb_" + "0" * 24}, 404, None),
        ({"album": "x"}, 422, "album"),
        ({"tags": ["x" * 101]}, 422, "tags"),
        ({"tags": ["a\0"]}, 422, "tags.0"),
        ({"visibility": "all"}, 422, "visibility"),
        ({"analyse": "yes"}, 422, "analyse"),
        ({"ids": ["x"]}, 422, "ids.0"),
        ({"name": "x"}, 422, "name"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_before_anything_is_stored(services, anna, wishes, status, field):
    data = made()

    error = anna.post("/v1/uploads", status, **form(("a.png", data), **wishes))["error"]

    assert error.get("field") == field
    assert services.artifacts.absent([id_of(data)])


def test_limits_are_told_with_their_numbers(library_settings):
    services = build_services(library_settings.model_copy(update={"max_upload_files": 2, "max_upload_mib": 1}))
    anna = Caller(services, "anna")

    many = anna.post("/v1/uploads", 422, **form(*((f"{n}.png", png()) for n in range(3))))["error"]
    flood = anna.post("/v1/uploads", 413, **form(*((f"{n}.png", png()) for n in range(50))))["error"]
    large = anna.post("/v1/uploads", 413, **form(("a.png", b"0" * 2**21)))["error"]
    none = anna.post("/v1/uploads", 422, json={"ids": []})["error"]

    assert many["message"] == "files: up to 2 pictures at once, these are 3; send fewer"
    assert "up to 2 files and 1 MiB at once" in flood["message"]
    assert "up to 2 files and 1 MiB at once" in large["message"]
    assert (none["field"], none["message"]) == ("files", "there are no pictures: send files, or name stored ones (ids)")


def test_while_the_database_is_away_nothing_is_stored_and_uploads_go_on_when_it_is_back(services, anna, monkeypatch):
    data = made()
    with monkeypatch.context() as patch:
        patch.setattr(services.library.database, "writing", away)
        answer = anna.post("/v1/uploads", 503, **form(("a.png", data)))
        kept = anna.post("/v1/images?keep=true", 503, data=data, content_type="image/png")
    assert answer["error"]["code"] == kept["error"]["code"] == "library_unavailable"
    assert services.artifacts.absent([id_of(data)])

    assert anna.post("/v1/uploads", 201, **form(("a.png", data)))["added"] == 1


def test_a_database_that_goes_away_half_way_leaves_no_asset_and_no_mark(services, anna, monkeypatch):
    data = made()
    with monkeypatch.context() as patch:
        patch.setattr("api.library.brought.newcomers.add", away)
        anna.post("/v1/uploads", 503, **form(("a.png", data)))

    assert anna.get("/v1/assets")["total"] == 0
    assert anna.post("/v1/uploads", 201, **form(("a.png", data)))["added"] == 1


def away(*args: object, **more: object) -> None:
    raise LibraryUnavailable("away")


# -- what is found out about them ------------------------------------------------------------------------------------


def test_uploads_are_described_as_one_batch_of_low_priority_in_a_chain(services, anna):
    told = anna.post("/v1/uploads", 201, **form(("a.png", made()), ("b.png", made())))
    assets = [row["asset"] for row in told["pictures"]]
    assert told["analysis"]["assets"] == 2
    assert told["analysis"]["reason"] is None
    batch = anna.get(f"/v1/batches/{told['analysis']['batch']}")
    assert (batch["total"], batch["priority"]) == (2, "low")
    assert {state_of(anna, each) for each in assets} == {"waiting"}

    ran = run_all(services)
    take_in(services)

    assert [[task["task"] for task in job.params["tasks"]] for job in ran if job.member == 0] == [
        ["caption"],
        ["tags"],
        ["rating"],
    ]
    for each, row in zip(assets, told["pictures"], strict=True):
        asset = anna.get(f"/v1/assets/{each}")
        assert (asset["caption"], asset["nsfw"]) == (f"seen: {row['picture']}", 0.25)
        assert [tag["name"] for tag in asset["tags"]] == ["ball", "red, round"]
        assert (asset["analysis"]["state"], asset["analysis"]["reason"]) == ("done", None)


def test_each_step_is_visible_in_the_asset(services, anna):
    asset = anna.post("/v1/uploads", 201, **form(("a.png", made())))["pictures"][0]["asset"]
    batches_played.feeder(services).feed()
    (first,) = batches_played.queued(services)
    seen = [state_of(anna, asset)]
    workers_played.start(services, first.id)
    seen.append(state_of(anna, asset))
    services.store.move(first.id, lambda job, now_ms: end_of(job, now_ms))
    after_first(services, first.id)
    take_in(services)
    seen.append(state_of(anna, asset))
    assert anna.get(f"/v1/assets/{asset}")["caption"]
    assert anna.get("/v1/assets?analysis=running")["total"] == 1

    run_all(services)
    take_in(services)

    assert [*seen, state_of(anna, asset)] == ["waiting", "running", "running", "done"]


def test_a_step_that_fails_is_told_and_can_be_tried_again(services, anna):
    told = anna.post("/v1/uploads", 201, **form(("a.png", made()), ("b.png", made())))
    bad, good = (row["asset"] for row in told["pictures"])
    run_all(services, fails_where(lambda job: job.member == 0 and job.params["tasks"][0]["task"] == "tags"))
    take_in(services)
    failed = anna.get(f"/v1/assets/{bad}")
    assert (failed["analysis"]["state"], failed["caption"] != "") == ("failed", True)
    assert "as ordered" in failed["analysis"]["reason"]
    assert state_of(anna, good) == "done"

    again = anna.post("/v1/assets/analyze", 202, json={"filter": {"analysis": ["failed"]}})
    assert (again["matched"], again["analysis"]["assets"]) == (1, 1)
    assert anna.post("/v1/assets/analyze", 200, json={"ids": [bad]})["analysis"]["pending"] == 1
    run_all(services)
    take_in(services)

    assert (state_of(anna, bad), anna.get(f"/v1/assets/{bad}")["analysis"]["reason"]) == ("done", None)


def test_resuming_the_batch_heals_its_assets_too(services, anna):
    told = anna.post("/v1/uploads", 201, **form(("a.png", made())))
    asset, batch = told["pictures"][0]["asset"], told["analysis"]["batch"]
    run_all(services, batches_played.fails)
    take_in(services)
    assert state_of(anna, asset) == "failed"

    anna.post(f"/v1/batches/{batch}/resume", 202)
    run_all(services)
    take_in(services)

    assert state_of(anna, asset) == "done"


def test_what_a_person_wrote_outlives_every_analysis(services, anna):
    asset = anna.post("/v1/uploads", 201, **form(("a.png", made())))["pictures"][0]["asset"]
    anna.patch(f"/v1/assets/{asset}", json={"caption": "mine", "add_tags": ["Ball"]})

    run_all(services)
    take_in(services)

    shown = anna.get(f"/v1/assets/{asset}")
    assert (shown["caption"], shown["caption_source"]) == ("mine", "user")
    assert {(tag["name"], tag["source"]) for tag in shown["tags"]} == {("ball", "user"), ("red, round", "auto")}


def test_nothing_is_asked_where_nothing_shall_be(services, anna):
    told = anna.post("/v1/uploads", 201, **form(("a.png", made()), analyse=False))

    assert told["analysis"] == {"batch": None, "assets": 0, "pending": 0, "reason": None}
    assert state_of(anna, told["pictures"][0]["asset"]) == "none"
    assert anna.get("/v1/batches")["batches"] == []


def test_a_batch_that_cannot_be_sent_is_told_in_the_asset_and_the_upload_stands(services, anna, monkeypatch):
    def full(*args: object, **more: object) -> None:
        raise TooManyRequests("you have 100 batches under way")

    with monkeypatch.context() as patch:
        patch.setattr(services.batches, "create", full)
        told = anna.post("/v1/uploads", 201, **form(("a.png", made())))
        asset = told["pictures"][0]["asset"]
        shown = anna.get(f"/v1/assets/{asset}")["analysis"]
        assert (shown["state"], shown["reason"]) == ("failed", "you have 100 batches under way")
        assert told["analysis"]["reason"] == "you have 100 batches under way"
        anna.post("/v1/assets/analyze", 429, json={"ids": [asset]})

    anna.post("/v1/assets/analyze", 202, json={"ids": [asset]})
    assert state_of(anna, asset) == "waiting"


def test_a_rack_without_a_tagger_says_what_is_left_out(services, anna, monkeypatch):
    taggers = services.catalogue.of_kind
    monkeypatch.setattr(type(services.catalogue), "of_kind", lambda self, kind: [] if kind == "tags" else taggers(kind))

    told = anna.post("/v1/uploads", 201, **form(("a.png", made())))
    run_all(services)
    take_in(services)

    assert told["analysis"]["reason"].startswith("tags: no tags is here")
    shown = anna.get(f"/v1/assets/{told['pictures'][0]['asset']}")
    assert (shown["analysis"]["state"], shown["nsfw"]) == ("done", 0.25)
    assert shown["analysis"]["reason"].startswith("tags: no tags is here")


def test_assets_of_others_are_analysed_by_their_owner_alone(services, anna, bert):
    (theirs,) = owned(services, "bert")

    assert anna.post("/v1/assets/analyze", 404, json={"ids": [theirs]})["error"]["field"] == "ids"
    assert anna.post("/v1/assets/analyze", 200, json={"filter": {"owner": ["bert"]}})["matched"] == 0


def test_more_than_a_batch_holds_is_refused_with_the_limit(library_settings):
    services = build_services(library_settings.model_copy(update={"max_batch_members": 2}))
    anna = Caller(services, "anna")
    owned(services, "anna", 3)

    error = anna.post("/v1/assets/analyze", 422, json={"filter": {}})["error"]

    assert error["message"] == "a batch may have 2 members here, these are 3 pictures: narrow the filter"


# -- what waits for nothing ------------------------------------------------------------------------------------------


def test_members_that_wait_for_days_are_waited_for(services, anna):
    asset = anna.post("/v1/uploads", 201, **form(("a.png", made())))["pictures"][0]["asset"]

    assert services.library.sweep.settle_analyses() == 0

    assert state_of(anna, asset) == "waiting"


@pytest.mark.parametrize("how", ["cancel", "delete"])
def test_a_batch_that_is_given_up_ends_the_waiting(services, anna, how, monkeypatch):
    told = anna.post("/v1/uploads", 201, **form(("a.png", made())))
    batch = told["analysis"]["batch"]
    if how == "cancel":
        anna.post(f"/v1/batches/{batch}/cancel")
    else:
        anna.delete(f"/v1/batches/{batch}", 204)
    assert services.library.sweep.settle_analyses() == 0
    monkeypatch.setattr("api.library.sweep.JUST_ENDED_MS", -1)
    monkeypatch.setattr("api.library.sweep.JUST_SENT_MS", -1)

    assert services.library.sweep.settle_analyses() == 1

    shown = anna.get(f"/v1/assets/{told['pictures'][0]['asset']}")["analysis"]
    assert (shown["state"], shown["reason"]) == (
        "failed",
        "its batch is cancelled, and said nothing of it" if how == "cancel" else "its batch was deleted, or never sent",
    )


# -- one picture, kept -----------------------------------------------------------------------------------------------


def test_a_stored_picture_that_is_kept_is_an_asset(services, anna):
    data = made()

    told = anna.post("/v1/images?keep=true", 201, data=data, content_type="image/png")
    as_form = {"image": (io.BytesIO(made()), "b.png"), "keep": "true"}
    other = anna.post("/v1/images", 201, data=as_form, content_type="multipart/form-data")
    plain = anna.post("/v1/images", 201, data=made(), content_type="image/png")

    asset = anna.get(f"/v1/assets/{told['asset']}")
    assert (asset["picture"], asset["origin"], asset["analysis"]["state"]) == (told["id"], "upload", "none")
    assert anna.get(f"/v1/assets/{other['asset']}")["file_name"] == "b.png"
    assert plain["asset"] is None
    assert anna.get("/v1/assets")["total"] == 2


@pytest.mark.parametrize("address", ["/v1/images", "/v1/images?keep=true"])
def test_what_is_neither_true_nor_false_is_refused(services, anna, address):
    anna.post("/v1/images?keep=maybe", 422, data=made(), content_type="image/png")
    as_form = {"image": (io.BytesIO(made()), "b.png"), "keep": "maybe"}

    error = anna.post(address, 422, data=as_form, content_type="multipart/form-data")["error"]

    assert error["field"] == "keep"


def end_of(job, now_ms):
    state, result, error = batches_played.succeeds(job)
    return lifecycle.end(job, now_ms, token="pen", state=state, result=result, error=error)


def after_first(services: Services, job_id: str) -> None:
    Chains(services.store, services.settings).advance(services.store.get(job_id))
