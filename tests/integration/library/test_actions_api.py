"""Actions over pictures: a batch whose members are filled from what the library says of each."""

import pytest

from api.library.newcomers import job_asset_id
from api.services import Services, build_services
from shared.contracts.access import Role
from shared.contracts.generation import MAX_PROMPT_CHARS
from shared.settings import Settings
from tests import batches_played, workers_played
from tests.library_played import Caller, analysed, ended, owned
from tests.pictures import png

NOBODYS = "ast_" + "0" * 24


@pytest.fixture
def services(library_settings: Settings) -> Services:
    made = build_services(library_settings)
    made.registry.report(workers_played.report("gpu0", models=("sdxl-toy", "sdxl-starter", "moondream-toy")))
    return made


@pytest.fixture
def anna(services: Services) -> Caller:
    return Caller(services, "anna")


@pytest.fixture
def bert(services: Services) -> Caller:
    return Caller(services, "bert")


def act(caller: Caller, action: str, ids: list[str], expect: int = 202, **body):
    return caller.post(f"/v1/actions/{action}", expect, json={"ids": ids} | body)


def jobs_of(services: Services, caller: Caller, batch: dict) -> list[dict]:
    """Its jobs, fed, in the order of its members."""
    batches_played.feeder(services).feed()
    members = caller.get(f"/v1/batches/{batch['id']}/members")["members"]
    return [caller.get(f"/v1/jobs/{job['id']}") for member in members for job in member["jobs"]]


def test_every_action_is_listed_with_its_presets_and_a_form_with_limits(anna):
    rows = {row["name"]: row for row in anna.get("/v1/actions")["actions"]}

    fields = {field["name"]: field for field in rows["enhance"]["fields"]}
    assert {"enhance", "remix", "restyle", "describe"} <= rows.keys()
    assert (fields["steps"]["type"], fields["steps"]["minimum"], fields["steps"]["maximum"]) == ("integer", 1, 150)
    assert (fields["strength"]["default"], fields["strength"]["maximum"]) == (0.3, 1)
    assert "euler" in fields["scheduler"]["choices"]
    assert "Euler a" not in fields["scheduler"]["choices"]
    assert fields["prompt"]["default"] == "{prompt}, professional quality, high resolution, sharp focus"
    assert rows["describe"]["default_preset"] in [preset["name"] for preset in rows["describe"]["presets"]]
    assert next(f for f in rows["describe"]["fields"] if f["name"] == "tasks")["choices"][0] == "caption"


def test_every_preset_of_every_action_makes_a_batch(services, anna):
    (asset,) = owned(services, "anna")

    for row in anna.get("/v1/actions")["actions"]:
        for preset in row["presets"]:
            assert act(anna, row["name"], [asset], preset=preset["name"])["total"] == 1


def test_a_pictures_own_words_model_and_seed_fill_the_recipe(services, anna):
    record = ended(
        services, model="sdxl-starter", params={"prompt": "a red house", "negative_prompt": "fog", "seed": 41}
    )
    services.library.ingest.look()
    asset = anna.get(f"/v1/assets/{job_asset_id(record.id, 0)}")

    (enhanced,) = jobs_of(services, anna, act(anna, "enhance", [asset["id"]]))
    (remixed,) = jobs_of(services, anna, act(anna, "remix", [asset["picture"]], preset="wild"))

    assert enhanced["params"]["prompt"].startswith("a red house, ")
    assert (enhanced["params"]["negative_prompt"], enhanced["model"]) == ("fog", "sdxl-starter")
    assert enhanced["params"]["image"] == asset["picture"]
    assert enhanced["params"]["seed"] == (asset["seed"] if asset["seed"] is not None else enhanced["params"]["seed"])
    assert (remixed["params"]["prompt"], remixed["params"]["strength"]) == ("a red house", 0.92)
    assert (enhanced["priority"], enhanced["owner"]) == ("normal", "anna")


def test_each_picture_of_several_keeps_its_own_and_waits_behind_single_jobs(services, anna):
    assets = [owned(services, "anna", prompt=prompt)[0] for prompt in ("a boat", "a hat")]

    jobs = jobs_of(services, anna, act(anna, "restyle", assets, preset="oil"))

    assert [job["params"]["prompt"] for job in jobs] == [
        f"an oil painting of {own}, visible brush strokes, canvas" for own in ("a boat", "a hat")
    ]
    assert {job["params"]["negative_prompt"] for job in jobs} == {"photograph, 3d render"}
    assert {job["priority"] for job in jobs} == {"low"}
    assert len({job["params"]["seed"] for job in jobs}) == 2


def test_overrides_win_and_may_use_the_pictures_own_words(services, anna):
    (asset,) = owned(services, "anna", prompt="a boat")
    overrides = {"prompt": "{prompt} made of glass", "seed": 7, "strength": 0.5, "model": "sdxl-toy", "n": 2}

    (job,) = jobs_of(services, anna, act(anna, "enhance", [asset], overrides=overrides))

    assert job["params"]["prompt"] == "a boat made of glass"
    assert (job["params"]["seed"], job["params"]["strength"], job["params"]["n"]) == (7, 0.5, 2)


def test_what_is_made_has_the_picture_as_its_parent(services, anna):
    (asset,) = owned(services, "anna")
    (job,) = jobs_of(services, anna, act(anna, "remix", [asset]))
    ended(services, params=job["params"])
    services.library.ingest.look()

    lines = anna.get(f"/v1/assets/{asset}/lineage")

    assert len(lines["descendants"]) == 1
    assert lines["steps"][0]["parent"] == asset


def test_a_picture_without_a_prompt_is_known_by_its_caption(services, anna):
    picture = anna.post("/v1/images", 201, data=png(64, 64), content_type="image/png")["id"]
    record = ended(services, {"images": [{"id": picture, "width": 64, "height": 64}]}, params={"prompt": ""})
    services.library.ingest.look()
    analysed(services, picture, {"caption": {"text": "a quiet harbour"}})
    services.library.ingest.look()

    (job,) = jobs_of(services, anna, act(anna, "remix", [job_asset_id(record.id, 0)]))

    assert job["params"]["prompt"] == "a quiet harbour"


def test_an_upload_that_no_asset_has_is_taken_too(services, anna):
    picture = anna.post("/v1/images", 201, data=png(64, 64), content_type="image/png")["id"]

    (job,) = jobs_of(services, anna, act(anna, "enhance", [picture]))

    assert job["params"]["prompt"] == "professional quality, high resolution, sharp focus"
    assert job["params"]["image"] == picture


def test_a_model_that_is_not_here_becomes_the_usual_one(services, anna):
    ids = [
        job_asset_id(ended(services, model=model, params={"prompt": model}).id, 0) for model in ("gone-xl", "sdxl-toy")
    ]
    services.library.ingest.look()

    foreign, own = jobs_of(services, anna, act(anna, "remix", ids))

    assert (foreign["model"], own["model"]) == ("sdxl-starter", "sdxl-toy")


def test_describing_asks_about_the_picture_and_the_library_hears_of_it(services, anna):
    (asset,) = owned(services, "anna")

    (job,) = jobs_of(services, anna, act(anna, "describe", [asset], overrides={"tasks": [{"task": "caption"}]}))

    assert (job["kind"], [task["task"] for task in job["params"]["tasks"]]) == ("analyze", ["caption"])
    assert job["params"]["image"] == anna.get(f"/v1/assets/{asset}")["picture"]


@pytest.mark.parametrize("preset", ["aspects", "prompt"])
def test_questions_of_a_preset_are_asked_in_their_order(services, anna, preset):
    (asset,) = owned(services, "anna")
    rows = next(row for row in anna.get("/v1/actions")["actions"] if row["name"] == "describe")["presets"]
    asked = next(row for row in rows if row["name"] == preset)["values"]["tasks"]

    (job,) = jobs_of(services, anna, act(anna, "describe", [asset], preset=preset))

    assert [task["question"] for task in job["params"]["tasks"]] == [task["question"] for task in asked]


def test_what_is_not_there_is_named_and_nothing_is_made(services, anna, bert):
    (asset,) = owned(services, "anna")
    (theirs,) = owned(services, "bert")
    lost = ["img_" + "0" * 32, NOBODYS, theirs, "x"]

    answer = act(anna, "enhance", [asset, *lost], 404)

    assert answer["error"]["field"] == "ids"
    assert all(f"'{each}'" in answer["error"]["message"] for each in lost[1:])
    assert f"'{asset}'" not in answer["error"]["message"]
    assert "'img_" + "0" * 32 + "'" in act(anna, "enhance", [asset, lost[0]], 404)["error"]["message"]
    assert bert.get(f"/v1/assets/{theirs}")["picture"] not in str(answer)
    assert anna.get("/v1/batches")["batches"] == []


def test_what_is_in_the_trash_is_not_there(services, anna):
    (asset,) = owned(services, "anna")
    anna.delete(f"/v1/assets/{asset}")

    assert asset in act(anna, "remix", [asset], 404)["error"]["message"]


@pytest.mark.parametrize(
    ("action", "overrides", "field"),
    [
        ("enhance", {"strength": 2}, "overrides.strength"),
        ("enhance", {"strenght": 0.5}, "overrides.strenght"),
        ("enhance", {"image": "img_" + "0" * 32}, "overrides.image"),
        ("enhance", {"steps": "20"}, "overrides.steps"),
        ("enhance", {"steps": 1, "strength": 0.1}, "overrides.strength"),
        ("enhance", {"width": 4096, "height": 4096}, "overrides.width"),
        ("enhance", {"model": "moondream-toy"}, "overrides.model"),
        ("enhance", {"prompt": "x" * (MAX_PROMPT_CHARS + 1)}, "overrides.prompt"),
        ("describe", {"tasks": [{"task": "sing"}]}, "overrides.tasks.0.task"),
        ("describe", {"strength": 0.5}, "overrides.strength"),
    ],
)
def test_overrides_are_checked_as_a_jobs_own_fields_are(services, anna, action, overrides, field):
    (asset,) = owned(services, "anna")

    answer = act(anna, action, [asset], 422, overrides=overrides)

    assert answer["error"]["field"].startswith(field)


def test_unknown_actions_and_presets_are_404_and_name_those_there_are(services, anna):
    (asset,) = owned(services, "anna")

    assert "remix" in act(anna, "animate", [asset], 404)["error"]["message"]
    assert "gentle" in act(anna, "enhance", [asset], 404, preset="harsh")["error"]["message"]


def test_words_that_become_too_long_fail_their_picture_alone(services, anna):
    long, short = owned(services, "anna", prompt="x" * MAX_PROMPT_CHARS)[0], owned(services, "anna")[0]

    batch = act(anna, "enhance", [long, short])
    members = anna.get(f"/v1/batches/{batch['id']}/members")["members"]

    assert [member["state"] for member in members] == ["failed", "waiting"]
    assert "overrides.prompt" in members[0]["error"]["message"]


def test_a_dry_run_tells_and_keeps_nothing_and_an_id_twice_counts_once(services, anna):
    (asset,) = owned(services, "anna")

    check = act(anna, "remix", [asset, asset], 200, dry_run=True)
    batch = act(anna, "remix", [asset, asset])

    assert (check["total"], check["steps"][0]["models"]) == (1, ["sdxl-toy"])
    assert batch["total"] == 1
    assert [row["id"] for row in anna.get("/v1/batches")["batches"]] == [batch["id"]]


def test_more_than_a_batch_may_have_is_refused(services):
    few = build_services(services.settings.model_copy(update={"max_batch_members": 1}))
    caller = Caller(few, "carl", Role.ADMIN)

    assert "1 members" in act(caller, "remix", [NOBODYS, "ast_" + "1" * 24], 422)["error"]["message"]
    assert caller.get("/v1/actions")["actions"][0]["max_ids"] == 1
