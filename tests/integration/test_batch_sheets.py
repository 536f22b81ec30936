"""`GET /v1/batches/<id>/sheet`: the pictures of a batch on one."""

import io

import numpy as np
import pytest
from PIL import Image

from api.app import create_app
from api.services import build_services
from shared.contracts.jobs import Failure, State
from shared.contracts.ratings import PictureRating, RatingState
from shared.pictures.ratings import Ratings
from tests import batches_played, workers_played
from tests.people_played import ANNA, BORIS, web_of

GRID = {"prompts": ["a red house", "a blue boat"], "seeds": [1, 2, 3]}


@pytest.fixture
def web(services):
    services.registry.report(workers_played.report("gpu0", models=tuple(services.catalogue.cards)))
    return create_app(services).test_client()


def coloured(services, colour: str):
    """A worker whose every picture has this colour."""
    data = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(data, "PNG")
    made = services.artifacts.put(data.getvalue())
    return lambda job: (State.SUCCEEDED, {"images": [{"id": made}]}, None)


def sheet_of(web, batch, **query) -> Image.Image:
    answer = web.get(f"/v1/batches/{batch['id']}/sheet", query_string=query)
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.data))


def share_of(sheet: Image.Image, colour: tuple[int, int, int]) -> int:
    """Pixels of about this colour: tiles are WebP on their way."""
    away = np.abs(np.asarray(sheet.convert("RGB"), dtype=int) - colour).max(axis=-1)
    return int((away <= 8).sum())


def test_a_grid_becomes_a_table_with_every_picture(web, services):
    batch = batches_played.start(web, grid=GRID)
    batches_played.run_all(services, coloured(services, "#c80000"))

    sheet = sheet_of(web, batch, format="png")

    assert share_of(sheet, (200, 0, 0)) == 6 * 256**2
    assert sheet.width < 1200  # three columns and the labels, where tiles would stand four abreast


def test_prompts_alone_become_tiles(web, services):
    batch = batches_played.start(web, prompts=[f"picture {n}" for n in range(5)])
    batches_played.run_all(services, coloured(services, "#0000c8"))

    assert share_of(sheet_of(web, batch, format="png"), (0, 0, 200)) == 5 * 256**2
    assert share_of(sheet_of(web, batch, format="png", start=3, count=1), (0, 0, 200)) == 256**2


def test_members_without_a_picture_keep_their_place(web, services):
    batch = batches_played.start(web, grid=GRID)
    before = sheet_of(web, batch, format="png")
    good = coloured(services, "#00c800")
    bad = State.FAILED, None, Failure(code="engine_failed", message="as ordered")
    batches_played.run_all(services, lambda job: bad if job.params["seed"] == 2 else good(job))

    after = sheet_of(web, batch, format="png")

    assert before.size == after.size
    assert share_of(before, (0, 200, 0)) == 0
    assert share_of(after, (0, 200, 0)) == 4 * 256**2


def test_what_was_described_shows_the_picture_itself(web, services):
    data = io.BytesIO()
    Image.new("RGB", (64, 64), "#c800c8").save(data, "PNG")
    picture = web.post("/v1/images", data=data.getvalue(), content_type="image/png").json["id"]
    batch = batches_played.start(web, images=[picture], steps=[batches_played.ASK])
    batches_played.run_all(services)

    assert share_of(sheet_of(web, batch, format="png"), (200, 0, 200)) == 256**2


def test_who_has_it_already_is_told_so_until_something_changes(web, services):
    batch = batches_played.start(web, grid=GRID)
    where = f"/v1/batches/{batch['id']}/sheet"
    etag = web.get(where).headers["ETag"]

    assert web.get(where, headers={"If-None-Match": etag}).status_code == 304
    assert web.get(f"{where}?format=png", headers={"If-None-Match": etag}).status_code == 200
    batches_played.run_all(services, coloured(services, "#ffffff"))
    assert web.get(where, headers={"If-None-Match": etag}).status_code == 200


def test_a_picture_that_has_expired_says_so_in_its_place(web, services):
    batch = batches_played.start(web, prompts=["a"])
    batches_played.run_all(services, lambda job: (State.SUCCEEDED, {"images": [{"id": "img_" + "0" * 32}]}, None))

    assert sheet_of(web, batch).format == "JPEG"


@pytest.mark.parametrize(("query", "field"), [("count=145", "count"), ("format=gif", "format"), ("width=9", "width")])
def test_what_it_cannot_be_is_refused(web, query, field):
    batch = batches_played.start(web, prompts=["a"])

    answer = web.get(f"/v1/batches/{batch['id']}/sheet?{query}")

    assert (answer.status_code, answer.json["error"]["field"]) == (422, field)


def test_anothers_is_not_there(services):
    services.registry.report(workers_played.report("gpu0", models=tuple(services.catalogue.cards)))
    batch = batches_played.start(web_of(services, ANNA), prompts=["a"])

    assert web_of(services, BORIS).get(f"/v1/batches/{batch['id']}/sheet").status_code == 404


@pytest.mark.parametrize("rating", ["off", "blur", "refuse"])
def test_what_this_server_does_not_show_is_not_on_it_either(settings, rating):
    """Stripes: where they are blurred or withheld, no white is left."""
    services = build_services(settings.model_copy(update={"rating": rating}))
    services.registry.report(workers_played.report("gpu0", models=tuple(services.catalogue.cards)))
    web = create_app(services).test_client()
    batch = batches_played.start(web, prompts=["a"])
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::16] = stripes[1::16] = 255
    data = io.BytesIO()
    Image.fromarray(stripes).save(data, "PNG")
    made = services.artifacts.put(data.getvalue())
    batches_played.run_all(services, lambda job: (State.SUCCEEDED, {"images": [{"id": made}]}, None))
    Ratings(services.store.redis).write({made: PictureRating(state=RatingState.RATED, nsfw=0.9)})

    shown = sheet_of(web, batch, format="png").crop((28, 90, 284, 346))

    assert (share_of(shown, (255, 255, 255)) > 1000) == (rating == "off")
