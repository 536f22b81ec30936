"""Every route that the description has, asked by a second person for what is the first one's: it answers as for what never was.

A new route is walked by itself. If it has a parameter that is not known here, or needs a body to get as far as asking whose
something is, the test fails until the tables below say which.
"""

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from api.library.newcomers import job_asset_id
from shared.contracts.jobs import State
from tests import batches_played, workers_played
from tests.people_played import ANNA, BORIS, VERA, web_of
from tests.pictures import png

#: Of the first person alone; no answer to others may have any of it.
PROMPT, NAME, FILE = "a lamp nobody knows of", "plans nobody knows of", "nobody-knows.png"
#: Parameter of a path → the kind of thing that it names.
IDS = {
    "job_id": "job",
    "batch_id": "batch",
    "image_id": "picture",
    "share_id": "share",
    "key_id": "key",
    "name": "person",
    "person": "person",
    "token": "link",
    "member": "number",
    "number": "number",
    "month": "month",
    "asset_id": "asset",
    "album_id": "album",
    "search_id": "search",
    "preset_id": "preset",
    "prompt_id": "prompt",
}
#: Whose values are the same for everybody.
NOBODYS_VALUES = ("number", "month")
#: Paths whose parameters name nothing of a person's.
NOBODYS = {
    # Foreign ids in its body: tests/integration/library/test_actions_api.py.
    "/v1/actions/{action}",
    "/v1/models/{model_id}",
    "/v1/models/{owner}/{name}",
    "/v1/workers/{name}/drain",
    "/v1/workers/{name}/resume",
    "/v1/assets/buckets/{month}",
}
CHANGES: list[dict[str, Any]] = [{"stars": 5}, {"trashed": True}, {"visibility": "rack"}, {"add_tags": ["seen"]}]
JSON_ROUTES: dict[str, Callable[[dict[str, str]], list[dict[str, Any]]]] = {
    "POST /v1/generate": lambda at: [{"prompt": "x", "model": "sdxl-toy", "image": at["picture"]}],
    "POST /v1/analyze": lambda at: [{"image": at["picture"], "tasks": [{"task": "rating"}]}],
    "POST /v1/chat/completions": lambda at: [
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": at["picture"]}}]}]}
    ],
    "PATCH /v1/jobs/{job_id}": lambda at: [{"held": True}, {"priority": "high"}, {"front": True}],
    "PATCH /v1/jobs": lambda at: [
        {"ids": [at["job"]], "held": True},
        {"filter": {"batch": at["batch"]}, "held": True},
    ],
    "POST /v1/jobs/cancel": lambda at: [{"ids": [at["job"]]}, {"filter": {"batch": at["batch"]}}],
    "POST /v1/uploads": lambda at: [{"ids": [at["picture"]]}],
    "POST /v1/keys": lambda at: [{"person": at["person"]}],
    "POST /v1/shares": lambda at: [{kind: at[kind]} for kind in ("picture", "batch", "asset", "album")],
    "PATCH /v1/assets": lambda at: [{"ids": [at["asset"]], "changes": change} for change in CHANGES],
    "PATCH /v1/assets/{asset_id}": lambda at: CHANGES,
    "POST /v1/assets/undo": lambda at: [{"undo": at["undo"]}],
    "POST /v1/assets/analyze": lambda at: [{"ids": [at["asset"]]}],
    "POST /v1/assets/export": lambda at: [{"ids": [at["asset"]]}],
    "POST /v1/assets/purge": lambda at: [{"ids": [at["asset"]]}],
    "PATCH /v1/albums/{album_id}": lambda at: [{"name": "mine now"}, {"cover": at["asset"]}],
    "POST /v1/albums/{album_id}/assets": lambda at: [{"ids": [at["asset"]]}, {"filter": {}}],
    "POST /v1/albums/{album_id}/assets/remove": lambda at: [{"ids": [at["asset"]]}],
    "POST /v1/albums/{album_id}/order": lambda at: [{"ids": [at["asset"]]}],
    "POST /v1/albums/{album_id}/shares": lambda at: [{"person": "boris"}],
    "PATCH /v1/searches/{search_id}": lambda at: [{"name": "mine now"}],
    "PATCH /v1/presets/{preset_id}": lambda at: [{"name": "mine now"}],
}
#: Routes that answer 200 with an outcome for each id.
BULK = {"PATCH /v1/jobs", "POST /v1/jobs/cancel"}
#: Routes with a body that names nothing, or whose foreign pictures fail one member each (`test_ownership` looks at those).
NAMES_NOTHING = {
    "PATCH /v1/me",
    "POST /v1/session",
    "POST /v1/people",
    "POST /v1/images",
    "POST /v1/batches",
    "POST /v1/albums",
    "POST /v1/searches",
    "POST /v1/presets",
    "POST /v1/model/switch",
    "POST /v1/models/switch",
    "POST /v1/model/unload",
    "POST /v1/models/unload",
}


@dataclass(frozen=True)
class Theirs:
    """What the first person has."""

    ids: dict[str, str]
    #: Words that no answer to others may have.
    words: tuple[str, ...]


FRESH = {
    "job": "job_" + "0" * 24,
    "batch": "bat_" + "0" * 24,
    "picture": "img_" + "0" * 32,
    "share": "shr_" + "0" * 24,
    "key": "0" * 8,
    "person": "nobody",
    "link": "0" * 24,
    "number": "0",
    "month": "202611",
    "asset": "ast_" + "0" * 24,
    "album": "alb_" + "0" * 24,
    "search": "sea_" + "0" * 24,
    "preset": "pre_" + "0" * 24,
    "prompt": "pro_" + "0" * 24,
    "undo": "und_" + "0" * 32,
}


@pytest.fixture
def theirs(services) -> Theirs:
    """A job that runs and shows a preview, one that is done, a batch, an upload, a link; an asset, and what stands around it."""
    services.registry.report(workers_played.report("gpu0", models=tuple(services.catalogue.cards)))
    web = web_of(services, ANNA)
    upload = web.post("/v1/images", data=png(17, 11), content_type="image/png").json["id"]
    batch = batches_played.start(web, images=[{"id": upload, "name": FILE}], steps=[batches_played.ASK], name=NAME)[
        "id"
    ]
    batches_played.run_all(services)
    body = {"prompt": PROMPT, "model": "sdxl-toy", "width": 64, "height": 64, "steps": 2}
    running, done = (web.post("/v1/generate", json=body).json["id"] for _ in range(2))
    made = services.artifacts.put(png(12, 12))
    workers_played.start(services, done)
    workers_played.succeed(services, done, image_ids=(made,))
    workers_played.start(services, running)
    workers_played.step(services, running, 1, preview=b"RIFF")
    services.registry.report(
        workers_played.report("gpu0", models=tuple(services.catalogue.cards), jobs=(running,), state="busy")
    )
    web.post("/v1/generate", json=body | {"prompt": PROMPT})
    share = web.post("/v1/shares", json={"picture": upload}).json
    token = share["url"].rpartition("/")[2]
    ids = {"job": running, "batch": batch, "picture": upload, "share": share["id"], "number": "0"}
    ids |= {"key": services.keys.page(ANNA.name, 1)[0][0].id, "person": ANNA.name}
    ids["link"] = token[:-1] + ("0" if token[-1] != "0" else "1")
    ids |= in_their_library(services, web, job_asset_id(done, 0))
    jobs = [row["id"] for row in web.get("/v1/jobs").json["jobs"]]
    assert len(jobs) == 4
    told = (PROMPT, NAME, FILE, ANNA.name, made, upload, batch, share["id"], token)
    return Theirs(ids, (*told, *jobs, *(ids[kind] for kind in LIBRARYS)))


#: Kinds of things that a person has in the library.
LIBRARYS = ("asset", "album", "search", "preset", "prompt", "undo")


def in_their_library(services, web, asset: str) -> dict[str, str]:
    """What became of a job, its tag and an album with it, and what was saved under the name that nobody knows."""
    while services.library.ingest.look():
        pass
    changed = web.patch("/v1/assets", json={"ids": [asset], "changes": {"add_tags": [NAME], "note": NAME}}).json
    made = {kind: web.post(path, json={"name": NAME} | more).json["id"] for kind, path, more in SAVED}
    web.post(f"/v1/albums/{made['album']}/assets", json={"ids": [asset]})
    prompt = next(row["id"] for row in web.get("/v1/prompts").json["prompts"] if row["prompt"] == PROMPT)
    return {"asset": asset, "prompt": prompt, "undo": changed["undo"], "month": "202611"} | made


SAVED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("album", "/v1/albums", {}),
    ("search", "/v1/searches", {"q": "lamp"}),
    ("preset", "/v1/presets", {"params": {"prompt": PROMPT}}),
)


def operations(web) -> list[tuple[str, str]]:
    paths = web.get("/openapi.json").json["paths"]
    return [(method.upper(), path) for path, methods in sorted(paths.items()) for method in methods]


def fill(path: str, ids: dict[str, str]) -> str:
    """The path with this person's things in it. Fails for a parameter that nobody has said anything about."""

    def named(found: re.Match[str]) -> str:
        if found[1] not in IDS:
            pytest.fail(f"{path} has a new parameter: say in IDS what {found[1]} names, or that it is NOBODYS")
        return ids[IDS[found[1]]]

    return re.sub(r"{(\w+)}", named, path)


def without(ids: dict[str, str], text: str) -> str:
    """What was answered, with ids that never existed in place of theirs."""
    for kind, any_id in ids.items():
        if kind not in NOBODYS_VALUES:
            text = text.replace(any_id, FRESH[kind])
    return text


@pytest.mark.parametrize("caller", [BORIS, VERA], ids=lambda caller: caller.role.value)
def test_what_is_anothers_answers_on_every_route_like_what_never_was(services, theirs, caller):
    web = web_of(services, caller)
    walked = 0
    for method, path in operations(web):
        if path in NOBODYS or ("{" not in path and f"{method} {path}" not in JSON_ROUTES):
            continue
        bodies = JSON_ROUTES.get(f"{method} {path}", lambda at: [None])
        for known, never in zip(bodies(theirs.ids), bodies(FRESH), strict=True):
            answer = web.open(fill(path, theirs.ids), method=method, json=known)
            nothing = web.open(fill(path, FRESH), method=method, json=never)
            said = f"{method} {path}: {answer.status_code} {answer.text[:300]}"
            is_bulk = f"{method} {path}" in BULK and "ids" in (known or {})
            assert answer.status_code in ((200, 403) if is_bulk else (403, 404)), said
            assert (answer.status_code, without(theirs.ids, answer.text)) == (nothing.status_code, nothing.text), said
            walked += 1
    assert walked >= 60
    assert services.store.get(theirs.ids["job"]).state == State.RUNNING


def test_routes_with_a_body_are_all_looked_at(services):
    web = web_of(services, BORIS)
    paths = web.get("/openapi.json").json["paths"]
    with_body = {
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "requestBody" in operation and "{" not in path
    }

    assert with_body == {*(route for route in JSON_ROUTES if "{" not in route), *NAMES_NOTHING}


def text_of(answer: Any) -> str:
    """What an answer says, also inside a zip."""
    if answer.mimetype != "application/zip":
        return str(answer.text)
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    return "".join(name + archive.read(name).decode(errors="replace") for name in archive.namelist())


#: Lists of the library, asked for everything; and searched for what nobody knows of.
LIBRARY_LISTS = (
    "/v1/assets",
    "/v1/assets/facets",
    "/v1/assets/buckets",
    "/v1/assets/export",
    "/v1/assets/duplicates?notion=exact",
    f"/v1/search?q={PROMPT.split()[-1]}",
    f"/v1/assets?album={NAME}",
    f"/v1/assets?tag={NAME}",
    f"/v1/assets?owner={ANNA.name}",
)


@pytest.mark.parametrize("caller", [BORIS, VERA], ids=lambda caller: caller.role.value)
def test_no_list_and_no_view_has_a_word_of_anothers(services, theirs, caller):
    web = web_of(services, caller)
    asked = [path for method, path in operations(web) if method == "GET" and "{" not in path]
    polls = [f"/v1/jobs?ids={','.join(theirs.words[9:13])}"]
    listed = [f"{path}?owner={ANNA.name}" for path in ("/v1/jobs", "/v1/batches", "/v1/shares")]
    listed.append(f"/v1/keys?person={ANNA.name}")
    listed += [f"{path}{'&' if '?' in path else '?'}scope=all" for path in LIBRARY_LISTS]

    for path in [*asked, *listed]:
        answer = web.get(path)
        text = text_of(answer)
        found = [word for word in theirs.words if word in text]
        assert not found, f"GET {path} tells {found}"
    for path in polls:
        assert {row["state"] for row in web.get(path).json["jobs"]} == {"unknown"}
    assert len(asked) >= 8


def test_their_owner_gets_all_of_it(services, theirs):
    """The walk above would pass if nothing were there."""
    web = web_of(services, ANNA)
    for method, path in operations(web):
        if method != "GET" or "{" not in path or path in NOBODYS or "{token}" in path:
            continue
        if path.startswith("/v1/people"):  # the administrators'
            continue
        assert web.get(fill(path, theirs.ids)).status_code == 200, path
